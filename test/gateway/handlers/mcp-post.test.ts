import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { isJsonObject } from '../../../src/gateway/json/json-value.ts';
import { JSON_HEADERS, ask, post, startPeer, toolCall } from '../../support/http-peer.ts';
import type { Answer, Peer, PeerHandler } from '../../support/http-peer.ts';
import { startGateway } from '../../support/running-gateway.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';
import { deny, pending, withArgs, withResult } from '../../support/scripted-engine.ts';
import type { EngineScript } from '../../support/scripted-engine.ts';

let upstream: Peer;
let running: RunningGateway;

afterEach(async () => {
  await running.gateway.close();
  await upstream.close();
});

async function start(script: EngineScript, handler: PeerHandler): Promise<void> {
  upstream = await startPeer(handler);
  running = await startGateway(upstream.url, script);
}

/** Answers with the text as it is. */
function json(text: string): PeerHandler {
  return (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

function events(...texts: string[]): PeerHandler {
  return (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(texts.join(''));
}

/** Answers every request of a body with a result that repeats it, in the form it came. */
const mirror: PeerHandler = (_, response, body) => {
  const parsed = JSON.parse(body) as Record<string, unknown> | Record<string, unknown>[];
  const answerTo = ({ id, params }: Record<string, unknown>): object => ({
    jsonrpc: '2.0',
    id,
    result: { content: [{ type: 'text', text: JSON.stringify(params) }] },
  });
  const answers = Array.isArray(parsed) ? parsed.map(answerTo) : answerTo(parsed);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers));
};

const errorOf = (answer: Answer): Record<string, unknown> =>
  (JSON.parse(answer.body) as { error: Record<string, unknown> }).error;
const codeOf = (answer: Answer): unknown => (errorOf(answer)['data'] as Record<string, unknown>)['code'];

describe('what policy did not change', () => {
  const request =
    '{ "jsonrpc":"2.0","id":12345678901234567890, "method":"tools/call","params":{"name":"t","arguments":{"n":1.0,"big":123456789012345678901234567890,"s":"\\u0041"}} }\n';
  const response =
    '{"jsonrpc":"2.0", "id":12345678901234567890,"result":{"content":[],"structuredContent":{"n":1e400,"m":0.10}}} ';

  test('reaches the upstream and the client byte for byte', async () => {
    await start({}, json(response));
    const answer = await post(running.url, request);
    assert.equal(upstream.requests[0]?.body, request);
    assert.equal(answer.body, response);
    assert.deepEqual(running.engine.preCalls[0]?.args, { n: 1, big: 123456789012345678901234567890n, s: 'A' });
    assert.deepEqual(running.engine.postCalls[0]?.result, { n: Infinity, m: 0.1 });
    assert.equal(running.engine.postCalls[0]?.operation, running.engine.preCalls[0]);
  });

  test('so do events, with their comments, ids and line ends', async () => {
    const stream = `: hello\r\n\r\nid: 1\r\ndata: \r\n\r\nevent: message\rid: 2\rdata: {"jsonrpc":"2.0","id":12345678901234567890,\rdata: "result":{}}\r\r`;
    await start({}, events(stream));
    assert.equal((await post(running.url, request)).body, stream);
  });
});

describe('what policy changed', () => {
  test('only the changed argument is written anew', async () => {
    await start({ pre: ({ args }) => (isJsonObject(args) ? withArgs({ ...args, s: 'x' }) : {}) }, mirror);
    await post(
      running.url,
      '{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"_meta":{"n":1.0},"name":"t","arguments":{"big":12345678901234567890.5,"s":"secret"}}}',
    );
    assert.equal(
      upstream.requests[0]?.body,
      '{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"_meta":{"n":1.0},"name":"t","arguments":{"big":12345678901234567890.5,"s":"x"}}}',
    );
  });

  test('arguments are added where there were none', async () => {
    await start({ pre: () => withArgs({ limit: 5 }) }, mirror);
    await post(running.url, '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}');
    assert.equal(
      upstream.requests[0]?.body,
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"limit":5}}}',
    );
  });

  test('a changed URI is read in place of the first, in body and header', async () => {
    await start({ pre: () => withArgs({ uri: 'a://public' }) }, mirror);
    const message = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'a://all' } };
    await post(running.url, message, { 'Mcp-Method': 'resources/read', 'Mcp-Name': 'a://all' });
    assert.deepEqual(JSON.parse(upstream.requests[0]?.body ?? ''), { ...message, params: { uri: 'a://public' } });
    assert.equal(upstream.requests[0]?.headers['mcp-name'], 'a://public');
  });

  test('arguments that have no place in the request are not sent', async () => {
    await start({ pre: () => withArgs(['list']) }, mirror);
    const answer = await post(running.url, toolCall(1, 't'));
    assert.equal(codeOf(answer), 'gateway.arguments_unwritable');
    assert.equal(upstream.requests.length, 0);
  });

  test('a result is changed in the event that carries it, and nothing else', async () => {
    const before =
      'id: 1\nevent: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"n":1.0,"ssn":"1"}}}\n\n';
    const notification = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"ssn":"kept"}}\n\n';
    await start(
      { post: (_, result) => (isJsonObject(result) ? withResult({ ...result, ssn: 'x' }) : {}) },
      events(notification, before),
    );
    assert.equal(
      (await post(running.url, toolCall(1, 't'))).body,
      `${notification}id: 1\nevent: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"n":1.0,"ssn":"x"}}}\n\n`,
    );
  });

  test('a changed result that has no place in the response does not leave, nor does the old one', async () => {
    await start(
      { post: () => withResult('text') },
      json('{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"ssn":"1"}}}'),
    );
    const answer = await post(running.url, toolCall(1, 't'));
    assert.equal((errorOf(answer)['data'] as Record<string, unknown>)['violation'], 'gateway.result_unwritable');
    assert.doesNotMatch(answer.body, /ssn/);
  });
});

describe('denials', () => {
  test('in pre: the upstream is not asked', async () => {
    await start({ pre: () => deny('a.b', 'because', { n: 1 }) }, mirror);
    const answer = await post(running.url, toolCall('x', 't'));
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body), {
      jsonrpc: '2.0',
      id: 'x',
      error: { code: -32001, message: 'because', data: { violation: 'a.b', reason: 'because', details: { n: 1 } } },
    });
    assert.equal(upstream.requests.length, 0);
  });

  test('in pre: with the response of the route', async () => {
    const details = { 'http.status': 451, 'http.body': 'no', 'http.headers': { 'x-why': 'law' } };
    await start({ pre: () => deny('a.b', '', details) }, mirror);
    const answer = await post(running.url, toolCall(1, 't'));
    assert.deepEqual([answer.status, answer.body, answer.headers['x-why']], [451, 'no', 'law']);
  });

  test('in post: nothing of the result leaves, in JSON or in a stream', async () => {
    const message = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"SECRET"}]}}';
    const script: EngineScript = { post: () => deny('a.b', 'because', { 'http.status': 403 }) };
    await start(script, json(message));
    const answer = await post(running.url, toolCall(1, 't'));
    assert.equal(answer.status, 403);
    assert.equal(errorOf(answer)['code'], -32001);
    await running.gateway.close();
    await upstream.close();
    await start(script, events(`data: ${message}\n\n`));
    const streamed = await post(running.url, toolCall(1, 't'));
    assert.equal(streamed.status, 200);
    assert.match(streamed.body, /"code":-32001/);
    assert.doesNotMatch(answer.body + streamed.body, /SECRET/);
  });

  test('pending in either phase', async () => {
    await start({ pre: () => pending({ elicitation_id: 'e1', expires_at: 'soon' }) }, mirror);
    const error = errorOf(await post(running.url, toolCall(1, 't')));
    assert.deepEqual([error['code'], error['data']], [-32120, { elicitation_id: 'e1', expires_at: 'soon' }]);
  });

  test('who peeks gets nothing executed, though nobody is to be asked', async () => {
    await start({}, mirror);
    for (const [peek, code] of [
      ['1', -32121],
      ['true', -32121],
      ['0', undefined],
      ['FALSE', undefined],
    ] as const) {
      const answer = await post(running.url, toolCall(1, 't'), { 'x-policy-elicitation-peek': peek });
      assert.equal(answer.status, 200);
      assert.equal(Object(JSON.parse(answer.body))['error']?.code, code, peek);
    }
    assert.equal(upstream.requests.length, 2);
  });

  test('an engine that throws denies', async () => {
    await start(
      {
        pre: () => {
          throw new Error('defect with SECRET');
        },
      },
      mirror,
    );
    const answer = await post(running.url, toolCall(1, 't'));
    assert.equal((errorOf(answer)['data'] as Record<string, unknown>)['violation'], 'gateway.engine_failure');
    assert.doesNotMatch(answer.body, /SECRET/);
    assert.equal(upstream.requests.length, 0);
  });

  test('the error of a mediated request is decided too', async () => {
    await start(
      { post: (_, result) => (result === undefined ? deny('a.b') : {}) },
      json('{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"SECRET"}}'),
    );
    assert.doesNotMatch((await post(running.url, toolCall(1, 't'))).body, /SECRET/);
  });
});

describe('requests that are refused', () => {
  const cases: Readonly<Record<string, readonly [status: number, body: string, headers?: Record<string, string>]>> = {
    'gateway.malformed_json': [400, '{'],
    'gateway.duplicate_key': [400, '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}'],
    'gateway.invalid_request': [400, '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}'],
    'gateway.invalid_params': [
      400,
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":[1]}}',
    ],
    'gateway.ambiguous_method': [400, '{"jsonrpc":"2.0","id":1,"method":"Tools/Call ","params":{"name":"t"}}'],
    'gateway.header_mismatch': [400, JSON.stringify(toolCall(1, 't')), { 'Mcp-Name': 'other' }],
    'gateway.batch_unsupported': [
      400,
      '[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
      { 'MCP-Protocol-Version': '2025-11-25' },
    ],
    'gateway.unsupported_media_type': [415, '{}', { 'content-type': 'text/plain' }],
    'gateway.session_not_found': [404, JSON.stringify(toolCall(1, 't')), { 'Mcp-Session-Id': 'unknown' }],
  };
  for (const [code, [status, body, headers]] of Object.entries(cases)) {
    test(code, async () => {
      await start({}, mirror);
      const answer = await post(running.url, body, headers);
      assert.deepEqual([answer.status, codeOf(answer)], [status, code]);
      assert.equal(upstream.requests.length, 0);
      assert.equal(running.engine.preCalls.length, 0);
    });
  }

  test('JSON in other clothes', async () => {
    await start({}, mirror);
    for (const type of ['application/json; charset=utf-16', 'application/jsonx', 'text/json', '']) {
      const answer = await post(running.url, toolCall(1, 't'), { 'content-type': type });
      assert.equal(answer.status, 415, type);
    }
    const encoded = await post(running.url, toolCall(1, 't'), { 'content-encoding': 'gzip' });
    assert.equal(encoded.status, 415);
    const utf8 = await post(running.url, toolCall(1, 't'), { 'content-type': 'application/json; charset=UTF-8' });
    assert.equal(utf8.status, 200);
  });

  test('names that another parser reads in another case', async () => {
    await start({}, mirror);
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}';
    assert.equal((await post(running.url, body)).status, 400);
  });
});

describe('batches', () => {
  const script: EngineScript = { pre: ({ entity }) => (entity.name === 'bad' ? deny('a.b', 'no') : {}) };

  test('each member is decided by itself, and the answers come together', async () => {
    await start(script, mirror);
    const answer = await post(running.url, [
      toolCall(1, 'good'),
      toolCall(2, 'bad'),
      { jsonrpc: '2.0', method: 'n' },
      toolCall(3, 'good'),
    ]);
    const sent = JSON.parse(upstream.requests[0]?.body ?? '') as { id?: number }[];
    assert.deepEqual(
      sent.map(({ id }) => id),
      [1, undefined, 3],
    );
    const answers = JSON.parse(answer.body) as { id?: number; error?: { code: number } }[];
    assert.deepEqual(answers.find(({ id }) => id === 2)?.error?.code, -32001);
    assert.deepEqual(answers.flatMap(({ id }) => (id === undefined ? [] : [id])).toSorted(), [1, 2, 3]);
  });

  test('nothing is sent when nothing is allowed', async () => {
    await start(script, mirror);
    const answer = await post(running.url, [toolCall(1, 'bad'), toolCall(2, 'bad')]);
    assert.equal((JSON.parse(answer.body) as unknown[]).length, 2);
    assert.equal(upstream.requests.length, 0);
  });

  test('in a stream the denied come first', async () => {
    await start(script, events('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'));
    const answer = await post(running.url, [toolCall(1, 'good'), toolCall(2, 'bad')]);
    assert.match(
      answer.body,
      /^event: message\ndata: .*"id":2.*-32001.*\n\ndata: \{"jsonrpc":"2.0","id":1,"result":\{\}\}\n\n$/,
    );
  });

  test('a response that is missing becomes an error', async () => {
    await start(script, json('[{"jsonrpc":"2.0","id":1,"result":{}}]'));
    const answer = await post(running.url, [toolCall(1, 'good'), toolCall(2, 'good')]);
    const [first, second] = JSON.parse(answer.body) as { id: number; error?: { code: number } }[];
    assert.deepEqual([first?.id, second?.id, second?.error?.code], [1, 2, -32004]);
  });

  test('a batch in an event is decided member by member', async () => {
    const member = (id: number, value: string): string =>
      `{"jsonrpc":"2.0","id":${id},"result":{"structuredContent":{"v":"${value}"}}}`;
    await start(
      { post: (_, result) => (isJsonObject(result) && result['v'] === 'SECRET' ? deny('a.b') : {}) },
      events(`data: [${member(1, 'fine')},${member(2, 'SECRET')},${member(9, 'STRAY')}]\n\n`),
    );
    const { body } = await post(running.url, [toolCall(1, 'a'), toolCall(2, 'a')]);
    assert.match(body, /"v":"fine"/);
    assert.match(body, /"id":2,"error"/);
    assert.doesNotMatch(body, /SECRET|STRAY/);
  });
});

describe('headers on the way', () => {
  test('credentials and claims about the client stay behind, the rest goes on', async () => {
    await start(
      {
        identify: () => ({
          outcome: 'identified',
          extensions: { subject: { id: 'ann' } },
          credentials: [{ role: 'user', token: 't', header: 'X-User-Token' }],
        }),
      },
      mirror,
    );
    const answer = await post(running.url, toolCall(1, 't'), {
      Authorization: 'Bearer SECRET',
      'X-User-Token': 'SECRET',
      'X-Forwarded-For': '1.2.3.4',
      'X-HTTP-Method-Override': 'DELETE',
      'X-Custom': 'kept',
      'X-Hop': 'dropped',
      Connection: 'close, x-hop',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'X-Request-Id': 'req-1',
    });
    const headers = upstream.requests[0]?.headers ?? {};
    for (const name of ['authorization', 'x-user-token', 'x-forwarded-for', 'x-http-method-override', 'x-hop']) {
      assert.equal(headers[name], undefined, name);
    }
    assert.equal(headers['x-custom'], 'kept');
    assert.equal(headers['traceparent'], '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    assert.equal(headers['x-request-id'], 'req-1');
    assert.equal(headers.host, new URL(upstream.url).host);
    assert.equal(answer.headers['x-request-id'], 'req-1');
    const [operation] = running.engine.preCalls;
    const seen = operation?.extensions?.http?.request_headers ?? {};
    assert.deepEqual([seen['x-custom'], seen['authorization'], seen['x-user-token']], ['kept', undefined, undefined]);
    assert.equal(operation?.credentials?.[0]?.token, 't');
    assert.equal(running.engine.identified[0]?.headers['authorization'], 'Bearer SECRET');
    assert.doesNotMatch(running.log.join(''), /SECRET/);
  });

  test('what policy knows of the request', async () => {
    await start({}, mirror);
    await ask(running.url, { path: '/mcp?x=1', headers: JSON_HEADERS, body: JSON.stringify(toolCall(1, 't')) });
    const http = running.engine.preCalls[0]?.extensions?.http;
    assert.deepEqual([http?.method, http?.path, http?.host, http?.scheme], ['POST', '/mcp', '127.0.0.1', 'http']);
    assert.deepEqual(running.engine.preCalls[0]?.extensions?.mcp, { tool: { name: 't' } });
  });

  test('headers that plugins set or take away go upstream so, and a minted credential goes before them', async () => {
    await start(
      {
        pre: () => ({
          headers: { 'x-tenant': 'acme', 'x-custom': null, authorization: 'Basic of-the-plugin' },
          delegatedTokens: [{ token: 'minted', header: 'Authorization' }],
        }),
      },
      mirror,
    );
    await post(running.url, toolCall(1, 't'), { 'X-Custom': 'of the client', 'X-Tenant': 'mallory', 'X-Kept': '1' });
    const headers = upstream.requests[0]?.headers ?? {};
    assert.deepEqual(
      [headers['x-tenant'], headers['x-custom'], headers['x-kept'], headers.authorization],
      ['acme', undefined, '1', 'Bearer minted'],
    );
  });

  test('an operation with headers of its own is refused in a batch', async () => {
    await start({ pre: () => ({ headers: { 'x-tenant': 'acme' } }) }, mirror);
    const batch = await post(running.url, [toolCall(1, 't'), toolCall(2, 't')]);
    assert.equal(upstream.requests.length, 0);
    assert.match(batch.body, /gateway\.delegation_in_batch/);
  });

  test('a minted credential goes upstream in its header', async () => {
    await start(
      {
        pre: () => ({
          delegatedTokens: [
            { token: 'minted', header: 'Authorization' },
            { token: 'raw', header: 'X-Token' },
          ],
        }),
      },
      mirror,
    );
    await post(running.url, toolCall(1, 't'), { Authorization: 'Bearer own' });
    const headers = upstream.requests[0]?.headers ?? {};
    assert.deepEqual([headers.authorization, headers['x-token']], ['Bearer minted', 'raw']);
    const batch = await post(running.url, [toolCall(1, 't'), toolCall(2, 't')]);
    assert.equal(upstream.requests.length, 1);
    assert.match(batch.body, /gateway\.delegation_in_batch/);
  });
});

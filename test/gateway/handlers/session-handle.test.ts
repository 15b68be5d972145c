import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { withHandle, withoutHandle } from '../../../src/gateway/handlers/session-handle.ts';
import { ask, post, startPeer, toolCall } from '../../support/http-peer.ts';
import type { Peer, PeerHandler } from '../../support/http-peer.ts';
import { startGateway } from '../../support/running-gateway.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';
import { deny, withResult } from '../../support/scripted-engine.ts';
import type { EngineScript } from '../../support/scripted-engine.ts';

const KEY = 'com.example/handle';
const HEADER = 'Indelible-Session';
const LOWER = 'indelible-session';
const NAMES = { header: HEADER, meta: KEY };
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let upstream: Peer | undefined;
let running: RunningGateway | undefined;

afterEach(async () => {
  await running?.gateway.close();
  await upstream?.close();
  upstream = undefined;
  running = undefined;
});

const RESULT = '{ "content" : [ ],  "n": 1.0 }';
const answering =
  (result: string, headers: Readonly<Record<string, string>> = {}): PeerHandler =>
  (_, response, body) => {
    const { id } = JSON.parse(body) as { id: unknown };
    response.writeHead(200, { 'content-type': 'application/json', ...headers });
    response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)}, "result": ${result}}`);
  };

async function start(
  script: EngineScript,
  handler: PeerHandler = answering(RESULT),
): Promise<{ readonly running: RunningGateway; readonly upstream: Peer }> {
  upstream = await startPeer(handler);
  running = await startGateway(upstream.url, script);
  return { running, upstream };
}

const handing: EngineScript = {
  handleNames: NAMES,
  pre: () => ({ handle: 'before' }),
  post: () => ({ handle: 'after' }),
};

const withMeta = (meta: unknown): Record<string, unknown> => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 't', _meta: meta },
});

describe('what a request says of its session', () => {
  test('is its `_meta`, its trace and its handle', async () => {
    const { running: gateway } = await start(handing);
    const hintsOf = async (message: unknown, headers: Readonly<Record<string, string>> = {}): Promise<unknown> => {
      await post(gateway.url, message, headers);
      return gateway.engine.preCalls.at(-1)?.sessionHints;
    };
    assert.equal(await hintsOf(toolCall(1, 't')), undefined);
    assert.deepEqual(await hintsOf(toolCall(1, 't'), { [HEADER]: 'h', traceparent: TRACEPARENT }), {
      handle: 'h',
      traceparent: TRACEPARENT,
    });
    const meta = { [KEY]: 'm', traceparent: TRACEPARENT, n: 1 };
    assert.deepEqual(await hintsOf(withMeta(meta), { [HEADER]: 'h', traceparent: 'other' }), {
      meta,
      traceparent: TRACEPARENT,
      handle: 'm',
    });
    assert.deepEqual(await hintsOf(withMeta({ [KEY]: 7 })), { meta: { [KEY]: 7 }, handle: '' });
    assert.deepEqual(await hintsOf(withMeta('none')), undefined);
  });

  test('has no handle when none are given out', async () => {
    const { running: gateway } = await start({});
    await post(gateway.url, withMeta({ [KEY]: 'm' }), { [HEADER]: 'h' });
    assert.deepEqual(gateway.engine.preCalls[0]?.sessionHints, { meta: { [KEY]: 'm' } });
  });

  test('is known of requests that are no MCP too', async () => {
    const { running: gateway, upstream: server } = await start(handing, (_, response) => void response.end('ok'));
    const answer = await ask(gateway.url, { method: 'GET', path: '/other', headers: { [HEADER]: 'h' } });
    assert.deepEqual(gateway.engine.preCalls[0]?.sessionHints, { handle: 'h' });
    assert.equal(answer.headers[LOWER], 'before');
    assert.equal(server.requests[0]?.headers[LOWER], undefined);
  });
});

describe('the handle', () => {
  test('comes back in the header and in `_meta`, the latest of the exchange', async () => {
    const { running: gateway } = await start(handing);
    const answer = await post(gateway.url, toolCall(1, 't'));
    assert.equal(answer.headers[LOWER], 'after');
    assert.equal(
      answer.body,
      `{"jsonrpc":"2.0","id":1, "result": {"_meta":{"${KEY}":"after"}, "content" : [ ],  "n": 1.0 }}`,
    );
  });

  test('leaves the answer as it came where the header alone carries it', async () => {
    const { running: gateway } = await start({ ...handing, handleNames: { header: HEADER, meta: undefined } });
    const answer = await post(gateway.url, toolCall(1, 't'));
    assert.equal(answer.headers[LOWER], 'after');
    assert.equal(answer.body, `{"jsonrpc":"2.0","id":1, "result": ${RESULT}}`);
  });

  test('comes with denials and changed results too', async () => {
    const { running: gateway } = await start(
      {
        ...handing,
        pre: ({ entity }) => (entity.name === 'no' ? { ...deny('x'), handle: 'denied' } : { handle: 'before' }),
        post: ({ entity }) =>
          entity.name === 'late'
            ? { ...deny('y'), handle: 'denied late' }
            : { ...withResult({ n: 2 }), handle: 'after' },
      },
      answering('{"structuredContent":{"n":1},"_meta":{"other":1}}'),
    );
    assert.equal((await post(gateway.url, toolCall(1, 'no'))).headers[LOWER], 'denied');
    assert.equal((await post(gateway.url, toolCall(1, 'late'))).headers[LOWER], 'denied late');
    const changed = await post(gateway.url, toolCall(1, 'yes'));
    assert.deepEqual((JSON.parse(changed.body) as { result: unknown }).result, {
      structuredContent: { n: 2 },
      _meta: { [KEY]: 'after', other: 1 },
    });
  });

  test('of the time before stands in the header of a stream, the latest in its event', async () => {
    const { running: gateway } = await start(handing, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
    });
    const answer = await post(gateway.url, toolCall(1, 't'));
    assert.equal(answer.headers[LOWER], 'before');
    assert.equal(answer.body, `data: {"jsonrpc":"2.0","id":1,"result":{"_meta":{"${KEY}":"after"}}}\n\n`);
  });

  test('never reaches the upstream, nor policy as a header', async () => {
    const { running: gateway, upstream: server } = await start(handing);
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"a": 1.0,"${KEY}":"SECRET" }}}`;
    await post(gateway.url, body, { [HEADER]: 'SECRET' });
    const escaped = body.replace('com.example', 'com\\u002eexample').replace('tools/call', 'tools/list');
    await post(gateway.url, escaped, { [HEADER]: 'SECRET' });
    await post(gateway.url, `[${body}]`.replace('"id":1', '"id":2'), { [HEADER]: 'SECRET' });
    await post(gateway.url, `{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"${KEY}":"SECRET"}}}`);
    await post(gateway.url, `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"${KEY}":"SECRET"}}}`);
    assert.equal(server.requests.length, 5);
    for (const { headers, body: sent } of server.requests) {
      assert.ok(!sent.includes('SECRET'), sent);
      assert.equal(headers[LOWER], undefined);
    }
    assert.match(server.requests[0]?.body ?? '', /"_meta":\{"a": 1\.0\}/);
    assert.equal(gateway.engine.preCalls[0]?.extensions?.http?.request_headers?.[LOWER], undefined);
  });

  test('of the upstream is none', async () => {
    const { running: gateway } = await start(
      handing,
      answering(`{"_meta":{"${KEY}":"forged"}}`, { [HEADER]: 'forged' }),
    );
    const answer = await post(gateway.url, toolCall(1, 't'));
    assert.equal(answer.headers[LOWER], 'after');
    assert.equal(answer.body, `{"jsonrpc":"2.0","id":1, "result": {"_meta":{"${KEY}":"after"}}}`);
    const list = await post(gateway.url, { jsonrpc: '2.0', id: 2, method: 'tools/list' });
    assert.equal(list.headers[LOWER], undefined);
  });

  test('can be read by pages of an allowed origin', async () => {
    const { running: gateway } = await start(handing);
    const answer = await post(gateway.url, toolCall(1, 't'), { origin: 'http://localhost:3000' });
    assert.match(answer.headers['access-control-expose-headers'] ?? '', /, Indelible-Session$/);
  });
});

describe('a handle in a JSON text', () => {
  const meta = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }));
  const result = fc.record({ _meta: meta, content: fc.jsonValue(), [KEY]: fc.string() }, { requiredKeys: [] });
  const spaces = fc.constantFrom(undefined, 1, '\t');

  test('is added to what is there, and taken away again', () => {
    fc.assert(
      fc.property(result, spaces, fc.string(), fc.constantFrom('params', 'result'), (given, space, handle, holder) => {
        const text = JSON.stringify({ id: 1, [holder]: given }, undefined, space);
        const added: unknown = JSON.parse(withHandle(text, KEY, handle));
        const expected = { id: 1, [holder]: { ...given, _meta: { ...given._meta, [KEY]: handle } } };
        if (holder === 'result') assert.deepEqual(added, JSON.parse(JSON.stringify(expected)));
        const without: unknown = JSON.parse(withoutHandle(JSON.stringify(expected, undefined, space), KEY));
        const { [KEY]: _, ...others } = given._meta ?? {};
        assert.deepEqual(without, JSON.parse(JSON.stringify({ id: 1, [holder]: { ...given, _meta: others } })));
        if (given._meta?.[KEY] === undefined) assert.equal(withoutHandle(text, KEY), text);
      }),
    );
  });
});

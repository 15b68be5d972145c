import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { createGateway } from '../../src/gateway/index.ts';
import type { GatewayOptions } from '../../src/gateway/index.ts';
import { JSON_HEADERS, ask, openResponse, post, readAll, startPeer, toolCall } from '../support/http-peer.ts';
import type { Answer, Ask, Peer, PeerHandler } from '../support/http-peer.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { bearerIdentity, deny, scriptedEngine } from '../support/scripted-engine.ts';
import type { EngineScript } from '../support/scripted-engine.ts';

let upstream: Peer;
let running: RunningGateway;

afterEach(async () => {
  await running.gateway.close();
  await upstream.close();
});

const RESULT = '{"jsonrpc":"2.0","id":1,"result":{}}';
const ok: PeerHandler = (_, response) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(RESULT);

async function start(
  script: EngineScript = {},
  handler: PeerHandler = ok,
  options: Partial<GatewayOptions> = {},
): Promise<void> {
  upstream = await startPeer(handler);
  running = await startGateway(upstream.url, script, options);
}

const codeOf = (answer: Answer): string =>
  (JSON.parse(answer.body) as { error: { data: { code: string } } }).error.data.code;

/** Sends the text as it is and gives everything that comes back until the connection closes. */
async function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(text);
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  await once(socket, 'close');
  return answer;
}

describe('who may talk to the gateway', () => {
  test('evil hosts and origins are turned away before anything is read', async () => {
    await start({}, ok, { allowHosts: ['mcp.example'], allowOrigins: ['https://app.example'] });
    const body = JSON.stringify(toolCall(1, 't'));
    for (const [headers, code] of [
      [{ Host: 'evil.example' }, 'gateway.forbidden_host'],
      [{ Host: `localhost.evil.example` }, 'gateway.forbidden_host'],
      [{ Origin: 'https://evil.example' }, 'gateway.forbidden_origin'],
      [{ Origin: 'null' }, 'gateway.forbidden_origin'],
    ] as const) {
      for (const method of ['POST', 'GET', 'DELETE', 'PUT']) {
        const withBody = method === 'POST' || method === 'PUT' ? { body } : {};
        const answer = await ask(running.url, { method, headers: { ...JSON_HEADERS, ...headers }, ...withBody });
        assert.deepEqual([answer.status, codeOf(answer)], [403, code]);
      }
    }
    assert.equal(running.engine.identified.length, 0);
    for (const headers of [{ Host: 'mcp.example' }, { Host: 'localhost:1' }, { Origin: 'https://app.example' }]) {
      assert.equal((await ask(running.url, { headers: { ...JSON_HEADERS, ...headers }, body })).status, 200);
    }
    assert.equal(running.engine.preCalls[0]?.extensions?.http?.host, 'mcp.example');
  });

  test('pages of an allowed origin may ask and read, on the MCP endpoint', async () => {
    const origin = 'https://app.example';
    await start(
      { identify: bearerIdentity },
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' }).end(RESULT);
      },
      { allowOrigins: [origin] },
    );
    const preflight = await ask(running.url, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization, mcp-session-id',
        Authorization: 'Bearer bad',
      },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-headers'], 'authorization, mcp-session-id');
    assert.equal(preflight.headers['access-control-allow-methods'], 'POST, GET, DELETE');
    assert.equal(upstream.requests.length, 0);
    const answers = [
      preflight,
      await post(running.url, toolCall(1, 't'), { Origin: origin }),
      await post(running.url, toolCall(1, 't'), { Origin: origin, Authorization: 'Bearer bad' }),
    ];
    for (const answer of answers) assert.equal(answer.headers['access-control-allow-origin'], origin);
    const evil = await post(running.url, toolCall(1, 't'), { Origin: 'https://evil.example' });
    assert.equal(evil.headers['access-control-allow-origin'], undefined);
  });

  test('one Host line, and one of each header that only one reader may choose', async () => {
    await start();
    const twice = 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n';
    assert.match(await raw(running.url, twice), /^HTTP\/1\.1 (?:400|403) /);
    for (const header of ['Content-Type: text/plain', 'Authorization: Bearer a']) {
      const text = `GET / HTTP/1.1\r\nHost: localhost\r\n${header}\r\n${header}\r\nConnection: close\r\n\r\n`;
      assert.match(await raw(running.url, text), /^HTTP\/1\.1 400 .*gateway\.repeated_header/s);
    }
    assert.match(await raw(running.url, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 403 /);
    assert.match(
      await raw(running.url, 'GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      /^HTTP\/1\.1 400 /,
    );
    assert.equal(upstream.requests.length, 0);
  });

  test('a request that two parsers read differently is no request', async () => {
    await start();
    const head = 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    for (const text of [
      `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
      `${head}Transfer-Encoding: xchunked\r\n\r\n{}`,
      `${head}Bad Header: 1\r\n\r\n`,
      'nonsense\r\n\r\n',
    ]) {
      assert.match(await raw(running.url, text), /^HTTP\/1\.1 400 /, text);
    }
    assert.equal(upstream.requests.length, 0);
  });
});

describe('identity', () => {
  test('who is denied gets a challenge', async () => {
    await start({ identify: bearerIdentity }, ok, {
      resourceMetadata: 'https://gw.example/.well-known/oauth-protected-resource',
    });
    const headers = { Authorization: 'Bearer bad' };
    const answers = [
      await post(running.url, toolCall(1, 't'), headers),
      await ask(running.url, { method: 'GET', headers }),
      await ask(running.url, { method: 'DELETE', headers }),
      await ask(running.url, { method: 'GET', path: '/other', headers }),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 401);
      assert.equal(
        answer.headers['www-authenticate'],
        'Bearer resource_metadata="https://gw.example/.well-known/oauth-protected-resource", error="invalid_token"',
      );
      assert.doesNotMatch(answer.body, /bad/);
    }
    assert.equal(upstream.requests.length, 0);
    assert.equal(running.engine.preCalls.length, 0);
  });

  test('without credentials the challenge is plain', async () => {
    await start({
      identify: () => ({ outcome: 'denied', violation: { code: 'auth.missing', reason: '', details: {} } }),
    });
    const answer = await post(running.url, toolCall(1, 't'));
    assert.deepEqual([answer.status, answer.headers['www-authenticate']], [401, 'Bearer']);
  });

  test('an operation is identified as its entity, everything else as HTTP', async () => {
    await start({ identify: bearerIdentity });
    await post(running.url, toolCall(1, 't'), { Authorization: 'Bearer ann' });
    await post(running.url, { jsonrpc: '2.0', id: 1, method: 'tools/list' });
    assert.deepEqual(
      running.engine.identified.map(({ entity }) => entity),
      [
        { type: 'tool', name: 't' },
        { type: 'http', name: '*' },
      ],
    );
    assert.equal(running.engine.preCalls[0]?.extensions?.subject?.id, 'ann');
  });

  test('an engine that cannot identify denies', async () => {
    await start({
      identify: () => {
        throw new Error('defect');
      },
    });
    assert.equal((await post(running.url, toolCall(1, 't'))).status, 401);
  });

  test('the authorization header goes on only when asked for', async () => {
    await start({}, ok, { forwardAuthorization: true });
    await post(running.url, toolCall(1, 't'), { Authorization: 'Bearer own' });
    assert.equal(upstream.requests[0]?.headers.authorization, 'Bearer own');
  });
});

describe('requests that are not MCP', () => {
  test('are decided as HTTP operations and proxied as they are', async () => {
    await start({}, (request, response) => {
      const headers = { 'content-type': 'text/plain', 'x-own': '1', 'set-cookie': ['a=1', 'b=2'] };
      response.writeHead(201, headers).end(`${request.method ?? ''} ${request.url ?? ''}`);
    });
    const answer = await ask(running.url, {
      method: 'PUT',
      path: '/files/a%20b?x=/../y',
      headers: { 'X-Custom': '1', 'content-type': 'text/plain' },
      body: 'hello',
    });
    assert.deepEqual([answer.status, answer.body, answer.headers['x-own']], [201, 'PUT /files/a%20b?x=/../y', '1']);
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(upstream.requests[0]?.body, 'hello');
    const [operation] = running.engine.preCalls;
    assert.deepEqual(operation?.entity, { type: 'http', name: '*' });
    assert.deepEqual([operation?.extensions?.http?.method, operation?.extensions?.http?.path], ['PUT', '/files/a%20b']);
    assert.equal(running.engine.postCalls.length, 0);
  });

  test('are forbidden when policy says so', async () => {
    await start({ pre: ({ extensions }) => (extensions?.http?.path === '/admin' ? deny('no.admin', 'no') : {}) });
    const answer = await ask(running.url, { method: 'GET', path: '/admin?x' });
    assert.deepEqual(
      [answer.status, JSON.parse(answer.body)],
      [403, { violation: 'no.admin', reason: 'no', details: {} }],
    );
    assert.equal(upstream.requests.length, 0);
  });

  test('cannot carry a mediated operation past its policy', async () => {
    await start();
    const call = JSON.stringify(toolCall(1, 't'));
    const attempts: readonly Ask[] = [
      { path: '/mcp/', body: call },
      { path: '//mcp', body: call },
      { path: '/%6dcp', body: call },
      { path: '/x/../mcp', body: call },
      { path: '/MCP', body: call },
      { path: '/messages', body: call },
      { path: '/messages', body: `[${call}]` },
      { path: '/messages', body: call.replace('method', 'Method') },
      { path: '/messages', body: `\uFEFF ${call}` },
      { path: '/messages', body: call.replace('"id":1', '"method":"ping"') },
      { path: '/messages', body: `${call.slice(0, -1)},}` },
      { method: 'PUT', body: call },
      { path: '/messages', body: 'x', headers: { 'content-encoding': 'gzip' } },
    ];
    for (const attempt of attempts) {
      const answer = await ask(running.url, { ...attempt, headers: { ...JSON_HEADERS, ...attempt.headers } });
      assert.ok(answer.status >= 400, JSON.stringify(attempt));
    }
    assert.equal(upstream.requests.length, 0);
    assert.equal(
      (await ask(running.url, { path: '/messages', body: '{"method":"other"}', headers: JSON_HEADERS })).status,
      200,
    );
  });
});

describe('limits', () => {
  test('bodies that are too large, announced or not', async () => {
    await start({}, ok, { limits: { maxBodyBytes: 100 } });
    const body = JSON.stringify(toolCall(1, 't', { text: 'x'.repeat(200) }));
    const announced = await ask(running.url, {
      headers: { ...JSON_HEADERS, 'content-length': String(body.length) },
      body,
    });
    const chunked = await ask(running.url, { headers: { ...JSON_HEADERS, 'transfer-encoding': 'chunked' }, body });
    for (const answer of [announced, chunked]) {
      assert.deepEqual(
        [answer.status, codeOf(answer), answer.headers.connection],
        [413, 'gateway.body_too_large', 'close'],
      );
    }
    assert.equal((await ask(running.url, { path: '/other', body })).status, 413);
  });

  test('headers that are too large', async () => {
    await start({}, ok, { limits: { maxHeaderBytes: 2048 } });
    const answer = await raw(running.url, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(4096)}\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 431 /);
  });

  test('requests that do not come in time', async () => {
    await start({}, ok, { limits: { requestMs: 100 } });
    const head =
      'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
    assert.match(await raw(running.url, head), /^HTTP\/1\.1 408 /);
  });

  test('too many requests at a time', async () => {
    const held: ServerResponse[] = [];
    await start({}, (_, response) => void held.push(response), { limits: { maxInFlight: 1 } });
    const first = post(running.url, toolCall(1, 't'));
    await upstream.received(1);
    const second = await post(running.url, toolCall(1, 't'));
    assert.deepEqual([second.status, codeOf(second), second.headers['retry-after']], [503, 'gateway.overloaded', '1']);
    held[0]?.writeHead(200, { 'content-type': 'application/json' }).end(RESULT);
    assert.equal((await first).status, 200);
  });

  test('streams have a limit of their own', async () => {
    const stream: PeerHandler = (request, response, body) => {
      if (request.method !== 'GET') return ok(request, response, body);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': hello\n\n');
    };
    await start({}, stream, { limits: { maxInFlight: 1, maxStreams: 1 } });
    const open = await openResponse(running.url, { method: 'GET' });
    assert.equal((await ask(running.url, { method: 'GET' })).status, 503);
    assert.equal((await post(running.url, toolCall(1, 't'))).status, 200);
    open.destroy();
  });
});

describe('operations', () => {
  test('the admin listener', async () => {
    let healthy = true;
    await start({ health: () => Promise.resolve({ healthy, detail: 'store' }) });
    const get = (path: string): Promise<Answer> => ask(running.adminUrl, { method: 'GET', path });
    assert.equal((await get('/healthz')).status, 200);
    assert.deepEqual([(await get('/readyz')).status, (await get('/nothing')).status], [200, 404]);
    healthy = false;
    const unready = await get('/readyz');
    assert.deepEqual([unready.status, (JSON.parse(unready.body) as { ready: boolean }).ready], [503, false]);
    await post(running.url, toolCall(1, 't'));
    running.telemetry.alarm({ alarm: 'session_store_failure', op: 'load' });
    const metrics = (await get('/metrics')).body;
    assert.match(metrics, /indelible_decisions_total\{type="tool",phase="pre",outcome="allow"\} 1/);
    assert.match(metrics, /indelible_decisions_total\{type="tool",phase="post",outcome="allow"\} 1/);
    assert.match(metrics, /indelible_alarms_total\{alarm="session_store_failure"\} 1/);
    assert.match(metrics, /indelible_request_duration_seconds_count\{method="tools\/call"\} 1/);
    assert.match(metrics, /indelible_requests_in_flight 0/);
    assert.equal((await ask(running.adminUrl, { method: 'POST', path: '/readyz' })).status, 405);
  });

  test('closing waits for the work in flight and ends the streams', async () => {
    const held: ServerResponse[] = [];
    await start({}, (request, response) => {
      if (request.method === 'POST') return void held.push(response);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': hello\n\n');
    });
    const stream = await openResponse(running.url, { method: 'GET' });
    const work = post(running.url, toolCall(1, 't'));
    await upstream.received(2);
    const closed = running.gateway.close();
    assert.equal(await readAll(stream), ': hello\n\n');
    await assert.rejects(post(running.url, toolCall(2, 't')), { code: 'ECONNREFUSED' });
    assert.equal((await ask(running.adminUrl, { method: 'GET', path: '/readyz' })).status, 503);
    held[0]?.writeHead(200, { 'content-type': 'application/json' }).end(RESULT);
    assert.equal((await work).body, RESULT);
    await closed;
  });

  test('closing cuts what takes too long', async () => {
    await start({}, () => {}, { limits: { drainMs: 50 } });
    const work = post(running.url, toolCall(1, 't'));
    await upstream.received(1);
    await Promise.all([running.gateway.close(), assert.rejects(work)]);
  });

  test('options that cannot be used are refused', async () => {
    await start();
    const engine = scriptedEngine();
    const listen = { host: '127.0.0.1', port: 0 };
    for (const url of ['nope', 'ftp://h/', 'http://user:SECRET@h/', 'http://h/?q', 'http://h/#f']) {
      assert.throws(
        () => createGateway({ engine, upstream: url, listen, telemetry: running.telemetry }),
        (error: unknown) => error instanceof TypeError && !error.message.includes('SECRET'),
        url,
      );
    }
  });
});

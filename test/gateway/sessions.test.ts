import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, test } from 'node:test';
import { isJsonObject } from '../../src/gateway/json/json-value.ts';
import { ask, openResponse, post, startPeer, toolCall } from '../support/http-peer.ts';
import type { Answer, Peer, PeerHandler } from '../support/http-peer.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { bearerIdentity, deny, withResult } from '../support/scripted-engine.ts';
import type { EngineScript } from '../support/scripted-engine.ts';

const INITIALIZE = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
const STREAM_HEADERS = { accept: 'text/event-stream' };

let upstream: Peer;
let running: RunningGateway;

afterEach(async () => {
  await running.gateway.close();
  await upstream.close();
});

/** Opens a session for every `initialize`; everything else is up to `handler`. */
async function start(script: EngineScript, handler: PeerHandler): Promise<void> {
  let sessions = 0;
  upstream = await startPeer((request, response, body) => {
    if (!body.includes('"initialize"')) return handler(request, response, body);
    const headers = { 'content-type': 'application/json', 'mcp-session-id': `upstream-${++sessions}` };
    response.writeHead(200, headers).end('{"jsonrpc":"2.0","id":0,"result":{}}');
  });
  running = await startGateway(upstream.url, script);
}

async function open(headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { headers: given } = await post(running.url, INITIALIZE, headers);
  const id = given['mcp-session-id'];
  assert.ok(typeof id === 'string');
  return id;
}

const ok: PeerHandler = (_, response, body) => {
  const id = body === '' ? null : (JSON.parse(body) as { id: unknown }).id;
  response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'upstream-leak' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
};

function event(message: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;
}

const errorCode = (answer: Answer): unknown =>
  (JSON.parse(answer.body) as { error: { data: { code: string } } }).error.data.code;

test('clients see an id of the gateway, the upstream its own', async () => {
  await start({}, ok);
  const id = await open();
  assert.match(id, /^[\w-]{43}$/);
  assert.notEqual(id, await open());
  const answer = await post(running.url, toolCall(1, 't'), { 'Mcp-Session-Id': id });
  assert.equal(upstream.requests.at(-1)?.headers['mcp-session-id'], 'upstream-1');
  assert.equal(answer.headers['mcp-session-id'], id);
  assert.equal(running.engine.preCalls[0]?.extensions?.agent?.session_id, id);
  const without = await post(running.url, toolCall(2, 't'));
  assert.equal(without.headers['mcp-session-id'], undefined);
  assert.equal(running.engine.preCalls[1]?.extensions?.agent, undefined);
});

test('the upstream cannot open a session where none was asked for', async () => {
  await start({}, ok);
  assert.equal((await post(running.url, toolCall(1, 't'))).headers['mcp-session-id'], undefined);
});

test('a request keeps to the protocol version of its session, or names none', async () => {
  const versions = ['2025-11-25', undefined];
  upstream = await startPeer((request, response, body) => {
    if (!body.includes('"initialize"')) return ok(request, response, body);
    const headers = { 'content-type': 'application/json', 'mcp-session-id': 'upstream' };
    const result = { protocolVersion: versions.shift() };
    response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id: 0, result }));
  });
  running = await startGateway(upstream.url);
  const [agreed, unknown] = [await open(), await open()];
  const call = (session: string, version?: string): Promise<Answer> =>
    post(running.url, toolCall(1, 't'), {
      'mcp-session-id': session,
      ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
    });
  const forwarded = upstream.requests.length;
  for (const version of ['2025-06-18', '2025-03-26', '2026-07-28', '', 'x']) {
    const refused = await call(agreed, version);
    assert.deepEqual([refused.status, errorCode(refused)], [400, 'gateway.protocol_version'], version);
    for (const method of ['GET', 'DELETE']) {
      const headers = { ...STREAM_HEADERS, 'mcp-session-id': agreed, 'mcp-protocol-version': version };
      assert.equal((await ask(running.url, { method, headers })).status, 400);
    }
  }
  assert.equal(upstream.requests.length, forwarded);
  assert.equal((await call(agreed)).status, 200);
  assert.equal((await call(agreed, '2025-11-25')).status, 200);
  assert.equal((await call(unknown, '2025-06-18')).status, 200);
});

test("somebody else's session is as good as none", async () => {
  await start({ identify: bearerIdentity }, ok);
  const id = await open({ Authorization: 'Bearer ann' });
  const unknown = await post(running.url, toolCall(1, 't'), {
    'Mcp-Session-Id': 'upstream-1',
    Authorization: 'Bearer ann',
  });
  for (const authorization of ['Bearer bob', undefined]) {
    const headers = { 'Mcp-Session-Id': id, ...(authorization === undefined ? {} : { Authorization: authorization }) };
    const answer = await post(running.url, toolCall(1, 't'), headers);
    assert.equal(answer.status, 404);
    assert.equal(answer.body, unknown.body);
    for (const method of ['GET', 'DELETE']) {
      assert.equal((await ask(running.url, { method, headers: { ...STREAM_HEADERS, ...headers } })).status, 404);
    }
  }
  const own = await post(running.url, toolCall(1, 't'), { 'Mcp-Session-Id': id, Authorization: 'Bearer ann' });
  assert.equal(own.status, 200);
});

test('equal subjects of two issuers are two owners', async () => {
  let issuer = 'a';
  await start(
    { identify: () => ({ outcome: 'identified', extensions: { subject: { id: 'ann', issuer } }, credentials: [] }) },
    ok,
  );
  const id = await open();
  issuer = 'b';
  assert.equal((await post(running.url, toolCall(1, 't'), { 'Mcp-Session-Id': id })).status, 404);
});

test('DELETE ends both sessions', async () => {
  await start({}, (_, response) => void response.writeHead(405).end());
  const id = await open();
  const ended = await ask(running.url, { method: 'DELETE', headers: { 'Mcp-Session-Id': id } });
  assert.equal(ended.status, 204);
  const last = upstream.requests.at(-1);
  assert.deepEqual([last?.method, last?.headers['mcp-session-id']], ['DELETE', 'upstream-1']);
  assert.equal((await post(running.url, toolCall(1, 't'), { 'Mcp-Session-Id': id })).status, 404);
});

test('a session that the upstream forgot is gone', async () => {
  await start({}, (_, response) => void response.writeHead(404).end());
  const id = await open();
  const first = await post(running.url, toolCall(1, 't'), { 'Mcp-Session-Id': id });
  assert.deepEqual([first.status, errorCode(first)], [404, 'gateway.upstream_status']);
  const second = await post(running.url, toolCall(1, 't'), { 'Mcp-Session-Id': id });
  assert.deepEqual([second.status, errorCode(second)], [404, 'gateway.session_not_found']);
});

test('the server speaks on a GET stream, but cannot answer there what nobody asked', async () => {
  const request = { jsonrpc: '2.0', id: 's1', method: 'sampling/createMessage', params: {} };
  const note = { jsonrpc: '2.0', method: 'notifications/message', params: { n: 1 } };
  await start({}, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(event(request) + event({ jsonrpc: '2.0', id: 7, result: { SECRET: 1 } }) + event(note));
  });
  const id = await open();
  for (const headers of [{ ...STREAM_HEADERS, 'Mcp-Session-Id': id }, STREAM_HEADERS]) {
    const answer = await ask(running.url, { method: 'GET', headers });
    assert.equal(answer.body, event(request) + event(note));
  }
});

test('a response that is replayed to a client that resumes is decided as the operation it answers', async () => {
  const result = { jsonrpc: '2.0', id: 5, result: { structuredContent: { ssn: '123' } } };
  await start(
    { post: (_, seen) => (isJsonObject(seen) ? withResult({ ...seen, ssn: 'x' }) : deny('never')) },
    (request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(request.method === 'GET' ? event(result, 'e2') : 'id: e1\ndata: \n\n');
    },
  );
  const id = await open();
  const cut = await post(running.url, toolCall(5, 't'), { 'Mcp-Session-Id': id });
  assert.equal(cut.body, 'id: e1\ndata: \n\n');
  const headers = { ...STREAM_HEADERS, 'Mcp-Session-Id': id, 'Last-Event-ID': 'e1' };
  for (const round of [1, 2]) {
    const resumed = await ask(running.url, { method: 'GET', headers });
    assert.match(resumed.body, /^id: e2\ndata: .*"ssn":"x"/, `round ${round}`);
  }
  assert.equal(running.engine.postCalls[0]?.operation.entity.name, 't');
  const other = await open();
  const elsewhere = await ask(running.url, { method: 'GET', headers: { ...headers, 'Mcp-Session-Id': other } });
  assert.equal(elsewhere.body, '');
});

test('an id cannot be used again while its first response is outstanding', async () => {
  const held: ServerResponse[] = [];
  await start({}, (request, response, body) => {
    if (body.includes('"slow"')) held.push(response);
    else void ok(request, response, body);
  });
  const id = await open();
  const headers = { 'Mcp-Session-Id': id };
  const slow = post(running.url, toolCall(5, 'slow'), headers);
  await upstream.received(2);
  const second = await post(running.url, { jsonrpc: '2.0', id: 5, method: 'ping' }, headers);
  assert.deepEqual([second.status, errorCode(second)], [400, 'gateway.request_id_in_use']);
  held[0]?.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":5,"result":{}}');
  assert.equal((await slow).status, 200);
  assert.equal((await post(running.url, { jsonrpc: '2.0', id: 5, method: 'ping' }, headers)).status, 200);
});

test('a replay cannot be passed off as the answer to a later request with the same id', async () => {
  const result = { jsonrpc: '2.0', id: 5, result: { structuredContent: { SECRET: 1 } } };
  await start({ post: () => deny('a.b') }, (request, response, body) => {
    if (request.method !== 'GET') return ok(request, response, body);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(event(result));
  });
  const headers = { 'Mcp-Session-Id': await open() };
  await post(running.url, toolCall(5, 't'), headers);
  await post(running.url, { jsonrpc: '2.0', id: 5, method: 'ping' }, headers);
  const resumed = await ask(running.url, { method: 'GET', headers: { ...STREAM_HEADERS, ...headers } });
  assert.equal(resumed.body, '');
});

test('a stream ends upstream when its client leaves', async () => {
  const streams: ServerResponse[] = [];
  await start({}, (_, response) => {
    streams.push(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
  });
  const stream = await openResponse(running.url, { method: 'GET', headers: STREAM_HEADERS });
  await once(stream, 'data');
  const [served] = streams;
  assert.ok(served);
  const closed = once(served, 'close');
  stream.destroy();
  await closed;
});

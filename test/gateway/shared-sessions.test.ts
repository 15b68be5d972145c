import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { isJsonObject } from '../../src/gateway/json/json-value.ts';
import type { GatewayOptions } from '../../src/gateway/index.ts';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { RedisStorage } from '../../src/transport/redis-storage.ts';
import { ask, openResponse, post, startPeer, toolCall } from '../support/http-peer.ts';
import type { Answer, Peer, PeerHandler } from '../support/http-peer.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { bearerIdentity, deny, withArgs, withResult } from '../support/scripted-engine.ts';
import type { EngineScript } from '../support/scripted-engine.ts';
import { until } from '../support/sentinel.ts';
import { startSessionUpstream } from '../support/mcp-upstream.ts';
import { connectPeer } from '../support/mcp-peers.ts';
import { ValkeyServer } from '../support/valkey-server.ts';
import { freshSession } from '../transport/contract.ts';

const PREFIX = 'test:session:';
const ANN = { Authorization: 'Bearer ann' };
const BOB = { Authorization: 'Bearer bob' };
const INITIALIZE = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
const STREAM = { accept: 'text/event-stream' };

let server: ValkeyServer;
let upstream: Peer;
const storages: RedisStorage[] = [];
const running: RunningGateway[] = [];

before(async () => {
  server = await ValkeyServer.start();
});
after(() => server.stop());
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ gateway }) => gateway.close()));
  await Promise.all(storages.splice(0).map((storage) => storage.close()));
  await upstream.close();
  await server.admin((client) => client.flushall());
});

function storageOf(): RedisStorage {
  const limits = { readTimeout: 8000, writeTimeout: 8000 };
  const storage = new RedisStorage({ addr: server.endpoint, keyPrefix: PREFIX, ...limits }, 600_000);
  storages.push(storage);
  return storage;
}

/** Opens a session for every `initialize` and ends it for every DELETE; everything else is up to `handler`. */
async function startUpstream(handler: PeerHandler = ok): Promise<void> {
  let sessions = 0;
  upstream = await startPeer((request, response, body) => {
    if (request.method === 'DELETE') return void response.writeHead(200).end();
    if (!body.includes('"initialize"')) return handler(request, response, body);
    const headers = { 'content-type': 'application/json', 'mcp-session-id': `upstream-${++sessions}` };
    response.writeHead(200, headers).end('{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}');
  });
}

/** A replica of a gateway: in this process, with an engine and a connection of its own. */
async function replica(script: EngineScript = {}, options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const started = await startGateway(
    upstream.url,
    { identify: bearerIdentity, ...script },
    { sessions: storageOf(), ...options },
  );
  running.push(started);
  return started;
}

const ok: PeerHandler = (_, response, body) => {
  const id = body === '' ? null : (JSON.parse(body) as { id: unknown }).id;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
};

async function open({ url }: RunningGateway, headers: Readonly<Record<string, string>> = ANN): Promise<string> {
  const id = (await post(url, INITIALIZE, headers)).headers['mcp-session-id'];
  assert.ok(typeof id === 'string');
  return id;
}

const call = (
  { url }: RunningGateway,
  session: string,
  headers: Readonly<Record<string, string>> = ANN,
  message: unknown = toolCall(1, 't'),
): Promise<Answer> => post(url, message, { ...headers, 'Mcp-Session-Id': session });

const errorCode = (answer: Answer): unknown =>
  (JSON.parse(answer.body) as { error: { data: { code: string } } }).error.data.code;

const alarmsOf = ({ log }: RunningGateway, alarm: string): number =>
  log.filter((line) => line.includes(`"${alarm}"`)).length;

function event(message: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;
}

describe('sessions that replicas share', () => {
  test('any replica serves a session that another one opened', async () => {
    await startUpstream();
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const answer = await call(other, id);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['mcp-session-id'], id);
    assert.equal(upstream.requests.at(-1)?.headers['mcp-session-id'], 'upstream-1');
    assert.equal(other.engine.preCalls[0]?.extensions?.agent?.session_id, id);
  });

  test('the record holds upstream, its id, subject and protocol version; its key does not hold the id', async () => {
    await startUpstream();
    const one = await replica();
    const id = await open(one);
    const [keys, text] = await server.admin(async (client) => {
      const found = await client.keys('*');
      return [found, (await client.get(found[0] ?? '')) ?? ''] as const;
    });
    assert.equal(keys.length, 1);
    assert.match(keys[0] ?? '', /^test:session:mcp:[\w-]{43}$/);
    assert.ok(!`${keys.join()}${text}`.includes(id));
    const { type, metadata } = JSON.parse(text) as { type: string; metadata: Record<string, string> };
    assert.equal(type, 'streamable');
    assert.equal(metadata['upstream'], new URL(upstream.url).host);
    assert.equal(metadata['upstream_id'], 'upstream-1');
    assert.equal(metadata['protocol_version'], '2025-11-25');
    assert.match(metadata['owner'] ?? '', /ann/);
  });

  test("somebody else's session is as good as none at every replica, and alarmed", async () => {
    await startUpstream();
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const sent = upstream.requests.length;
    for (const each of [one, other]) {
      for (const headers of [BOB, {}]) {
        const answer = await call(each, id, headers);
        assert.deepEqual([answer.status, errorCode(answer)], [404, 'gateway.session_not_found']);
      }
      const stream = await ask(each.url, { method: 'GET', headers: { ...STREAM, ...BOB, 'Mcp-Session-Id': id } });
      const end = await ask(each.url, { method: 'DELETE', headers: { ...BOB, 'Mcp-Session-Id': id } });
      assert.deepEqual([stream.status, end.status], [404, 404]);
      assert.equal(alarmsOf(each, 'session_replayed'), 4);
      assert.ok(!each.log.join('').includes(id));
    }
    assert.equal(upstream.requests.length, sent);
    assert.equal((await call(other, id)).status, 200);
  });

  test('a session of another gateway is as good as none, and alarmed', async () => {
    await startUpstream();
    const strict = await replica({ pre: () => deny('no') }, { sessionScope: 'strict' });
    const open1 = await open(strict);
    const elsewhere = [
      await replica({}, { sessionScope: 'lenient' }),
      await startElsewhere(new URL(upstream.url).host, 'strict'),
    ];
    const sent = upstream.requests.length;
    for (const each of elsewhere) {
      assert.equal((await call(each, open1)).status, 404);
      assert.equal(alarmsOf(each, 'session_replayed'), 1);
    }
    assert.equal(upstream.requests.length, sent);
  });

  test('an id that no gateway gives is not looked up, whatever else the storage holds', async () => {
    await startUpstream();
    const one = await replica();
    await storageOf().create(freshSession({ id: 'elicitation:1' }));
    for (const id of ['elicitation:1', 'mcp:x', 'a'.repeat(42), '../..']) {
      assert.equal((await call(one, id)).status, 404);
    }
  });

  test('DELETE at one replica ends the session at all, and upstream', async () => {
    await startUpstream();
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const ended = await ask(other.url, { method: 'DELETE', headers: { ...ANN, 'Mcp-Session-Id': id } });
    assert.equal(ended.status, 200);
    assert.equal(upstream.requests.at(-1)?.headers['mcp-session-id'], 'upstream-1');
    for (const each of [one, other]) assert.equal((await call(each, id)).status, 404);
  });

  test('a call that was under way when the session was ended does not bring it back', async () => {
    const held: ServerResponse[] = [];
    await startUpstream((_, response) => void held.push(response));
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const slow = call(one, id);
    await upstream.received(2);
    await ask(other.url, { method: 'DELETE', headers: { ...ANN, 'Mcp-Session-Id': id } });
    held[0]?.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'upstream-1' });
    held[0]?.end('{"jsonrpc":"2.0","id":1,"result":{}}');
    assert.equal((await slow).status, 200);
    assert.equal((await call(one, id)).status, 404);
  });

  test('a client answers a request of the server through any replica', async () => {
    await startUpstream((_, response) => void response.writeHead(202).end());
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const answer = { jsonrpc: '2.0', id: 's1', result: { role: 'assistant' } };
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    for (const message of [answer, cancelled]) {
      assert.equal((await call(other, id, ANN, message)).status, 202);
      assert.equal(upstream.requests.at(-1)?.body, JSON.stringify(message));
      assert.equal(upstream.requests.at(-1)?.headers['mcp-session-id'], 'upstream-1');
    }
  });
});

/** A gateway whose upstream has the same name and another URL. */
async function startElsewhere(name: string, sessionScope: string): Promise<RunningGateway> {
  const { port } = new URL(upstream.url);
  const started = await startGateway(
    [{ name, url: `http://localhost:${port}/mcp` }],
    { identify: bearerIdentity },
    { sessions: storageOf(), sessionScope },
  );
  running.push(started);
  return started;
}

describe('requests of a session that several replicas serve', () => {
  test('no two replicas have the same id under way, so that their responses cannot be mixed up', async () => {
    const held: ServerResponse[] = [];
    await startUpstream((request, response, body) =>
      body.includes('"slow"') ? void held.push(response) : ok(request, response, body),
    );
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const slow = call(one, id, ANN, toolCall(5, 'slow'));
    await upstream.received(2);
    const second = await call(other, id, ANN, { jsonrpc: '2.0', id: 5, method: 'ping' });
    assert.deepEqual([second.status, errorCode(second)], [400, 'gateway.request_id_in_use']);
    assert.equal((await call(other, id, ANN, { jsonrpc: '2.0', id: '5', method: 'ping' })).status, 200);
    held[0]?.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":5,"result":{}}');
    assert.equal((await slow).status, 200);
    const again = async (): Promise<number> =>
      (await call(other, id, ANN, { jsonrpc: '2.0', id: 5, method: 'ping' })).status;
    await until('the id is free again', async () => (await again()) === 200);
  });

  const result = { jsonrpc: '2.0', id: 5, result: { structuredContent: { ssn: '123' } } };
  const resumable: PeerHandler = (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(request.method === 'GET' ? event(result, 'e2') : 'id: e1\ndata: \n\n');
  };

  test('a response that is replayed through another replica is decided as the operation it answers', async () => {
    await startUpstream(resumable);
    const pre: EngineScript['pre'] = () => ({
      ...withArgs({ account: 'changed' }),
      taints: [{ label: 'secret', scopes: ['message'] }],
    });
    const one = await replica({ pre });
    const other = await replica({
      post: (_, seen) => (isJsonObject(seen) ? withResult({ ...seen, ssn: 'x' }) : deny('never')),
    });
    const id = await open(one);
    const cut = await call(one, id, ANN, toolCall(5, 't', { account: 'given' }));
    assert.equal(cut.body, 'id: e1\ndata: \n\n');
    await one.gateway.close();

    const headers = { ...STREAM, ...ANN, 'Mcp-Session-Id': id, 'Last-Event-ID': 'e1' };
    for (const round of [1, 2]) {
      const resumed = await ask(other.url, { method: 'GET', headers });
      assert.match(resumed.body, /^id: e2\ndata: .*"ssn":"x"/, `round ${round}`);
    }
    const operation = other.engine.postCalls[0]?.operation;
    assert.equal(operation?.entity.name, 't');
    assert.deepEqual(operation?.args, { account: 'changed' });
    assert.deepEqual(operation?.extensions?.labels, ['secret']);
    assert.equal(operation?.extensions?.subject?.id, 'ann');
    assert.equal(operation?.extensions?.agent?.session_id, id);
    const text = await server.admin(async (client) => {
      const keys = await client.keys('*');
      return (await client.mget(keys)).join('\n');
    });
    assert.ok(!text.includes('Bearer'), 'credentials are not stored');

    const reused = await call(other, id, ANN, toolCall(5, 'another'));
    assert.equal(errorCode(reused), 'gateway.request_id_in_use');
    const elsewhere = await ask(other.url, {
      method: 'GET',
      headers: { ...headers, 'Mcp-Session-Id': await open(other) },
    });
    assert.equal(elsewhere.body, '');
  });

  test('a list that is replayed through another replica is filtered as it would have been', async () => {
    const listed = { jsonrpc: '2.0', id: 5, result: { tools: [{ name: 'open' }, { name: 'closed' }] } };
    await startUpstream((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(request.method === 'GET' ? event(listed, 'e2') : 'id: e1\ndata: \n\n');
    });
    const forecast: EngineScript['forecast'] = ({ entity }) => ({ refused: entity.name === 'closed' });
    const [one, other] = [
      await replica({ forecast }, { filterLists: true }),
      await replica({ forecast }, { filterLists: true }),
    ];
    const id = await open(one);
    await call(one, id, ANN, { jsonrpc: '2.0', id: 5, method: 'tools/list' });
    const headers = { ...STREAM, ...ANN, 'Mcp-Session-Id': id, 'Last-Event-ID': 'e1' };
    const resumed = await ask(other.url, { method: 'GET', headers });
    assert.match(resumed.body, /"open"/);
    assert.doesNotMatch(resumed.body, /"closed"/);
  });

  test('a response that nobody asked for is not sent on by any replica', async () => {
    await startUpstream(resumable);
    const other = await replica();
    const id = await open(other);
    const resumed = await ask(other.url, { method: 'GET', headers: { ...STREAM, ...ANN, 'Mcp-Session-Id': id } });
    assert.equal(resumed.body, '');
    assert.equal(alarmsOf(other, 'gateway_upstream_message_dropped'), 1);
  });

  test('the result of a task is fetched through another replica, and decided as the call that began it', async () => {
    const results: Readonly<Record<string, object>> = {
      'tools/call': { task: { taskId: 't1', status: 'working' } },
      'tasks/result': { content: [], structuredContent: { ssn: '123' } },
    };
    await startUpstream((_, response, body) => {
      const { id, method } = JSON.parse(body) as { id: number; method: string };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] }));
    });
    const post1: EngineScript['post'] = (_, seen) =>
      isJsonObject(seen) && 'ssn' in seen ? withResult({ ...seen, ssn: 'x' }) : {};
    const [one, other] = [await replica(), await replica({ post: post1 })];
    const fetch = { jsonrpc: '2.0', id: 2, method: 'tasks/result', params: { taskId: 't1' } };
    const id = await open(one);
    for (const headers of [{ ...ANN, 'Mcp-Session-Id': id }, ANN]) {
      await post(one.url, toolCall(1, 'get_employee'), headers);
      const fetched = await post(other.url, fetch, headers);
      assert.match(fetched.body, /"ssn":"x"/);
      assert.equal(other.engine.postCalls.at(-1)?.operation.entity.name, 'get_employee');
    }
    const foreign = await post(other.url, fetch, BOB);
    assert.equal(errorCode(foreign), 'gateway.unknown_task');
  });

  test('a stream of the server passes through a replica that did not open the session', async () => {
    const note = { jsonrpc: '2.0', method: 'notifications/message', params: { n: 1 } };
    await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event(note));
    });
    const [one, other] = [await replica(), await replica()];
    const id = await open(one);
    const stream = await openResponse(other.url, {
      method: 'GET',
      headers: { ...STREAM, ...ANN, 'Mcp-Session-Id': id },
    });
    const [chunk] = await new Promise<Buffer[]>((resolve) => stream.once('data', (data: Buffer) => resolve([data])));
    assert.equal(chunk?.toString(), event(note));
    stream.destroy();
  });
});

describe('a storage that fails', () => {
  test('refuses requests of sessions with 503, an alarm and nothing sent; requests without one go on', async () => {
    await startUpstream();
    const own = await ValkeyServer.start();
    const storage = new RedisStorage(
      { addr: own.endpoint, keyPrefix: PREFIX, readTimeout: 500, writeTimeout: 500 },
      600_000,
    );
    storages.push(storage);
    const one = await replica({}, { sessions: storage });
    const id = await open(one);
    await own.kill();
    const sent = upstream.requests.length;
    const headers = { ...ANN, 'Mcp-Session-Id': id };
    for (const answer of [
      await call(one, id),
      await ask(one.url, { method: 'GET', headers: { ...STREAM, ...headers } }),
      await ask(one.url, { method: 'DELETE', headers }),
    ]) {
      assert.deepEqual([answer.status, errorCode(answer)], [503, 'gateway.session_storage']);
      assert.equal(answer.headers['retry-after'], '1');
    }
    assert.equal(upstream.requests.length, sent);
    assert.equal(alarmsOf(one, 'transport_storage_failure'), 3);
    assert.equal((await post(one.url, toolCall(1, 't'), ANN)).status, 200);

    const opened = await post(one.url, INITIALIZE, ANN);
    assert.deepEqual([opened.status, opened.headers['mcp-session-id']], [503, undefined]);
    const last = upstream.requests.at(-1);
    assert.deepEqual([last?.method, last?.headers['mcp-session-id']], ['DELETE', 'upstream-2']);
    await own.stop();
  });

  test('refuses what it cannot read', async () => {
    await startUpstream();
    const one = await replica();
    const id = await open(one);
    const sent = upstream.requests.length;
    await server.admin(async (client) => {
      for (const key of await client.keys('*')) await client.set(key, 'garbage');
    });
    const answer = await call(one, id);
    assert.deepEqual([answer.status, errorCode(answer)], [503, 'gateway.session_storage']);
    assert.equal(upstream.requests.length, sent);
  });

  test('at its bound new sessions are refused and ended upstream, and live ones go on', async () => {
    await startUpstream();
    const one = await replica({}, { sessions: new LocalStorage({ maxSessions: 1 }) });
    const id = await open(one);
    const refused = await post(one.url, INITIALIZE, ANN);
    assert.deepEqual([refused.status, errorCode(refused)], [503, 'gateway.too_many_sessions']);
    assert.equal(upstream.requests.at(-1)?.method, 'DELETE');
    assert.equal((await call(one, id)).status, 200);
  });

  test('an event stream that was to open a session answers with the error', async () => {
    upstream = await startSessionUpstream();
    const one = await replica({}, { sessions: new LocalStorage({ maxSessions: 1 }) });
    const first = await connectPeer(one.url, 'legacy', ANN);
    await assert.rejects(connectPeer(one.url, 'legacy', ANN), /no room for a session/);
    assert.equal(alarmsOf(one, 'transport_storage_failure'), 1);
    assert.equal(upstream.requests.at(-1)?.method, 'DELETE');
    await first.close();
  });

  test('a session that cannot be ended upstream either is alarmed', async () => {
    let sessions = 0;
    upstream = await startPeer((request, response) => {
      if (request.method === 'DELETE') return void request.socket.destroy();
      const headers = { 'content-type': 'application/json', 'mcp-session-id': `upstream-${++sessions}` };
      response.writeHead(200, headers).end('{"jsonrpc":"2.0","id":0,"result":{}}');
    });
    const one = await replica({}, { sessions: new LocalStorage({ maxSessions: 1 }) });
    await open(one);
    assert.equal((await post(one.url, INITIALIZE, ANN)).status, 503);
    assert.equal(alarmsOf(one, 'upstream_session_left'), 1);
  });
});

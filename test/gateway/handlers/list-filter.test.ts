import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { GatewayOptions, UpstreamOptions } from '../../../src/gateway/index.ts';
import { ask, post, startPeer } from '../../support/http-peer.ts';
import type { Peer, PeerHandler } from '../../support/http-peer.ts';
import { loadedEngine } from '../../support/loaded-engine.ts';
import { connectOldPeer, connectPeer } from '../../support/mcp-peers.ts';
import { startSessionUpstream, startStatelessUpstream } from '../../support/mcp-upstream.ts';
import { startGateway } from '../../support/running-gateway.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';
import { deny } from '../../support/scripted-engine.ts';
import type { EngineScript } from '../../support/scripted-engine.ts';

const POLICY = `
routes:
  - tool: echo
    pre_invocation: ["require(args.text)"]
  - tool: get_employee
    pre_invocation: ["require(role.hr)"]
  - resource: note://today
    pre_invocation: [deny]
`;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function enforce(
  policy: string,
  upstream: string | readonly UpstreamOptions[],
  options: Partial<GatewayOptions> = { filterLists: true },
): Promise<RunningGateway> {
  const { engine } = await loadedEngine(policy);
  const running = await startGateway(upstream, {}, { ...options, engine });
  closers.push(async () => {
    await running.gateway.close();
    await engine.close();
  });
  return running;
}

/** Before an upstream that answers with this text, an engine that refuses the tools named. */
async function scripted(
  answer: string,
  refused: readonly string[],
  script: EngineScript = {},
): Promise<RunningGateway> {
  const upstream = await startPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  });
  const forecast: EngineScript['forecast'] = ({ entity }) => ({ refused: refused.includes(entity.name) });
  const running = await startGateway(upstream.url, { forecast, ...script }, { filterLists: true });
  closers.push(
    () => upstream.close(),
    () => running.gateway.close(),
  );
  return running;
}

const list = (url: string, method = 'tools/list'): Promise<{ body: string }> =>
  post(url, { jsonrpc: '2.0', id: 1, method, params: {} });

const upstreams: Readonly<Record<string, () => Promise<Peer>>> = {
  'sessions, event streams': () => startSessionUpstream(),
  'sessions, JSON': () => startSessionUpstream(true),
  'stateless, JSON': () => startStatelessUpstream(),
  'stateless, event streams': () => startStatelessUpstream('sse'),
};
const clients = {
  'client 1': connectOldPeer,
  'client 2, legacy': (url: string) => connectPeer(url, 'legacy'),
  'client 2, negotiating': (url: string) => connectPeer(url, 'auto'),
};

for (const [upstreamName, startUpstream] of Object.entries(upstreams)) {
  for (const [clientName, connect] of Object.entries(clients)) {
    void test(`${clientName} before an upstream with ${upstreamName} sees what it may use`, async () => {
      const upstream = await startUpstream();
      closers.push(() => upstream.close());
      const running = await enforce(POLICY, upstream.url);
      const peer = await connect(running.url);
      const names = async (what: 'tools' | 'prompts' | 'resources'): Promise<unknown> => {
        const listed = (await peer.call({ kind: 'list', what })) as Record<string, { name: string }[]>;
        return listed[what]?.map(({ name }) => name);
      };
      assert.deepEqual(await names('tools'), ['echo']);
      assert.deepEqual(await names('prompts'), []);
      assert.deepEqual(await names('resources'), []);
      await peer.close();
    });
  }
}

test('lists are passed on as they are unless asked otherwise', async () => {
  const upstream = await startSessionUpstream();
  closers.push(() => upstream.close());
  const running = await enforce(POLICY, upstream.url, {});
  const peer = await connectOldPeer(running.url);
  const { tools } = (await peer.call({ kind: 'list', what: 'tools' })) as { tools: { name: string }[] };
  assert.deepEqual(tools.map(({ name }) => name).toSorted(), ['echo', 'get_employee']);
  await peer.close();
});

test('nothing but the entries changes', async () => {
  const entry = (name: string): string => `{"name" : "${name}",  "n": 1.0}`;
  const rest = '] , "nextCursor":"c\\u0031" },\n "id":1 }';
  const answer = `{ "jsonrpc":"2.0", "result":{ "tools" : [ ${entry('a')},${entry('b')} ,\t${entry('c')} ${rest}`;
  const running = await scripted(answer, ['b']);
  const { body } = await list(running.url);
  assert.equal(body, `{ "jsonrpc":"2.0", "result":{ "tools" : [ ${entry('a')} ,\t${entry('c')} ${rest}`);
  assert.equal((await list(running.url, 'prompts/list')).body, answer);
});

test('a list that is the same for all no longer says so', async () => {
  const answer = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}],"ttlMs":5,"cacheScope": "public"}}';
  const running = await scripted(answer, []);
  assert.equal((await list(running.url)).body, answer.replace('"public"', '"private"'));
});

test('what cannot be read stays', async () => {
  for (const result of ['{"tools":[{"title":"b"},7,null,{"name":1}]}', '{"tools":{"name":"b"}}', '{}', '[]']) {
    const answer = `{"jsonrpc":"2.0","id":1,"result":${result}}`;
    const running = await scripted(answer, ['b']);
    assert.equal((await list(running.url)).body, answer);
  }
  const error = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}';
  assert.equal((await list((await scripted(error, ['b'])).url)).body, error);
});

test('an engine that fails to forecast leaves everything in, and the calls are decided', async () => {
  const answer = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"b"}]}}';
  const running = await scripted(answer, [], {
    pre: () => deny('a.b'),
    forecast: () => {
      throw new Error('broken');
    },
  });
  assert.equal((await list(running.url)).body, answer);
  assert.match(
    (await post(running.url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'b' } })).body,
    /a\.b/,
  );
  assert.ok(running.log.some((line) => line.includes('failed to forecast')));
});

/** Opens sessions; says who it is. */
function named(name: string): PeerHandler {
  return (request, response, body) => {
    if (request.method === 'GET') return void response.writeHead(405).end();
    const { id } = JSON.parse(body) as { id?: unknown };
    const headers = { 'content-type': 'application/json', 'mcp-session-id': `${name}-1` };
    response.writeHead(200, headers).end(JSON.stringify({ jsonrpc: '2.0', id, result: { name } }));
  };
}

test('what policy does not decide on goes where the global layer is sure to let it', async () => {
  const [us, eu] = await Promise.all([startPeer(named('us')), startPeer(named('eu'))]);
  closers.push(() => Promise.all([us.close(), eu.close()]));
  const places = [
    { name: 'us', url: us.url, labels: { region: 'us' } },
    { name: 'eu', url: eu.url, labels: { region: 'eu' } },
  ];
  const restricted = (region: string): string => `
global: {unmatched: allow, pre_invocation: [{restrict: {allow_regions: [${region}]}}]}
`;
  const running = await enforce(restricted('eu'), places);
  const opened = await post(running.url, { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} });
  const session = { 'Mcp-Session-Id': String(opened.headers['mcp-session-id']) };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 't' } };
  assert.match((await post(running.url, call, session)).body, /"name":"eu"/);
  assert.match((await list(running.url)).body, /"name":"eu"/);
  assert.equal(us.requests.length, 0);

  const nowhere = await enforce(restricted('moon'), places);
  const refused = await list(nowhere.url, 'initialize');
  assert.match(refused.body, /"violation":"gateway.no_upstream"/);
  const notification = await post(nowhere.url, { jsonrpc: '2.0', method: 'notifications/initialized' });
  const stream = await ask(nowhere.url, { method: 'GET', headers: { accept: 'text/event-stream' } });
  assert.deepEqual([notification.status, stream.status], [403, 403]);
  assert.equal(us.requests.length, 0);
});

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { LocalStorage } from '../../../src/transport/local-storage.ts';
import { definePlugin, type LoadOptions } from '../../../src/index.ts';
import type { GatewayOptions, UpstreamOptions } from '../../../src/gateway/index.ts';
import { ask, post, startPeer, toolCall } from '../../support/http-peer.ts';
import type { Answer, Peer, PeerHandler } from '../../support/http-peer.ts';
import { loadedEngine } from '../../support/loaded-engine.ts';
import { connectOldPeer, connectPeer } from '../../support/mcp-peers.ts';
import { startSessionUpstream, startStatelessUpstream } from '../../support/mcp-upstream.ts';
import { startGateway } from '../../support/running-gateway.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';

const POLICY = `
routes:
  - tool: get_employee
    pre_invocation: [{restrict: {allow_regions: [eu]}}]
  - tool: echo
    pre_invocation: [{restrict: {allow_regions: [us]}}]
  - tool: anywhere
  - prompt: greet
    pre_invocation: [{restrict: {allow_sites: [moon]}}]
  - resource: note://today
    pre_invocation: [{restrict: {allow_sites: [moon], on_empty: fallback}}]
`;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function started(peer: Promise<Peer>): Promise<Peer> {
  const given = await peer;
  closers.push(() => given.close());
  return given;
}

async function enforce(
  policy: string,
  upstreams: readonly UpstreamOptions[],
  options: Partial<GatewayOptions> = {},
  load: LoadOptions = {},
): Promise<RunningGateway> {
  const { engine } = await loadedEngine(policy, load);
  const running = await startGateway(upstreams, {}, { ...options, engine });
  closers.push(async () => {
    await running.gateway.close();
    await engine.close();
  });
  return running;
}

/** The result says who gave it. */
function answering(name: string): PeerHandler {
  return (_, response, body) => {
    const messages: unknown = JSON.parse(body);
    const answer = (id: unknown): object => ({
      jsonrpc: '2.0',
      id,
      result: { content: [{ type: 'text', text: name }] },
    });
    const answers = Array.isArray(messages)
      ? messages.map(({ id }: { id: unknown }) => answer(id))
      : answer((messages as { id: unknown }).id);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers));
  };
}

async function places(): Promise<{ us: Peer; eu: Peer; upstreams: UpstreamOptions[] }> {
  const us = await started(startPeer(answering('us')));
  const eu = await started(startPeer(answering('eu')));
  const upstreams = [
    { name: 'us', url: us.url, labels: { region: 'us', cost_tier: '1' } },
    { name: 'eu', url: eu.url, labels: { region: 'eu', cost_tier: '2' } },
  ];
  return { us, eu, upstreams };
}

function called({ requests }: Peer): readonly unknown[] {
  return requests.flatMap(({ body }) => {
    const message = body === '' ? undefined : (JSON.parse(body) as { method: string; params?: { name?: string } });
    return message?.method === 'tools/call' ? [message.params?.name] : [];
  });
}

/** Who answered, or the code of the denial. */
function outcome({ body }: Answer): unknown {
  const { result, error } = JSON.parse(body) as {
    result?: { content: { text: string }[] };
    error?: { data: { violation?: string; code?: string } };
  };
  return result?.content[0]?.text ?? error?.data.violation ?? error?.data.code;
}

test('a client of 2026-07-28 reaches for each call the upstream that the restrictions leave', async () => {
  const us = await started(startStatelessUpstream());
  const eu = await started(startStatelessUpstream());
  const running = await enforce(POLICY, [
    { name: 'us', url: us.url, labels: { region: 'us' } },
    { name: 'eu', url: eu.url, labels: { region: 'eu' } },
  ]);
  const peer = await connectPeer(running.url, 'auto');
  assert.equal(peer.protocolVersion, '2026-07-28');
  await peer.call({ kind: 'tool', name: 'get_employee', arguments: { id: '7' } });
  await peer.call({ kind: 'tool', name: 'echo', arguments: { text: 'x' } });
  await peer.call({ kind: 'resource', uri: 'note://today' });
  await assert.rejects(peer.call({ kind: 'prompt', name: 'greet', arguments: { name: 'Ann' } }), {
    code: -32001,
    data: {
      violation: 'gateway.no_upstream',
      reason: 'no upstream satisfies the restrictions on this request',
      details: {},
    },
  });
  assert.deepEqual([called(us), called(eu)], [['echo'], ['get_employee']]);
  await peer.close();
  const lines = running.log.map(
    (line) => (JSON.parse(line) as { request?: { entity?: string; upstream?: string } }).request,
  );
  const upstreamOf = (entity: string): unknown => lines.find((line) => line?.entity === entity)?.upstream;
  assert.deepEqual(['tool:get_employee', 'tool:echo', 'resource', 'prompt:greet'].map(upstreamOf), [
    'eu',
    'us',
    'us',
    undefined,
  ]);
  const { body } = await ask(running.adminUrl, { method: 'GET', path: '/metrics' });
  assert.match(body, /indelible_upstream_requests_total\{upstream="eu"\} 1\n/);
});

test('a session stays at the upstream that opened it, and calls that may not go there are denied', async () => {
  const us = await started(startSessionUpstream());
  const eu = await started(startSessionUpstream());
  const running = await enforce(POLICY, [
    { name: 'us', url: us.url, labels: { region: 'us' } },
    { name: 'eu', url: eu.url, labels: { region: 'eu' } },
  ]);
  const peer = await connectOldPeer(running.url);
  await peer.call({ kind: 'tool', name: 'echo', arguments: { text: 'x' } });
  await peer.call({ kind: 'resource', uri: 'note://today' });
  await assert.rejects(peer.call({ kind: 'tool', name: 'get_employee', arguments: { id: '7' } }), {
    code: -32001,
    data: {
      violation: 'gateway.session_upstream',
      reason: 'the restrictions on this request exclude the upstream of the session',
      details: {},
    },
  });
  await peer.close();
  assert.equal(us.requests.at(-1)?.method, 'DELETE');
  assert.equal(eu.requests.length, 0);
});

test('an upstream without labels satisfies no restriction', async () => {
  const only = await started(startPeer(answering('only')));
  const running = await enforce(POLICY, [{ name: 'only', url: only.url }]);
  assert.equal(outcome(await post(running.url, toolCall(1, 'echo'))), 'gateway.no_upstream');
  assert.equal(outcome(await post(running.url, toolCall(1, 'anywhere'))), 'only');
});

test('restrictions are met together, globs as well as ceilings', async () => {
  const small = await started(startPeer(answering('small')));
  const large = await started(startPeer(answering('large')));
  const policy = `
global: {pre_invocation: [{restrict: {allow_models: ["acme/*"]}}]}
routes:
  - tool: glob
    pre_invocation: [{restrict: {allow_models: [acme/large-2]}}]
  - tool: cheap
    pre_invocation: [{restrict: {max_cost_tier: standard}}]
  - tool: neither
    pre_invocation: [{restrict: {deny_models: ["*/small*"], max_cost_tier: standard}}]
`;
  const upstreams = [
    { name: 'large', url: large.url, labels: { model: 'acme/large-2', cost_tier: 'premium' } },
    { name: 'small', url: small.url, labels: { model: 'acme/small-1', cost_tier: 'standard' } },
  ];
  const running = await enforce(policy, upstreams, { costTiers: ['standard', 'premium'] });
  const outcomes = [];
  for (const name of ['glob', 'cheap', 'neither']) outcomes.push(outcome(await post(running.url, toolCall(1, name))));
  assert.deepEqual(outcomes, ['large', 'small', 'gateway.no_upstream']);
});

test('the next admitted upstream takes what the first cannot be connected for, and is tried first for a while', async () => {
  const gone = await startPeer(answering('gone'));
  await gone.close();
  const { us, eu, upstreams } = await places();
  const running = await enforce(POLICY, [{ name: 'gone', url: gone.url, labels: { region: 'us' } }, ...upstreams]);
  for (const round of [1, 2]) {
    assert.equal(outcome(await post(running.url, toolCall(round, 'echo'))), 'us', `round ${round}`);
  }
  assert.deepEqual([called(us), called(eu)], [['echo', 'echo'], []]);
  const { body } = await ask(running.adminUrl, { method: 'GET', path: '/metrics' });
  assert.match(body, /indelible_upstream_errors_total\{upstream="gone",failure="unreachable"\} 1\n/);
  assert.match(body, /indelible_upstream_requests_total\{upstream="gone"\} 1\n/);
});

test('a request that may have reached an upstream is given to no other', async () => {
  const { upstreams, us } = await places();
  const cutting = await started(startPeer((request) => void request.socket.destroy()));
  const running = await enforce(POLICY, [
    { name: 'cutting', url: cutting.url, labels: { region: 'us' } },
    ...upstreams,
  ]);
  assert.equal(outcome(await post(running.url, toolCall(1, 'echo'))), 'gateway.upstream_unreachable');
  assert.equal(us.requests.length, 0);
});

test('an unreachable upstream is not replaced by one that the restrictions exclude', async () => {
  const gone = await startPeer(answering('gone'));
  await gone.close();
  const { upstreams, us } = await places();
  const running = await enforce(POLICY, [
    { name: 'gone', url: gone.url, labels: { region: 'eu' } },
    ...upstreams.slice(0, 1),
  ]);
  assert.equal(outcome(await post(running.url, toolCall(1, 'get_employee'))), 'gateway.upstream_unreachable');
  assert.equal(us.requests.length, 0);
});

test('a batch goes to one upstream', async () => {
  const { upstreams } = await places();
  const running = await enforce(POLICY, upstreams);
  const send = async (...names: string[]): Promise<unknown[]> => {
    const answer = await post(
      running.url,
      names.map((name, id) => toolCall(id, name)),
    );
    const answers = JSON.parse(answer.body) as object[];
    return answers.map((each) => outcome({ ...answer, body: JSON.stringify(each) }));
  };
  assert.deepEqual(await send('get_employee', 'anywhere'), ['eu', 'eu']);
  assert.deepEqual(await send('get_employee', 'echo'), ['gateway.no_upstream', 'gateway.no_upstream']);
});

test('what no upstream may get is recorded as denied', async () => {
  const { upstreams } = await places();
  const seen: unknown[] = [];
  const witness = definePlugin({
    kind: 'test/witness',
    configSchema: { type: 'object' },
    hooks: ['cmf.prompt_pre_invoke', 'cmf.tool_pre_invoke', 'cmf.http_request'],
    create: () => ({
      observe: ({ entity, decision, violation }) => void seen.push([entity.name, decision, violation?.code]),
    }),
  });
  const policy = `${POLICY}
plugins: [{name: witness, kind: test/witness}]
global:
  pre_invocation: [plugin(witness), {when: "http.path == '/moon'", do: [{restrict: {allow_sites: [moon]}}]}]
`;
  const running = await enforce(policy, upstreams, {}, { plugins: [witness] });
  const greet = { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: 'greet' } };
  assert.equal(outcome(await post(running.url, greet)), 'gateway.no_upstream');
  await post(running.url, [toolCall(1, 'get_employee'), toolCall(2, 'echo')]);
  await ask(running.url, { method: 'GET', path: '/moon' });
  assert.deepEqual(seen, [
    ['greet', 'allow', undefined],
    ['greet', 'deny', 'gateway.no_upstream'],
    ['get_employee', 'allow', undefined],
    ['echo', 'allow', undefined],
    ['get_employee', 'deny', 'gateway.no_upstream'],
    ['echo', 'deny', 'gateway.no_upstream'],
    ['*', 'allow', undefined],
    ['*', 'deny', 'gateway.no_upstream'],
  ]);
});

test('plain HTTP requests go where the global layer lets them', async () => {
  const { upstreams, us, eu } = await places();
  const policy = `
global:
  pre_invocation:
    - {when: "http.path == '/eu'", do: [{restrict: {allow_regions: [eu]}}]}
    - {when: "http.path == '/moon'", do: [{restrict: {allow_regions: [moon]}}]}
`;
  const running = await enforce(policy, upstreams);
  const statuses = [];
  for (const path of ['/eu', '/moon', '/']) {
    const { status } = await ask(running.url, {
      path,
      headers: { 'content-type': 'application/json' },
      body: '{"id":1}',
    });
    statuses.push(status);
  }
  assert.deepEqual(statuses, [200, 403, 200]);
  assert.deepEqual(
    [us, eu].map(({ requests }) => requests.map(({ path }) => path)),
    [['/'], ['/eu']],
  );
});

test('a task is fetched where it was begun', async () => {
  const { us, upstreams } = await places();
  const eu = await started(
    startPeer((_, response, body) => {
      const { id, method } = JSON.parse(body) as { id: number; method: string };
      const result =
        method === 'tools/call' ? { task: { taskId: 't1' } } : { content: [{ type: 'text', text: method }] };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    }),
  );
  const [first] = upstreams;
  assert.ok(first);
  const running = await enforce(POLICY, [first, { name: 'eu', url: eu.url, labels: { region: 'eu' } }]);
  await post(running.url, toolCall(1, 'get_employee'));
  for (const method of ['tasks/result', 'tasks/cancel']) {
    const answer = await post(running.url, { jsonrpc: '2.0', id: 2, method, params: { taskId: 't1' } });
    assert.equal(outcome(answer), method);
  }
  assert.equal(us.requests.length, 0);
});

test('every upstream keeps the path of its own endpoint', async () => {
  const us = await started(startPeer(answering('us')));
  const eu = await started(startPeer(answering('eu'), '/v1/tools'));
  const running = await enforce(POLICY, [
    { name: 'us', url: us.url, labels: { region: 'us' } },
    { name: 'eu', url: eu.url, labels: { region: 'eu' } },
  ]);
  assert.equal(outcome(await post(running.url, toolCall(1, 'get_employee'))), 'eu');
  assert.equal(eu.requests[0]?.path, '/v1/tools');
  const around = await ask(running.url, { path: '/v1/tools', method: 'GET' });
  assert.deepEqual([around.status, outcome(around)], [404, 'gateway.ambiguous_path']);
});

test('a session of an upstream that is no longer configured is gone', async () => {
  const upstream = await started(startSessionUpstream());
  const sessions = new LocalStorage();
  const before = await enforce(POLICY, [{ name: 'old', url: upstream.url }], { sessions });
  const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const opened = await post(before.url, { jsonrpc: '2.0', id: 0, method: 'initialize', params: initialize });
  const id = opened.headers['mcp-session-id'];
  assert.ok(typeof id === 'string');
  const after = await enforce(POLICY, [{ name: 'new', url: upstream.url }], { sessions });
  const answer = await post(after.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, { 'Mcp-Session-Id': id });
  assert.deepEqual([answer.status, outcome(answer)], [404, 'gateway.session_not_found']);
});

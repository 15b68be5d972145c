import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Decision } from '../../src/engine/decision.ts';
import { LabelSession } from '../../src/engine/label-session.ts';
import type { Extensions, Operation, SessionHints } from '../../src/engine/operation.ts';
import { SessionStoreError, type LabelStore } from '../../src/session/label-store.ts';
import { memoryStore } from '../../src/session/memory-store.ts';
import { sessionIdentity } from '../../src/session/session-identity.ts';
import { call, findingsOf, givenStore, outcomeOf } from '../support/engine.ts';
import { loadedEngine, type LoadedEngine } from '../support/loaded-engine.ts';

const environment = { HANDLE_KEY: 'k'.repeat(32), NEW_KEY: 'n'.repeat(32) };
const HANDLE = '{key_source: {kind: env_var, name: HANDLE_KEY}, ttl_seconds: 600}';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const ROUTES = `
routes:
  - {tool: look, pre_invocation: ["security.labels contains 'secret': deny('r', 'tainted')"]}
  - {tool: taint, pre_invocation: [taint(secret)]}
  - {tool: also, pre_invocation: [taint(other)]}
  - {tool: late, post_invocation: [taint(late)]}`;

/** A store whose calls can be seen and whose labels can be lost. */
function visibleStore(labelLifetime?: number): {
  readonly store: LabelStore;
  readonly calls: string[];
  readonly kept: Map<string, Set<string>>;
  failing: 'load' | 'append' | undefined;
} {
  const kept = new Map<string, Set<string>>();
  const calls: string[] = [];
  const visible = { kept, calls, failing: undefined as 'load' | 'append' | undefined };
  const store: LabelStore = {
    kind: 'given',
    ...(labelLifetime === undefined ? {} : { labelLifetime }),
    async loadLabels(id) {
      calls.push('load');
      if (visible.failing === 'load') throw new SessionStoreError('timeout', 'too late');
      return new Set(kept.get(id));
    },
    async appendLabels(id, labels) {
      calls.push(`append ${labels.toSorted().join()}`);
      if (visible.failing === 'append') throw new SessionStoreError('timeout', 'too late');
      kept.set(id, new Set([...(kept.get(id) ?? []), ...labels]));
    },
    health: () => ({ healthy: true, detail: '' }),
    close: () => undefined,
  };
  return Object.assign(visible, { store });
}

function start(sessions: string, store: LabelStore = memoryStore(), now?: () => number): Promise<LoadedEngine> {
  const text = `global: {session_store: {kind: given}, sessions: ${sessions}}${ROUTES}`;
  return loadedEngine(text, { environment, ...givenStore(store), ...(now === undefined ? {} : { now }) });
}

const ANN: Extensions = { subject: { id: 'ann', issuer: 'idp' } };

async function pre(
  { engine }: LoadedEngine,
  tool: string,
  sessionHints: SessionHints = {},
  extensions: Extensions = ANN,
): Promise<Decision> {
  return engine.pre(call(tool, { extensions, sessionHints }));
}

describe('the sources of a session', () => {
  const hosts: Extensions = {
    subject: { id: 'ann', claims: { session_id: 'c1', sid: 'c2' } },
    agent: { session_id: 'h1' },
    caller_workload: { client_id: 'w1' },
  };
  const hints: SessionHints = {
    meta: { 'com.example/conversation': 'm1', number: 1, empty: '' },
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
    a2aContextId: 'x1',
  };
  const sources = ['host', 'claim', 'meta', 'a2a_context', 'trace', 'identity', 'handle'];
  const telling = sources.map((source) => `"session.source == '${source}': deny('r', '${source}')"`).join(', ');
  /** What policy reads as `session.source`; `allow` when there is none. */
  async function seen(identity: string, rest: Omit<Operation, 'entity'>): Promise<string> {
    const text = `{global: {sessions: {identity: ${identity}}}, routes: [{tool: t, pre_invocation: [${telling}]}]}`;
    const { engine } = await loadedEngine(text);
    const decision = await engine.pre(call('t', rest));
    await engine.close();
    return outcomeOf(decision);
  }
  const all = { extensions: hosts, sessionHints: hints };

  for (const [identity, rest, expected] of [
    ['[host, claim, identity]', all, 'host'],
    ['[claim, host]', all, 'claim'],
    ['[{claim: sid}, host]', all, 'claim'],
    ['[{claim: nothing}, host]', all, 'host'],
    ['[{meta: com.example/conversation}, identity]', all, 'meta'],
    ['[{meta: number}, identity]', all, 'identity'],
    ['[{meta: empty}, identity]', all, 'identity'],
    ['[{meta: toString}, identity]', all, 'identity'],
    ['[a2a_context]', all, 'a2a_context'],
    ['[trace]', all, 'trace'],
    ['[identity]', all, 'identity'],
    ['[trace, identity]', { extensions: hosts, sessionHints: { traceparent: 'nonsense' } }, 'identity'],
    [
      '[trace, identity]',
      { extensions: hosts, sessionHints: { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` } },
      'identity',
    ],
    [
      '[trace, identity]',
      { extensions: hosts, sessionHints: { traceparent: `ff-${TRACE}-00f067aa0ba902b7-01` } },
      'identity',
    ],
    ['[trace]', { extensions: hosts }, undefined],
    ['[identity]', { sessionHints: hints }, undefined],
    ['[host]', { ...all, attributes: { 'agent.session_id': 'h2' } }, 'host'],
    ['[{claim: acme.sid}, identity]', { ...all, attributes: { 'claim.acme.sid': 'c3' } }, 'claim'],
    ['[trace]', { sessionHints: hints, attributes: { 'subject.id': 'ann' } }, 'trace'],
  ] as const) {
    it(`${identity} with ${JSON.stringify(rest).length} characters of facts is of ${expected ?? 'no source'}`, async () => {
      assert.equal(await seen(identity, rest), expected ?? 'allow');
    });
  }

  it('give one session as long as they say the same, and another when they do not', async () => {
    for (const [identity, same, different] of [
      [
        'trace',
        { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` },
        { traceparent: `00-${TRACE.replace('4', '5')}-00f067aa0ba902b7-01` },
      ],
      ['a2a_context', { a2aContextId: 'x1' }, { a2aContextId: 'x2' }],
      ['{meta: k}', { meta: { k: 'm1' } }, { meta: { k: 'm2' } }],
    ] as const) {
      const loaded = await start(`{identity: [${identity}, identity]}`);
      await pre(loaded, 'taint', same);
      assert.equal(outcomeOf(await pre(loaded, 'look', same)), 'tainted');
      assert.equal(outcomeOf(await pre(loaded, 'look', same, { subject: { id: 'bob', issuer: 'idp' } })), 'allow');
      assert.equal(outcomeOf(await pre(loaded, 'look', different)), 'allow');
      assert.equal(outcomeOf(await pre(loaded, 'look')), 'allow');
      await loaded.engine.close();
    }
  });

  it('keep equal values of two claims and two keys apart', async () => {
    const { store, kept } = visibleStore();
    const claims = { session_id: 'v', sid: 'v' };
    const meta = { a: 'v', b: 'v' };
    for (const source of ['claim', '{claim: sid}', '{meta: a}', '{meta: b}', 'host', 'a2a_context']) {
      const loaded = await start(`{identity: [${source}]}`, store);
      const extensions = { subject: { id: 'ann', claims }, agent: { session_id: 'v' } };
      await pre(loaded, 'taint', { meta, a2aContextId: 'v' }, extensions);
    }
    assert.equal(kept.size, 6);
  });

  it('written as the usual order decide as without it', async () => {
    const { store, kept } = visibleStore();
    const usual = { claims: { session_id: 'c' }, id: 'ann', issuer: 'idp' };
    for (const sessions of [
      '{}',
      '{identity: [host, claim, identity]}',
      '{identity: [host, {claim: session_id}, identity]}',
    ]) {
      const loaded = await start(sessions, store);
      await pre(loaded, 'taint', {}, { subject: usual, agent: { session_id: 'h' } });
      await pre(loaded, 'taint', {}, { subject: usual });
      await pre(loaded, 'taint');
      await loaded.engine.close();
    }
    const facts = { issuer: 'idp', subjectId: 'ann', hostValue: undefined, claim: undefined };
    const workloads = { callerWorkload: undefined, thisWorkload: undefined };
    assert.deepEqual(
      [...kept.keys()],
      [{ hostValue: 'h', claim: 'c' }, { claim: 'c' }, {}].map(
        (given) => sessionIdentity({ ...facts, ...workloads, ...given })?.id,
      ),
    );
  });
});

describe('what check says of sources', () => {
  for (const [sessions, expected] of [
    ['{identity: [host, claim, identity]}', []],
    ['{mode: union}', []],
    ['{mode: union, identity: [{meta: a}, trace, a2a_context, identity]}', []],
    ['{mode: union, identity: [trace, claim]}', [['session/client-chosen', 'trace']]],
    ['{identity: [{meta: a}, identity]}', [['session/client-chosen', '{meta: a}']]],
    ['{identity: [a2a_context, identity]}', [['session/client-chosen', 'a2a_context']]],
    ['{identity: [identity, claim]}', [['session/unread-source', 'claim']]],
    [`{handle: ${HANDLE}}`, [['config/no-effect', 'handle']]],
    [`{identity: [handle, identity], handle: ${HANDLE}}`, [['session/client-chosen', 'handle']]],
    [`{mode: union, identity: [handle, identity], handle: ${HANDLE}}`, []],
    ['{mode: union, identity: [handle, identity]}', [['session/no-handle-key', 'handle']]],
  ] as const) {
    it(sessions, async () => {
      assert.deepEqual(await findingsOf(`global: {sessions: ${sessions}}`, { environment }), expected);
    });
  }
});

describe('mode union', () => {
  const sessions = '{mode: union, identity: [{meta: k}, identity]}';

  it('reads and labels every session that the operation belongs to', async () => {
    const { store, calls, kept } = visibleStore();
    const loaded = await start(sessions, store);
    await pre(loaded, 'taint', { meta: { k: 'a' } });
    assert.deepEqual(calls, ['load', 'load', 'append secret', 'append secret']);
    assert.equal(kept.size, 2);
    for (const meta of [{ k: 'a' }, { k: 'b' }, {}])
      assert.equal(outcomeOf(await pre(loaded, 'look', { meta })), 'tainted');
  });

  it('joins sessions that meet, so that neither can be left', async () => {
    const { store, calls } = visibleStore();
    const loaded = await start(sessions, store);
    const [first, second] = ['w1', 'w2'].map((client_id): Extensions => ({ ...ANN, caller_workload: { client_id } }));
    await pre(loaded, 'taint', { meta: { k: 'a' } }, first);
    assert.equal(outcomeOf(await pre(loaded, 'look', {}, second)), 'allow');
    const met = await pre(loaded, 'look', { meta: { k: 'a' } }, second);
    assert.deepEqual([...met.labels], ['secret']);
    assert.equal(outcomeOf(await pre(loaded, 'look', {}, second)), 'tainted');
    calls.length = 0;
    await pre(loaded, 'look', { meta: { k: 'a' } }, second);
    assert.deepEqual(calls, ['load', 'load'], 'once they agree nothing more is written');
  });

  it('calls the store once for sources that name one session', async () => {
    const { store, calls } = visibleStore();
    const loaded = await start('{mode: union, identity: [{claim: session_id}, claim, identity]}', store);
    const extensions = { subject: { id: 'ann', claims: { session_id: 'c' } } };
    await pre(loaded, 'look', {}, extensions);
    assert.deepEqual(calls, ['load', 'load']);
  });

  for (const op of ['load', 'append'] as const) {
    it(`fails closed when a ${op} does`, async () => {
      const visible = visibleStore();
      const loaded = await start(sessions, visible.store);
      visible.failing = op;
      const decision = await pre(loaded, 'taint', { meta: { k: 'a' } });
      assert.equal(outcomeOf(decision), op === 'load' ? 'session.load_failed' : 'session.persist_failed');
      assert.deepEqual(
        loaded.alarms.map(({ alarm, op: failed }) => [alarm, failed]),
        [['session_store_failure', op]],
      );
    });
  }
});

describe('a handle', () => {
  const sessions = `{mode: union, identity: [handle, identity], handle: ${HANDLE}}`;
  const clock = { now: Date.UTC(2026, 10, 22) };
  const now = (): number => clock.now;

  async function handleOf(
    loaded: LoadedEngine,
    tool = 'look',
    hints: SessionHints = {},
    extensions = ANN,
  ): Promise<string> {
    const { handle } = await pre(loaded, tool, hints, extensions);
    assert.ok(handle !== undefined);
    return handle;
  }

  it('is given out with every decision on a session, and with none without', async () => {
    const loaded = await start(sessions);
    assert.ok((await pre(loaded, 'look')).handle);
    assert.ok((await pre(loaded, 'unknown')).handle, 'also with a denial');
    assert.equal((await pre(loaded, 'look', {}, {})).handle, undefined);
    const operation = call('late', { extensions: ANN });
    const first = (await loaded.engine.pre(operation)).handle;
    const second = (await loaded.engine.post(operation, 'x')).handle;
    assert.ok(first !== undefined && second !== undefined && second.length > first.length);
    assert.deepEqual(loaded.engine.handleNames, { header: 'Indelible-Session', meta: undefined });
    const without = await start('{mode: union}');
    assert.equal((await pre(without, 'look')).handle, undefined);
    assert.equal(without.engine.handleNames, undefined);
  });

  it('costs no call of the store where it names the session that the request has anyway', async () => {
    const { store, calls } = visibleStore();
    const loaded = await start(sessions, store);
    const handle = await handleOf(loaded, 'taint');
    calls.length = 0;
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle })), 'tainted');
    assert.deepEqual(calls, ['load']);
  });

  it('carries labels to another workload of the subject', async () => {
    const loaded = await start(sessions);
    const elsewhere: Extensions = { ...ANN, caller_workload: { client_id: 'w2' } };
    const handle = await handleOf(loaded, 'taint');
    assert.equal(outcomeOf(await pre(loaded, 'look', {}, elsewhere)), 'allow');
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle }, elsewhere)), 'tainted');
  });

  it('that was not given to this caller denies', async () => {
    const loaded = await start(sessions);
    const handle = await handleOf(loaded);
    for (const [presented, extensions] of [
      [handle, { subject: { id: 'bob', issuer: 'idp' } }],
      [`${handle.slice(0, -2)}AA`, ANN],
      ['nonsense', ANN],
      ['', ANN],
    ] as const) {
      const raised = loaded.alarms.length;
      const decision = await pre(loaded, 'look', { handle: presented }, extensions);
      assert.equal(outcomeOf(decision), 'session.handle_invalid');
      assert.equal(decision.handle, undefined);
      assert.deepEqual(
        loaded.alarms.slice(raised).map(({ alarm, route }) => [alarm, route]),
        [['session_handle_invalid', 'tool:look']],
      );
    }
  });

  it('is not read of a request without a subject, which has no session', async () => {
    const { store, calls } = visibleStore();
    const loaded = await start(sessions, store);
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle: 'nonsense' }, {})), 'allow');
    assert.deepEqual(calls, []);
  });

  it('that has expired counts as none', async () => {
    const loaded = await start(sessions, memoryStore(), now);
    const elsewhere: Extensions = { ...ANN, caller_workload: { client_id: 'w2' } };
    const handle = await handleOf(loaded, 'taint');
    clock.now += 600_000 - 1;
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle }, elsewhere)), 'tainted');
    clock.now += 1;
    const third: Extensions = { ...ANN, caller_workload: { client_id: 'w3' } };
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle }, third)), 'allow');
  });

  it('ahead of its store denies with an alarm, in both phases', async () => {
    const { store, kept } = visibleStore();
    const loaded = await start(sessions, store);
    const handle = await handleOf(loaded, 'taint');
    for (const [, labels] of kept) {
      labels.delete('secret');
      labels.add('another');
    }
    const lost = await pre(loaded, 'look', { handle });
    assert.equal(outcomeOf(lost), 'session.labels_lost');
    assert.equal(lost.handle, undefined);
    assert.deepEqual(
      loaded.alarms.map(({ alarm, route }) => [alarm, route]),
      [['session_labels_lost', 'tool:look']],
    );
    for (const [, labels] of kept) labels.add('secret');
    const both = call('late', { extensions: ANN, sessionHints: { handle } });
    assert.equal(outcomeOf(await loaded.engine.pre(both)), 'allow');
    kept.clear();
    const after = await loaded.engine.post(both, 'SECRET');
    assert.equal(outcomeOf(after), 'session.labels_lost');
    assert.equal(after.result, undefined);
    assert.equal(after.handle, undefined, 'no handle that knows of fewer labels takes its place');
  });

  it('never outlives the labels of a store that lets them end', async () => {
    const { store, kept } = visibleStore(60_000);
    const loaded = await start(sessions, store, now);
    const handle = await handleOf(loaded, 'taint');
    kept.clear();
    clock.now += 60_000 - 1;
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle })), 'session.labels_lost');
    clock.now += 1;
    assert.equal(outcomeOf(await pre(loaded, 'look', { handle })), 'allow');
    assert.equal(memoryStore({ idleMilliseconds: 5 }).labelLifetime, 5);
    assert.equal(memoryStore().labelLifetime, undefined);
  });

  it('of an earlier key counts while that is accepted', async () => {
    const store = memoryStore();
    const handle = await handleOf(await start(sessions, store), 'taint');
    const keys = 'key_source: {kind: env_var, name: NEW_KEY}';
    const rotated = await start(
      `{mode: union, identity: [handle, identity], handle: {${keys}, accepted_key_sources: [{kind: env_var, name: HANDLE_KEY}]}}`,
      store,
    );
    const elsewhere: Extensions = { ...ANN, caller_workload: { client_id: 'w2' } };
    assert.equal(outcomeOf(await pre(rotated, 'look', { handle }, elsewhere)), 'tainted');
    const newer = await handleOf(rotated, 'look', { handle });
    const retired = await start(`{mode: union, identity: [handle, identity], handle: {${keys}}}`, store);
    assert.equal(outcomeOf(await pre(retired, 'look', { handle })), 'session.handle_invalid');
    assert.equal(outcomeOf(await pre(retired, 'look', { handle: newer })), 'tainted');
  });

  it('after a failed load is not replaced by one that knows less', async () => {
    const visible = visibleStore();
    const loaded = await start(sessions, visible.store);
    const operation = call('late', { extensions: ANN });
    await loaded.engine.pre(operation);
    visible.failing = 'load';
    const decision = await loaded.engine.post(operation, 'x');
    assert.equal(outcomeOf(decision), 'session.load_failed');
    assert.equal(decision.handle, undefined);
  });

  it('is no part of what records see of a session', () => {
    const session = new LabelSession({
      identity: { id: 'i', source: 'identity' },
      others: ['other'],
      subject: { id: 'ann', issuer: undefined },
      handles: undefined,
      presented: undefined,
      now,
    });
    assert.deepEqual(Object.assign({}, session), { id: 'i', source: 'identity' });
    assert.equal(JSON.stringify(session), '{"id":"i","source":"identity"}');
  });
});

describe('no sequence of requests sheds a label', () => {
  const KEYS = ['a', 'b'];
  const WORKLOADS = ['w1', 'w2'];
  const step = fc.record({
    tool: fc.constantFrom('taint', 'also', 'late', 'look'),
    workload: fc.constantFrom(...WORKLOADS),
    meta: fc.option(fc.constantFrom(...KEYS), { nil: undefined }),
    trace: fc.option(fc.constantFrom(TRACE, TRACE.replace('4', '5')), { nil: undefined }),
    /** Which of the handles so far is sent; none when there is no such. */
    handle: fc.nat(8),
  });

  it('in mode union, whatever handles, keys and traces the client sends or leaves out', async () => {
    const sessions = `{mode: union, identity: [handle, {meta: k}, trace, identity], handle: ${HANDLE}}`;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const loaded = await start(sessions);
        const handles: string[] = [];
        /** What a caller has seen, and must see for ever. */
        const seen = new Map(WORKLOADS.map((workload) => [workload, new Set<string>()]));
        for (const { tool, workload, meta, trace, handle } of steps) {
          const presented = handles[handle];
          const operation = call(tool, {
            extensions: { ...ANN, caller_workload: { client_id: workload } },
            sessionHints: {
              ...(meta === undefined ? {} : { meta: { k: meta } }),
              ...(trace === undefined ? {} : { traceparent: `00-${trace}-00f067aa0ba902b7-01` }),
              ...(presented === undefined ? {} : { handle: presented }),
            },
          });
          const before = await loaded.engine.pre(operation);
          const decisions = [
            before,
            ...(before.decision === 'allow' ? [await loaded.engine.post(operation, 'x')] : []),
          ];
          for (const { labels, handle: given, violation } of decisions) {
            assert.notEqual(violation?.code, 'session.handle_invalid');
            assert.notEqual(violation?.code, 'session.labels_lost');
            for (const label of seen.get(workload) ?? []) assert.ok(labels.has(label), label);
            for (const label of labels) seen.get(workload)?.add(label);
            assert.ok(given !== undefined);
            handles.unshift(given);
          }
          if (tool === 'look') assert.equal(before.violation?.code === 'tainted', seen.get(workload)?.has('secret'));
        }
        await loaded.engine.close();
      }),
      { numRuns: 150 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Decision } from '../../src/engine/decision.ts';
import type { Operation, Subject } from '../../src/engine/operation.ts';
import { SessionStoreError, type LabelStore } from '../../src/session/label-store.ts';
import { memoryStore } from '../../src/session/memory-store.ts';
import { sessionIdentity, type SessionFacts } from '../../src/session/session-identity.ts';
import { alarms, bundleOf, call, engineOf, findingsOf, givenStore, outcomeOf, testKind } from '../support/engine.ts';
import { PolicyEngine } from '../../src/engine/policy-engine.ts';

const ANN = { extensions: { subject: { id: 'ann' } } };

const POLICY = `
global: {session_store: {kind: given}}
routes:
  - {tool: read, pre_invocation: [taint(secret)], response: {status: 403}}
  - {tool: refuse, pre_invocation: [taint(secret), "deny('no', 'mine')"]}
  - {tool: late, post_invocation: [taint(late)]}
  - {tool: plain}
  - {tool: send, pre_invocation: ["security.labels contains 'secret': deny('r', 'tainted')"]}`;

type Behaviour = 'ok' | 'throws' | 'rejects';

/** A store that counts its calls and fails as told, at once or later. */
function scriptedStore(load: Behaviour, append: Behaviour): LabelStore & { readonly calls: string[] } {
  const calls: string[] = [];
  const error = (): SessionStoreError => new SessionStoreError('timeout', 'too late');
  const behave = <T>(how: Behaviour, what: string, answer: T): T | Promise<T> => {
    calls.push(what);
    if (how === 'throws') throw error();
    return how === 'rejects' ? Promise.reject(error()) : answer;
  };
  return {
    calls,
    kind: 'given',
    loadLabels: () => behave<ReadonlySet<string>>(load, 'load', new Set(['old'])),
    appendLabels: (_id, labels) => behave(append, `append ${labels.join()}`, undefined),
    health: () => ({ healthy: true, detail: '' }),
    close: () => undefined,
  };
}

async function run(
  store: LabelStore,
  tool: string,
  rest: Omit<Operation, 'entity'> = ANN,
): Promise<{ readonly decision: Decision; readonly raised: readonly object[] }> {
  const { raised, alarm } = alarms();
  const engine = new PolicyEngine(await bundleOf(POLICY, givenStore(store)), { alarm });
  return { decision: await engine.pre(call(tool, rest)), raised };
}

describe('the label store fails closed', () => {
  const failure = { alarm: 'session_store_failure', failure: 'timeout', detail: 'too late' };
  const corrupt = { failure: 'corrupt', detail: 'the store answered with something that is not a set of labels' };
  for (const how of ['throws', 'rejects'] as const) {
    it(`a load that ${how} denies before any step`, async () => {
      const store = scriptedStore(how, 'ok');
      const { decision, raised } = await run(store, 'refuse');
      assert.equal(outcomeOf(decision), 'session.load_failed');
      assert.deepEqual(decision.taints, []);
      assert.deepEqual(store.calls, ['load']);
      assert.deepEqual(raised, [{ ...failure, op: 'load', route: 'tool:refuse', decision_was_allow: false }]);
    });

    it(`an append that ${how} turns an allow into a denial`, async () => {
      const { decision, raised } = await run(scriptedStore('ok', how), 'read');
      assert.equal(outcomeOf(decision), 'session.persist_failed');
      assert.deepEqual(decision.violation?.details, { 'http.status': 403 });
      assert.deepEqual([...decision.labels], ['old']);
      assert.deepEqual(raised, [{ ...failure, op: 'append', route: 'tool:read', decision_was_allow: true }]);
    });

    it(`an append that ${how} leaves the policy's own denial`, async () => {
      const { decision, raised } = await run(scriptedStore('ok', how), 'refuse');
      assert.equal(outcomeOf(decision), 'mine');
      assert.deepEqual(raised, [{ ...failure, op: 'append', route: 'tool:refuse', decision_was_allow: false }]);
    });
  }

  it('labels of a denied phase are stored as well', async () => {
    const store = scriptedStore('ok', 'ok');
    const { decision } = await run(store, 'refuse');
    assert.equal(outcomeOf(decision), 'mine');
    assert.deepEqual(store.calls, ['load', 'append secret']);
    assert.deepEqual([...decision.labels].toSorted(), ['old', 'secret']);
  });

  it('nothing to append touches nothing', async () => {
    const store = scriptedStore('ok', 'throws');
    assert.equal(outcomeOf((await run(store, 'plain')).decision), 'allow');
    assert.deepEqual(store.calls, ['load']);
  });

  it('without a session the store is never touched', async () => {
    const store = scriptedStore('throws', 'throws');
    for (const tool of ['read', 'send', 'plain']) {
      const { decision } = await run(store, tool, {
        extensions: { agent: { session_id: 's' }, subject: { roles: ['hr'] } },
      });
      assert.equal(outcomeOf(decision), 'allow');
      assert.deepEqual([...decision.labels], []);
    }
    assert.deepEqual(store.calls, []);
  });

  it('a post that cannot be stored returns nothing', async () => {
    const store = scriptedStore('ok', 'rejects');
    const engine = await engineOf(POLICY, givenStore(store));
    const operation = call('late', ANN);
    assert.equal(outcomeOf(await engine.pre(operation)), 'allow');
    const decision = await engine.post(operation, 'the result');
    assert.equal(outcomeOf(decision), 'session.persist_failed');
    assert.equal(decision.result, undefined);
  });

  const wrongAnswers: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a list', ['secret']],
    ['a text', 'secret'],
    ['an object', { secret: true }],
    ['a set of other things', new Set(['a', 5])],
    ['a promise of a list', Promise.resolve(['secret'])],
  ];
  for (const [what, answer] of wrongAnswers) {
    it(`${what} instead of a set of labels is a failure, not the empty set`, async () => {
      const store = { ...scriptedStore('ok', 'ok'), loadLabels: () => answer as ReadonlySet<string> };
      const { decision, raised } = await run(store, 'send');
      assert.equal(outcomeOf(decision), 'session.load_failed');
      assert.deepEqual(raised, [{ ...failure, ...corrupt, op: 'load', route: 'tool:send', decision_was_allow: false }]);
    });
  }

  it('promises of another make are waited for', async () => {
    const settled: string[] = [];
    const foreign = (value: unknown, then?: () => void): unknown => ({
      // oxlint-disable-next-line unicorn/no-thenable
      then: (done: (value: unknown) => void) => setImmediate(() => (then?.(), done(value))),
    });
    const store = {
      ...scriptedStore('ok', 'ok'),
      loadLabels: () => foreign(new Set(['secret'])) as Promise<ReadonlySet<string>>,
      appendLabels: () => foreign(undefined, () => settled.push('appended')) as Promise<void>,
    };
    assert.equal(outcomeOf((await run(store, 'send')).decision), 'tainted');
    const { decision } = await run({ ...store, loadLabels: () => new Set() }, 'read');
    assert.equal(outcomeOf(decision), 'allow');
    assert.deepEqual(settled, ['appended'], 'the append came before the answer');
  });

  it('a store that never answers is denied at the deadline', async () => {
    const never = new Promise<never>(() => undefined);
    for (const store of [
      { ...scriptedStore('ok', 'ok'), loadLabels: () => never },
      { ...scriptedStore('ok', 'ok'), appendLabels: () => never },
    ]) {
      const { raised, alarm } = alarms();
      const engine = await engineOf(POLICY, givenStore(store), { deadline: 5, alarm });
      const held = setInterval(() => undefined, 1000);
      const decision = await engine.pre(call('read', ANN));
      clearInterval(held);
      assert.equal(outcomeOf(decision), 'engine.deadline');
      assert.deepEqual(
        raised.map((each) => each.alarm),
        ['operation_deadline'],
      );
    }
  });
});

describe('session labels', () => {
  it('are seen by later requests of the session, also of another tool', async () => {
    const engine = await engineOf(POLICY.replace('kind: given', 'kind: memory'));
    assert.equal(outcomeOf(await engine.pre(call('send', ANN))), 'allow');
    assert.deepEqual([...(await engine.pre(call('read', ANN))).labels], ['secret']);
    assert.equal(outcomeOf(await engine.pre(call('send', ANN))), 'tainted');
    assert.equal(outcomeOf(await engine.pre(call('send', { extensions: { subject: { id: 'bob' } } }))), 'allow');
  });

  it('a phase reads them as they stood when it began', async () => {
    const engine = await engineOf(`
routes:
  - tool: t
    pre_invocation: [taint(a), "security.labels contains 'a': deny"]
    post_invocation: ["security.labels contains 'a': deny('r', 'seen in post')"]`);
    const operation = call('t', ANN);
    assert.equal(outcomeOf(await engine.pre(operation)), 'allow');
    assert.equal(outcomeOf(await engine.post(operation, 1)), 'seen in post');
  });

  it('message labels are seen by the later phase only, and never stored', async () => {
    const store = memoryStore();
    const engine = await engineOf(
      `
global: {session_store: {kind: given}}
routes:
  - tool: t
    pre_invocation: ["security.labels contains 'm': deny('r', 'leaked')", "taint(m, message)", "taint(both, [session, message])"]
    post_invocation: ["require(exists(security.labels))", "security.labels contains 'm' & security.labels contains 'both': deny('r', 'seen')"]`,
      givenStore(store),
    );
    for (const rest of [ANN, {}]) {
      const operation = call('t', rest);
      assert.equal(outcomeOf(await engine.pre(operation)), 'allow');
      assert.equal(outcomeOf(await engine.post(operation, 1)), 'seen');
    }
    const after = await engine.pre(call('t', ANN));
    assert.equal(outcomeOf(after), 'allow');
    assert.deepEqual([...after.labels], ['both']);
  });

  it('labels of the host are read and never stored', async () => {
    const store = scriptedStore('ok', 'ok');
    const engine = await engineOf(POLICY, givenStore(store));
    const labelled = { extensions: { subject: { id: 'ann' }, labels: ['secret'] } };
    assert.equal(outcomeOf(await engine.pre(call('send', labelled))), 'tainted');
    assert.deepEqual(store.calls, ['load']);
  });

  it('only grow, whatever operations come', async () => {
    const tools = ['a', 'b', 'deny', 'message', 'post', 'none'];
    const text = `
routes:
  - {tool: a, pre_invocation: [taint(a)]}
  - {tool: b, args: {x: taint(b)}, pre_invocation: ["taint(c, [session, message])"]}
  - {tool: deny, pre_invocation: [taint(d), deny]}
  - {tool: message, pre_invocation: ["taint(m, message)"]}
  - {tool: post, post_invocation: [taint(e), deny]}
  - {tool: none}`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...tools), fc.constantFrom('ann', 'bob'), fc.boolean()), { maxLength: 12 }),
        async (operations) => {
          const engine = await engineOf(text);
          const seen = new Map<string, ReadonlySet<string>>();
          for (const [tool, id, withPost] of operations) {
            const operation = call(tool, { args: { x: 1 }, extensions: { subject: { id } } });
            const decisions = [await engine.pre(operation)];
            if (withPost) decisions.push(await engine.post(operation, 1));
            for (const { labels } of decisions) {
              for (const label of seen.get(id) ?? []) assert.ok(labels.has(label), `${label} washed off`);
              assert.ok(!labels.has('m'));
              seen.set(id, labels);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  describe('without a session', () => {
    const denying = (rules: string): string => `
plugin_settings: {routing_enabled: true}
global: {sessions: {on_missing: deny}}
plugins: [{name: p, kind: test, capabilities: [append_labels]}]
routes: [{tool: t, ${rules}}]`;
    const labeller = testKind({ p: { invoke: () => ({ outcome: 'modify', labels: ['x'] }) } });
    const sources = [
      'pre_invocation: [taint(x)]',
      'args: {v: taint(x)}',
      'args: {v: pii.detect}',
      'pre_invocation: [plugin(p)]',
    ];
    for (const rules of sources) {
      it(`\`on_missing: deny\` denies: ${rules}`, async () => {
        const engine = await engineOf(denying(rules), { plugins: [labeller] });
        const args = { v: 'ann@corp.example' };
        assert.equal(outcomeOf(await engine.pre(call('t', { args }))), 'session.missing');
        assert.equal(outcomeOf(await engine.pre(call('t', { args, ...ANN }))), 'allow');
      });
    }

    it('message labels need no session', async () => {
      const engine = await engineOf(denying('pre_invocation: ["taint(x, message)"]'), { plugins: [labeller] });
      assert.equal(outcomeOf(await engine.pre(call('t'))), 'allow');
    });

    it('`on_missing: ignore` goes on, and loading warns', async () => {
      const text = 'routes: [{tool: t, pre_invocation: [taint(x)]}]';
      assert.equal(outcomeOf(await (await engineOf(text)).pre(call('t'))), 'allow');
      assert.deepEqual(await findingsOf(text), [['session/no-subject', 'taint(x)']]);
    });
  });
});

describe('session identity', () => {
  const NOBODY: SessionFacts = {
    issuer: undefined,
    subjectId: undefined,
    hostValue: undefined,
    claim: undefined,
    callerWorkload: undefined,
    thisWorkload: undefined,
  };
  const idOf = (facts: Partial<SessionFacts>): string | undefined => sessionIdentity({ ...NOBODY, ...facts })?.id;

  it('needs a subject', () => {
    assert.equal(idOf({ hostValue: 's', claim: 'c', callerWorkload: 'w' }), undefined);
    assert.equal(idOf({ subjectId: '' }), undefined);
  });

  it('is 256 bits and the same for the same facts', () => {
    assert.match(idOf({ subjectId: 'ann' }) ?? '', /^[0-9a-f]{64}$/);
    assert.equal(idOf({ subjectId: 'ann', hostValue: 's' }), idOf({ subjectId: 'ann', hostValue: 's' }));
  });

  const apart: readonly (readonly [string, Partial<SessionFacts>, Partial<SessionFacts>])[] = [
    ['a separator in the subject', { subjectId: 'a:b', hostValue: 'c' }, { subjectId: 'a', hostValue: 'b:c' }],
    ['a host value that looks like a workload pair', { subjectId: 'a' }, { subjectId: 'a', hostValue: '-:-' }],
    ['one value from the host and from a claim', { subjectId: 'a', hostValue: 'v' }, { subjectId: 'a', claim: 'v' }],
    ['one value under two subjects', { subjectId: 'a', hostValue: 'v' }, { subjectId: 'b', hostValue: 'v' }],
    ['one subject of two issuers', { subjectId: 'a', issuer: 'x' }, { subjectId: 'a', issuer: 'y' }],
    ['an issuer and none', { subjectId: 'a', issuer: '-' }, { subjectId: 'a' }],
    ['the two workloads swapped', { subjectId: 'a', callerWorkload: 'x' }, { subjectId: 'a', thisWorkload: 'x' }],
    ['a length prefix in a part', { subjectId: '1:a', hostValue: 'b' }, { subjectId: '1', hostValue: 'a1:b' }],
  ];
  for (const [what, left, right] of apart) it(`keeps apart ${what}`, () => assert.notEqual(idOf(left), idOf(right)));

  it('keeps apart all that differs', () => {
    const text = fc.constantFrom('', 'a', 'b', ':', '1:a', '-', 'a:b', ';', 'host;');
    const facts = fc.record({ issuer: text, subjectId: text, hostValue: text }, { requiredKeys: [] });
    fc.assert(
      fc.property(facts, facts, (a, b) => {
        const same = ['issuer', 'subjectId', 'hostValue'].every(
          (key) =>
            Object.entries({ ...NOBODY, ...a }).find(([k]) => k === key)?.[1] ===
            Object.entries({ ...NOBODY, ...b }).find(([k]) => k === key)?.[1],
        );
        const [left, right] = [idOf(a), idOf(b)];
        if (left === undefined || right === undefined) return;
        const alike = same || (!a.hostValue && !b.hostValue && a.issuer === b.issuer && a.subjectId === b.subjectId);
        assert.equal(left === right, alike);
      }),
    );
  });

  it('takes what raw attributes say first', async () => {
    const engine = await engineOf(POLICY.replace('kind: given', 'kind: memory'));
    const subject: Subject = { id: 'ann' };
    const raw = { extensions: { subject }, attributes: { 'subject.id': 'bob', 'agent.session_id': 's' } };
    await engine.pre(call('read', raw));
    const typed = { extensions: { subject: { id: 'bob' }, agent: { session_id: 's' } } };
    assert.equal(outcomeOf(await engine.pre(call('send', typed))), 'tainted');
    assert.equal(outcomeOf(await engine.pre(call('send', { extensions: { subject } }))), 'allow');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation } from '../../src/engine/operation.ts';
import type { Plugin } from '../../src/engine/plugin.ts';
import { createEngine, PolicyEngine } from '../../src/engine/policy-engine.ts';
import type { LabelStore } from '../../src/session/label-store.ts';
import { memoryStore } from '../../src/session/memory-store.ts';
import { alarms, bundleOf, call, deepFrozen, engineOf, givenStore, outcomeOf, testKind } from '../support/engine.ts';

const ANN = { extensions: { subject: { id: 'ann' } } };
const OLD = `routes: [{tool: t, pre_invocation: ["taint(m, message)"], post_invocation: ["deny('old', 'old')"]}]`;
const NEW = `routes: [{tool: t, post_invocation: ["deny('new', 'new')"]}]`;

describe('pre and post of one operation', () => {
  it('decide on the same bundle across a reload', async () => {
    const engine = await engineOf(OLD);
    const operation = call('t');
    assert.equal(outcomeOf(await engine.pre(operation)), 'allow');
    await engine.reload(await bundleOf(NEW));
    assert.equal(outcomeOf(await engine.post(operation, 1)), 'old');
    const next = call('t');
    await engine.pre(next);
    assert.equal(outcomeOf(await engine.post(next, 1)), 'new');
  });

  it('a refused pre stays the answer', async () => {
    const engine = await engineOf(`routes: [{tool: t, pre_invocation: ["deny('no', 'refused')"]}]`);
    const operation = call('t');
    const refusal = await engine.pre(operation);
    assert.equal(await engine.post(operation, { secret: 1 }), refusal);
    assert.equal(refusal.result, undefined);
  });

  it('post sees the arguments as they were forwarded', async () => {
    const text = `routes: [{tool: t, args: {v: mask(1)}, post_invocation: ["args.v == '**c': deny('r', 'masked')"]}]`;
    const engine = await engineOf(text);
    const operation = call('t', { args: { v: 'abc' } });
    assert.deepEqual((await engine.pre(operation)).args, { v: '**c' });
    assert.equal(outcomeOf(await engine.post(operation, 1)), 'masked');
  });

  it('post keeps the route that pre was decided on, though its `when` no longer holds', async () => {
    const engine = await engineOf(`
routes:
  - {tool: t, when: "!(security.labels contains 'm')", pre_invocation: ["taint(m, message)"], result: {ssn: redact}}
  - {tool: 't*'}`);
    const operation = call('t');
    assert.equal((await engine.pre(operation)).route, 'tool:t');
    const decision = await engine.post(operation, { ssn: '1' });
    assert.deepEqual(decision.result, { ssn: '[REDACTED]' });
    assert.equal(decision.route, 'tool:t');
  });

  it('post alone is decided like the operation itself', async () => {
    const engine = await engineOf('routes: [{tool: t, result: {ssn: redact}}]');
    assert.deepEqual((await engine.post(call('t'), { ssn: 1, x: 2 })).result, { ssn: '[REDACTED]', x: 2 });
    assert.equal(outcomeOf(await engine.post(call('unknown'), { ssn: 1 })), 'route.unmatched');
  });

  it('tell a host whether the result will be looked at', async () => {
    const plugins = ['plugins:', '  - {name: scan, kind: test, hooks: [cmf.tool_post_invoke], mode: audit}'].join('\n');
    const cases: readonly (readonly [string, boolean])[] = [
      ['routes: [{tool: t, args: {v: str}, pre_invocation: ["taint(m, session)"]}]', false],
      ['routes: [{tool: t, result: {ssn: redact}}]', true],
      ['routes: [{tool: t}]\nglobal: {defaults: {tool: {post_invocation: ["taint(m)"]}}}', true],
      [`routes: [{tool: t}]\n${plugins}`, true],
    ];
    for (const [text, expected] of cases) {
      const engine = await engineOf(text, { plugins: [testKind({ scan: { invoke: () => ({ outcome: 'allow' }) } })] });
      const operation = call('t', { args: { v: 'a' } });
      assert.equal(engine.examinesResult(operation), true, 'nothing is known before pre');
      await engine.pre(operation);
      assert.equal(engine.examinesResult(operation), expected, text);
    }
  });

  const frozen: readonly (readonly [string, (operation: Operation) => Operation])[] = [
    ['frozen', deepFrozen],
    ['sealed', Object.seal],
    ['not extensible', Object.preventExtensions],
  ];
  for (const [how, make] of frozen) {
    it(`are linked for an operation that is ${how}`, async () => {
      const engine = await engineOf(OLD);
      const operation = make(call('t'));
      assert.equal(outcomeOf(await engine.pre(operation)), 'allow');
      await engine.reload(await bundleOf(NEW));
      assert.equal(outcomeOf(await engine.post(operation, 1)), 'old');
      assert.equal(outcomeOf(await engine.pre(operation)), 'allow');
      assert.equal(outcomeOf(await engine.post(operation, 1)), 'new', 'the later pre counts');
    });
  }

  it('are linked for each of two engines that see one operation', async () => {
    const first = await engineOf(OLD);
    const second = await engineOf(NEW);
    const operation = call('t');
    await first.pre(operation);
    await second.pre(operation);
    assert.equal(outcomeOf(await first.post(operation, 1)), 'old');
    assert.equal(outcomeOf(await second.post(operation, 1)), 'new');
  });

  it('are linked for an operation frozen in between', async () => {
    const engine = await engineOf(OLD);
    const operation = call('t');
    await engine.pre(operation);
    Object.freeze(operation);
    await engine.reload(await bundleOf(NEW));
    assert.equal(outcomeOf(await engine.post(operation, 1)), 'old');
  });

  it('nothing of the operation is changed', async () => {
    const engine = await engineOf('routes: [{tool: t, args: {a: redact}, result: {b: omit}}]');
    const operation = Object.assign({}, deepFrozen(call('t', { args: { a: 1 }, ...ANN })));
    const result = deepFrozen({ b: 1, c: { d: 1 } });
    await engine.pre(operation);
    const decision = await engine.post(operation, result);
    assert.deepEqual(decision.result, { c: { d: 1 } });
    assert.deepEqual(Object.keys(operation), ['entity', 'args', 'extensions']);
  });
});

describe('a result that is one JSON text', () => {
  const text = `routes: [{tool: t, result: {ssn: redact}, post_invocation: ["result.deny: deny('r', 'read')"]}]`;
  const after = async (result: string): Promise<unknown> =>
    (await (await engineOf(text)).post(call('t'), result)).result;

  it('is decided on as data and written back as text', async () => {
    assert.equal(await after('{"ssn": "1-2", "n": 9007199254740993}'), '{"ssn":"[REDACTED]","n":9007199254740993}');
    assert.equal(await after(' [1, 2] '), ' [1, 2] ');
    assert.equal(outcomeOf(await (await engineOf(text)).post(call('t'), '{"deny": true}')), 'read');
  });

  it('stays byte for byte when nothing changed', async () => {
    const written = '{ "n": 1.0,\n "x": 12345678901234567890 }';
    assert.equal(await after(written), written);
  });

  it('stays text when it is no JSON', async () => {
    for (const written of ['{ssn: 1}', 'hello', '', '"ssn"', '{"ssn": 1} trailing'])
      assert.equal(await after(written), written);
  });

  it('hides nothing behind equal keys or deep nesting', async () => {
    assert.equal(
      await after('{"ssn":"1","ssn":"2","n":12345678901234567}'),
      '{"ssn":"[REDACTED]","n":12345678901234567}',
    );
    const deep = `{"ssn":"secret-1","n":1234567890123456,"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const decision = await (await engineOf(text)).post(call('t'), deep);
    assert.ok(decision.decision === 'deny' || !JSON.stringify(decision.result).includes('secret-1'));
  });
});

describe('whatever goes wrong is a denial', () => {
  it('a request of a kind that does not exist', async () => {
    const { raised, alarm } = alarms();
    const engine = await engineOf('routes: [{tool: t}]', {}, { alarm });
    const entity = { type: 'gizmo' as 'tool', name: 't' };
    for (const rest of [{}, ANN])
      assert.equal(outcomeOf(await engine.pre({ entity, ...rest })), 'engine.internal_error');
    assert.deepEqual(raised[0], { alarm: 'engine_internal_error', where: 'pre' });
  });

  it('a step that throws, and the labels before it are kept', async () => {
    const store = memoryStore();
    const text = `
global: {session_store: {kind: given}}
plugins: [{name: p, kind: test}]
routes: [{tool: t, pre_invocation: [taint(before), plugin(p)]}]`;
    const engine = await engineOf(text, {
      ...givenStore(store),
      plugins: [testKind({ p: { invoke: () => ({ outcome: 'allow' }) } })],
    });
    const uncopyable = { f: () => 1 } as unknown as { f: string };
    const decision = await engine.pre(call('t', { args: uncopyable, ...ANN }));
    assert.equal(outcomeOf(decision), 'engine.internal_error');
    assert.deepEqual([...decision.labels], ['before']);
  });

  it('an alarm that throws changes nothing', async () => {
    const store: LabelStore = { ...memoryStore(), loadLabels: () => Promise.reject(new Error('down')) };
    const bundle = await bundleOf('global: {session_store: {kind: given}}\nroutes: [{tool: t}]', givenStore(store));
    const alarm = (): never => {
      throw new Error('the logger is down');
    };
    const engine = new PolicyEngine(bundle, { alarm });
    assert.equal(outcomeOf(await engine.pre(call('t', ANN))), 'session.load_failed');
  });
});

describe('the deadline', () => {
  const hanging = (signals: AbortSignal[]): Plugin => ({
    invoke: (_input, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    },
  });
  const text = `
plugins: [{name: p, kind: test, on_error: ignore}, {name: q, kind: test, on_error: ignore}]
routes: [{tool: t, pre_invocation: [taint(x), plugin(p), plugin(q)]}]`;

  it('denies, aborts what is waited for and starts nothing more', async () => {
    const signals: AbortSignal[] = [];
    const plugin = hanging(signals);
    const engine = await engineOf(text, { plugins: [testKind({ p: plugin, q: plugin })] }, { deadline: 5 });
    const operation = call('t', ANN);
    const decision = await engine.pre(operation);
    assert.equal(outcomeOf(decision), 'engine.deadline');
    assert.deepEqual(decision.taints, [{ label: 'x', scopes: ['session'] }]);
    assert.equal(await engine.post(operation, 1), decision);
    await engine.close();
    assert.equal(signals.length, 1);
    assert.equal(signals[0]?.aborted, true);
  });
});

/** A memory store that tells whether it is closed. */
function watchedStore(): LabelStore & { readonly state: { closed: number } } {
  const store = memoryStore();
  const state = { closed: 0 };
  return {
    ...store,
    state,
    close: () => {
      state.closed += 1;
      return store.close();
    },
  };
}

describe('reload', () => {
  const withStore = (block: string, rest = ''): string => `
global: {session_store: ${block}}
routes:
  - {tool: read, pre_invocation: [taint(secret)]}
  - {tool: send, pre_invocation: ["security.labels contains 'secret': deny('r', 'tainted')"]}
  ${rest}`;

  it('keeps the store, and its labels, when its block did not change', async () => {
    const engine = await engineOf(withStore('{kind: memory, max_sessions: 10}'));
    await engine.pre(call('read', ANN));
    await engine.reload(await bundleOf(withStore('{max_sessions: 10, kind: memory}', '- {tool: more}')));
    assert.equal(outcomeOf(await engine.pre(call('send', ANN))), 'tainted');
    assert.equal(outcomeOf(await engine.pre(call('more'))), 'allow');
  });

  it('keeps the store when neither bundle names one', async () => {
    const plain = withStore('null').replace(/^\nglobal.*\n/, '');
    const engine = await engineOf(plain);
    await engine.pre(call('read', ANN));
    await engine.reload(await bundleOf(plain));
    assert.equal(outcomeOf(await engine.pre(call('send', ANN))), 'tainted');
  });

  it('closes a replaced store after its last user', async () => {
    const [first, second] = [watchedStore(), watchedStore()];
    const { raised, alarm } = alarms();
    const engine = await engineOf(withStore('{kind: given, n: 1}'), givenStore(first), { alarm });
    const operation = call('read', ANN);
    await engine.pre(operation);
    await engine.reload(await bundleOf(withStore('{kind: given, n: 2}'), givenStore(second)));
    assert.deepEqual(raised, [{ alarm: 'session_store_replaced', from: 'memory', to: 'memory' }]);
    assert.equal(first.state.closed, 0);
    assert.equal(outcomeOf(await engine.post(operation, 1)), 'allow');
    await new Promise(setImmediate);
    assert.equal(first.state.closed, 1);
    assert.equal(second.state.closed, 0);
    assert.equal(outcomeOf(await engine.pre(call('send', ANN))), 'allow');
    await engine.close();
    assert.equal(second.state.closed, 1);
  });

  it('a store that two replaced bundles share is closed after the last user of both', async () => {
    const [first, second] = [watchedStore(), watchedStore()];
    const one = withStore('{kind: given, n: 1}');
    const engine = await engineOf(one, givenStore(first));
    const operation = call('read', ANN);
    await engine.pre(operation);
    await engine.reload(await bundleOf(one, givenStore(watchedStore())));
    await engine.reload(await bundleOf(withStore('{kind: given, n: 2}'), givenStore(second)));
    await new Promise(setImmediate);
    assert.equal(first.state.closed, 0, 'the first operation is still under way');
    assert.equal(outcomeOf(await engine.post(operation, 1)), 'allow');
    await new Promise(setImmediate);
    assert.equal(first.state.closed, 1);
    await engine.close();
    assert.deepEqual([first.state.closed, second.state.closed], [1, 1]);
  });

  it('closes the store of the new bundle that it does not need', async () => {
    const unused = watchedStore();
    const engine = await engineOf(withStore('{kind: given}'), givenStore(watchedStore()));
    await engine.reload(await bundleOf(withStore('{kind: given}'), givenStore(unused)));
    assert.equal(unused.state.closed, 1);
  });

  it('a bundle whose plugin cannot start leaves the old in force and is ended', async () => {
    const store = watchedStore();
    let closed = 0;
    const failing: Plugin = {
      initialize: () => Promise.reject(new Error('no key')),
      close: () => void (closed += 1),
    };
    const engine = await engineOf(NEW);
    const broken = await bundleOf(`plugins: [{name: p, kind: test}]\n${withStore('{kind: given}').trimStart()}`, {
      ...givenStore(store),
      plugins: [testKind({ p: failing })],
    });
    const { digest } = engine;
    await assert.rejects(engine.reload(broken), /no key/);
    assert.equal(engine.digest, digest);
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'allow');
    assert.deepEqual([closed, store.state.closed], [1, 1]);
    await assert.rejects(createEngine(broken), /no key/);
  });

  it('the bundle in force is not ended by putting it in force again', async () => {
    let closed = 0;
    const bundle = await bundleOf(
      'plugins: [{name: p, kind: test}]\nroutes: [{tool: t, pre_invocation: [plugin(p)]}]',
      {
        plugins: [testKind({ p: { invoke: () => ({ outcome: 'allow' }), close: () => void (closed += 1) } })],
      },
    );
    const engine = await createEngine(bundle);
    await engine.reload(bundle);
    assert.equal(closed, 0);
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'allow');
    await engine.close();
    assert.equal(closed, 1);
  });

  it('two at once leave one in force and end the others', async () => {
    const closed: string[] = [];
    const started = async (name: string): ReturnType<typeof bundleOf> =>
      bundleOf(`plugins: [{name: ${name}, kind: test}]\nroutes: [{tool: ${name}}]`, {
        plugins: [testKind({ [name]: { invoke: () => ({ outcome: 'allow' }), close: () => void closed.push(name) } })],
      });
    const engine = await createEngine(await started('a'));
    await Promise.all([engine.reload(await started('b')), engine.reload(await started('c'))]);
    await new Promise(setImmediate);
    assert.deepEqual(closed.toSorted(), ['a', 'b']);
    assert.equal(outcomeOf(await engine.pre(call('c'))), 'allow');
    await engine.close();
    assert.deepEqual(closed.toSorted(), ['a', 'b', 'c']);
  });

  it('a replaced bundle is not waited for for ever', async () => {
    const ended = new Promise<void>((resolve) => {
      const bundle = bundleOf('plugins: [{name: p, kind: test}]\nroutes: [{tool: t}]', {
        plugins: [testKind({ p: { invoke: () => ({ outcome: 'allow' }), close: resolve } })],
      });
      void (async () => {
        const engine = await createEngine(await bundle, { retireAfter: 1 });
        await engine.pre(call('t'));
        await engine.reload(await bundleOf(NEW));
      })();
    });
    const held = setInterval(() => undefined, 1000);
    await ended;
    clearInterval(held);
  });
});

describe('close', () => {
  it('waits for the phase that is being decided, then denies', async () => {
    const events: string[] = [];
    let answer: () => void = () => undefined;
    const plugin: Plugin = {
      invoke: () => new Promise((resolve) => (answer = () => resolve({ outcome: 'allow' }))),
      close: () => void events.push('closed'),
    };
    const engine = await engineOf(
      'plugin_settings: {routing_enabled: true}\nplugins: [{name: p, kind: test}]\nroutes: [{tool: t, pre_invocation: [plugin(p)]}, {tool: u}]',
      {
        plugins: [testKind({ p: plugin })],
      },
    );
    const between = call('u');
    await engine.pre(between);
    const deciding = Promise.resolve(engine.pre(call('t'))).then((decision) => events.push(outcomeOf(decision)));
    await new Promise(setImmediate);
    const closing = engine.close();
    await new Promise(setImmediate);
    assert.deepEqual(events, []);
    answer();
    await Promise.all([deciding, closing]);
    assert.deepEqual(events.toSorted(), ['allow', 'closed']);
    assert.equal(outcomeOf(await engine.pre(call('u'))), 'engine.closed');
    assert.equal(outcomeOf(await engine.post(between, 1)), 'engine.closed');
    const identity = await engine.identify({ entity: { type: 'tool', name: 'u' }, headers: {} });
    assert.equal(identity.outcome, 'denied');
    await assert.rejects(engine.reload(await bundleOf(NEW)), /closed/);
  });

  it('reports what does not end, and ends the rest', async () => {
    const store = watchedStore();
    const { raised, alarm } = alarms();
    let closed = 0;
    const text = 'plugins: [{name: p, kind: test}, {name: q, kind: test}]\nglobal: {session_store: {kind: given}}';
    const plugins = testKind({
      p: { close: () => Promise.reject(new Error('stuck')) },
      q: { close: () => void (closed += 1) },
    });
    const engine = await engineOf(text, { ...givenStore(store), plugins: [plugins] }, { alarm });
    await engine.close();
    assert.deepEqual(raised, [{ alarm: 'bundle_close_failed', digest: engine.digest }]);
    assert.deepEqual([closed, store.state.closed], [1, 1]);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Plugin, PluginOutcome } from '../../src/engine/plugin.ts';
import type { Decision } from '../../src/engine/decision.ts';
import { alarms, call, engineOf, findingsOf, outcomeOf, testKind } from '../support/engine.ts';

const ALLOW: PluginOutcome = { outcome: 'allow' };
const denied = (code: string): PluginOutcome => ({ outcome: 'deny', violation: { code, reason: code, details: {} } });

/** Runs a `parallel` group whose `plugin(name)` members are those given, in mode `concurrent`. */
async function parallel(members: readonly unknown[], plugins: Readonly<Record<string, Plugin>>): Promise<Decision> {
  const engine = await engineOf(
    JSON.stringify({
      plugin_settings: { routing_enabled: true, plugin_timeout: 1 },
      plugins: Object.keys(plugins).map((name) => ({ name, kind: 'test', mode: 'concurrent' })),
      routes: [{ tool: 't', pre_invocation: [{ parallel: members }, 'taint(after)'] }],
    }),
    { plugins: [testKind(plugins)] },
  );
  return engine.pre(call('t'));
}

const labelsOf = ({ taints }: Decision): readonly string[] => taints.map(({ label }) => label);

/** A promise and what settles it. */
function pending(): { readonly promise: Promise<PluginOutcome>; readonly settle: (outcome: PluginOutcome) => void } {
  let settle: (outcome: PluginOutcome) => void = () => undefined;
  const promise = new Promise<PluginOutcome>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}

describe('parallel', () => {
  it('goes on when every member does, with the labels of all in written order', async () => {
    const decision = await parallel([{ sequential: ['plugin(a)', 'taint(x)'] }, 'taint(y)'], {
      a: { invoke: () => ALLOW },
    });
    assert.equal(outcomeOf(decision), 'allow');
    assert.deepEqual(labelsOf(decision), ['x', 'y', 'after']);
  });

  it('starts members at once', async () => {
    const [first, second] = [pending(), pending()];
    const started: string[] = [];
    const member = (name: string, promise: Promise<PluginOutcome>): Plugin => ({
      invoke: () => {
        started.push(name);
        return promise;
      },
    });
    const deciding = parallel(['plugin(a)', 'plugin(b)'], {
      a: member('a', first.promise),
      b: member('b', second.promise),
    });
    while (started.length < 2) await new Promise(setImmediate);
    second.settle(ALLOW);
    first.settle(ALLOW);
    assert.equal(outcomeOf(await deciding), 'allow');
    assert.deepEqual(started, ['a', 'b']);
  });

  it('the first deny in written order wins, whichever comes first', async () => {
    const slow = pending();
    const deciding = parallel(['plugin(a)', 'plugin(b)'], {
      a: { invoke: () => slow.promise },
      b: {
        invoke: () => {
          setImmediate(() => slow.settle(denied('a')));
          return denied('b');
        },
      },
    });
    assert.equal(outcomeOf(await deciding), 'a');
  });

  it('cancels what still runs when the outcome is known; it leaves nothing', async () => {
    const signals: AbortSignal[] = [];
    const decision = await parallel(['plugin(a)', { sequential: ['plugin(b)', 'taint(late)'] }], {
      a: { invoke: () => new Promise((resolve) => setImmediate(() => resolve(denied('a')))) },
      b: {
        invoke: (_input, { signal }) => {
          signals.push(signal);
          return new Promise(() => undefined);
        },
      },
    });
    assert.equal(outcomeOf(decision), 'a');
    assert.deepEqual(labelsOf(decision), []);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    );
  });

  it('keeps the labels of members that had finished', async () => {
    const decision = await parallel(['taint(before)', 'plugin(a)', 'taint(beside)'], {
      a: { invoke: () => new Promise((resolve) => setImmediate(() => resolve(denied('a')))) },
    });
    assert.equal(outcomeOf(decision), 'a');
    assert.deepEqual(labelsOf(decision), ['before', 'beside']);
  });

  const broken: readonly (readonly [string, Plugin])[] = [
    [
      'throws',
      {
        invoke: () => {
          throw new Error('broken');
        },
      },
    ],
    ['rejects', { invoke: () => Promise.reject(new Error('broken')) }],
    ['does not answer', { invoke: () => new Promise(() => undefined) }],
    ['answers with something else', { invoke: () => ({ outcome: 'yes' }) as unknown as PluginOutcome }],
    ['denies without a violation', { invoke: () => ({ outcome: 'deny' }) as unknown as PluginOutcome }],
  ];
  for (const [how, plugin] of broken) {
    it(`a member that ${how} denies`, async () => {
      const decision = await parallel(['plugin(a)', 'plugin(b)'], { a: { invoke: () => ALLOW }, b: plugin });
      assert.equal(outcomeOf(decision), 'plugin.b.error');
    });
  }

  it('a member whose call cannot even be made denies in its place', async () => {
    const { raised, alarm } = alarms();
    const engine = await engineOf(
      JSON.stringify({
        plugin_settings: { routing_enabled: true },
        plugins: [{ name: 'a', kind: 'test', mode: 'concurrent' }],
        routes: [{ tool: 't', pre_invocation: [{ parallel: ['taint(x)', 'plugin(a)', 'plugin(a)'] }] }],
      }),
      { plugins: [testKind({ a: { invoke: () => ALLOW } })] },
      { alarm },
    );
    const uncopyable = { f: () => 1 } as unknown as { f: string };
    const decision = await engine.pre(call('t', { args: uncopyable }));
    assert.equal(outcomeOf(decision), 'routes.tool:t.pre_invocation[0]');
    assert.deepEqual(labelsOf(decision), ['x']);
    assert.deepEqual(raised, []);
  });

  it('members see the state before the group, not each other', async () => {
    const decision = await parallel(['taint(x)', "security.labels contains 'x': deny('r', 'seen')"], {});
    assert.equal(outcomeOf(decision), 'allow');
  });

  it('restrictions of its members fold', async () => {
    const decision = await parallel(
      [{ restrict: { allow_regions: ['a', 'b'] } }, { restrict: { allow_regions: ['b', 'c'] } }],
      {},
    );
    assert.deepEqual(decision.constraint, { allow_regions: ['b'], on_empty: 'deny' });
  });

  it('groups nest', async () => {
    const decision = await parallel(
      [{ parallel: ['taint(a)', { sequential: ['taint(b)', "deny('r', 'deep')"] }] }, 'taint(c)'],
      {},
    );
    assert.equal(outcomeOf(decision), 'deep');
    assert.deepEqual(labelsOf(decision), ['a', 'b']);
  });

  it('what may modify is refused at load, at any depth', async () => {
    const text = (members: string): string => `
plugins: [{name: p, kind: test}, {name: d, kind: test, hooks: [token.delegate]}]
routes: [{tool: t, pre_invocation: [{parallel: [${members}]}]}]`;
    const plugins = [testKind({})];
    const codes = async (members: string): Promise<readonly unknown[]> =>
      (await findingsOf(text(members), { plugins })).map(([code]) => code);
    assert.deepEqual(await codes('plugin(p)'), ['config/parallel-modifies']);
    assert.deepEqual(await codes('{sequential: [{when: role.x, do: [plugin(p)]}]}'), ['config/parallel-modifies']);
    assert.deepEqual(await codes('{when: role.x, do: [args.a | redact]}'), ['language/mutation-in-parallel']);
    assert.deepEqual(await codes('delegate(d)'), ['language/mutation-in-parallel']);
  });
});

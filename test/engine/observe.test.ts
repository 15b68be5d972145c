import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { definePlugin } from '../../src/index.ts';
import type { DecisionRecord, Operation, PluginKind } from '../../src/index.ts';
import { loadedEngine } from '../support/loaded-engine.ts';

const seen: DecisionRecord[] = [];
const hooks = ['cmf.tool_pre_invoke', 'cmf.tool_post_invoke'] as const;
const configSchema = { type: 'object' };

const KINDS: readonly PluginKind[] = [
  definePlugin({
    kind: 'test/witness',
    configSchema,
    hooks,
    create: () => ({ observe: (record) => void seen.push(record) }),
  }),
  definePlugin({
    kind: 'test/refuse',
    configSchema,
    hooks,
    create: () => ({
      invoke: async () => ({ outcome: 'deny', violation: { code: 'test.refused', reason: 'no', details: {} } }),
    }),
  }),
];

const PLUGINS = `plugins:
  - {name: witness, kind: test/witness, hooks: [cmf.tool_pre_invoke, cmf.tool_post_invoke], capabilities: [read_headers]}
  - {name: refuse, kind: test/refuse, hooks: [cmf.tool_pre_invoke]}
plugin_settings: {routing_enabled: true}
groups: {all: {plugins: [witness]}}
global: {pdp: [{kind: cel}]}
routes:
  - tool: pay
`;

/** What the witness was told of `pay` under these policy terms of the route. */
async function told(terms: string, over: Partial<Operation> = {}, head = PLUGINS): Promise<readonly DecisionRecord[]> {
  seen.length = 0;
  const { engine } = await loadedEngine(`${head}${terms}`, { plugins: KINDS });
  const operation: Operation = { entity: { type: 'tool', name: 'pay' }, args: { amount: 5 }, ...over };
  await engine.pre(operation);
  await engine.post(operation, { iban: 'x' });
  await engine.close();
  return [...seen];
}

describe('a record of a decision names the rule that decided', () => {
  const cases: readonly (readonly [string, string, string, number])[] = [
    ['a rule in a list', '    pre_invocation: ["allow", "args.amount > 3: deny"]', 'pre_invocation[1]', 32],
    [
      'a rule with a code of its own',
      `    pre_invocation: ["args.amount > 3: deny('r', 'c')"]`,
      'pre_invocation[0]',
      23,
    ],
    [
      'the innermost of nested ones',
      '    pre_invocation: [{when: "args.amount > 3", do: ["allow", {sequential: ["deny"]}]}]',
      'pre_invocation[0]',
      77,
    ],
    [
      'a member of a group',
      '    pre_invocation: [{parallel: ["allow", "args.amount > 3: deny"]}]',
      'pre_invocation[0]',
      44,
    ],
    ['a plugin that refuses', '    pre_invocation: ["allow", "plugin(refuse)"]', 'pre_invocation[1]', 32],
    [
      'a question to a decision point',
      '    pre_invocation: [{cel: {expr: "args.amount < 3"}}]',
      'pre_invocation[0]',
      23,
    ],
    ['a field pipeline', '    args: {amount: "0..3"}', 'args.amount', 12],
  ];
  for (const [name, terms, place, column] of cases) {
    it(name, async () => {
      const [record, ...others] = await told(terms);
      assert.deepEqual(others, []);
      assert.equal(record?.decision, 'deny');
      assert.deepEqual(record.rule, { place: `routes.tool:pay.${place}`, file: 'policy.yaml', line: 9, column });
    });
  }

  it('an entry of the bundle, when the plugin runs by itself', async () => {
    const [record] = await told('    pre_invocation: []\n    plugins: [refuse]', {});
    assert.deepEqual(record?.rule, { place: 'plugins.refuse', file: 'policy.yaml', line: 3, column: 12 });
  });

  it('in post as in pre', async () => {
    const [pre, post] = await told('    post_invocation: ["exists(result.iban)"]');
    assert.deepEqual([pre?.decision, pre?.rule, post?.decision], ['allow', undefined, 'deny']);
    assert.deepEqual([post?.rule?.line, post?.rule?.column], [9, 24]);
  });

  it('and none where none did', async () => {
    const [record] = await told('    pre_invocation: []', { entity: { type: 'tool', name: 'other' } });
    assert.deepEqual([record?.violation?.code, record?.rule], ['route.unmatched', undefined]);
  });
});

describe('a record of a decision', () => {
  it('has the answers of decision points, allowing ones included', async () => {
    const [record] = await told(
      `    pre_invocation:
      - cel: {expr: "args.amount < 9"}
      - cel: {expr: "args.amount < 3"}`,
    );
    assert.deepEqual(
      record?.consultations.map(({ dialect, place, outcome }) => [dialect, place, outcome]),
      [
        ['cel', 'routes.tool:pay.pre_invocation[0]', 'allow'],
        ['cel', 'routes.tool:pay.pre_invocation[1]', 'deny'],
      ],
    );
  });

  const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('ties in with the trace of its request', async () => {
    const http = { request_headers: { traceparent: PARENT } };
    const [record] = await told('    pre_invocation: [deny]', { id: 'op-1', extensions: { http } });
    assert.deepEqual([record?.operationId, record?.traceparent], ['op-1', PARENT]);
  });

  it('repeats no text that only claims to be a trace', async () => {
    const http = { request_headers: { traceparent: `${PARENT} secret` } };
    const [record] = await told('    pre_invocation: [deny]', { extensions: { http } });
    assert.deepEqual([record?.violation?.code, record?.traceparent], ['routes.tool:pay.pre_invocation[0]', undefined]);
  });
});

describe('an allowed operation that the host does not carry out', () => {
  const violation = { code: 'gateway.no_upstream', reason: 'none', details: {} };

  it('is recorded as denied too, and stays so', async () => {
    seen.length = 0;
    const { engine } = await loadedEngine(`${PLUGINS}    pre_invocation: [allow]`, { plugins: KINDS });
    const operation: Operation = { entity: { type: 'tool', name: 'pay' }, args: { amount: 5 } };
    await engine.pre(operation);
    engine.overrule(operation, violation);
    engine.overrule(operation, { ...violation, code: 'twice' });
    const post = await engine.post(operation, {});
    assert.deepEqual([post.decision, post.violation], ['deny', violation]);
    assert.deepEqual(
      seen.map(({ phase, decision, violation: why, rule }) => [phase, decision, why?.code, rule]),
      [
        ['pre', 'allow', undefined, undefined],
        ['pre', 'deny', 'gateway.no_upstream', undefined],
      ],
    );
    await engine.close();
  });

  it('is none that was denied, or never decided', async () => {
    seen.length = 0;
    const { engine } = await loadedEngine(`${PLUGINS}    pre_invocation: [deny]`, { plugins: KINDS });
    const operation: Operation = { entity: { type: 'tool', name: 'pay' }, args: {} };
    engine.overrule(operation, violation);
    await engine.pre(operation);
    engine.overrule(operation, violation);
    assert.equal(seen.length, 1);
    await engine.close();
  });
});

describe('a plugin that observes may refuse a phase before it runs', () => {
  const violation = { code: 'test.full', reason: 'no room', details: {} };
  const cases: readonly (readonly [string, () => unknown, string | undefined])[] = [
    ['with a violation', () => violation, 'test.full'],
    ['not at all', () => undefined, undefined],
    ['by throwing', () => assert.fail('thrown'), 'plugin.gate.error'],
    ['by an answer that is none', () => ({ code: 'test.full' }), 'plugin.gate.error'],
    ['by an answer that comes later', () => Promise.reject(new Error('late')), 'plugin.gate.error'],
  ];
  for (const [name, admit, code] of cases) {
    it(name, async () => {
      const records: DecisionRecord[] = [];
      const gate: PluginKind = {
        kind: 'test/gate',
        configSchema,
        hooks,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a plugin may answer anything
        create: () => ({ observe: (record) => void records.push(record), admit: admit as () => undefined }),
      };
      const text = `plugins: [{name: gate, kind: test/gate, hooks: [cmf.tool_pre_invoke]}]
routes: [{tool: pay, pre_invocation: [taint(paid)], post_invocation: []}]
`;
      const { engine, alarms } = await loadedEngine(text, { plugins: [gate] });
      const operation: Operation = { entity: { type: 'tool', name: 'pay' }, extensions: { subject: { id: 'ann' } } };
      const decision = await engine.pre(operation);
      await engine.close();
      assert.equal(decision.violation?.code, code);
      assert.deepEqual([...decision.labels], code === undefined ? ['paid'] : []);
      const [record, ...others] = records;
      assert.deepEqual(
        [record?.violation?.code, record?.rule?.place, others],
        [code, code === undefined ? undefined : 'plugins.gate', []],
      );
      const failed =
        code === 'plugin.gate.error' ? [{ alarm: 'plugin_failure', plugin: 'gate', failure: 'admit' }] : [];
      assert.deepEqual(alarms, failed);
    });
  }

  it('only where its conditions hold', async () => {
    const gate: PluginKind = {
      kind: 'test/gate',
      configSchema,
      hooks,
      create: () => ({ observe: () => undefined, admit: () => violation }),
    };
    const text = `plugins: [{name: gate, kind: test/gate, conditions: [{tools: [pay]}]}]
routes: [{tool: [pay, read]}]
`;
    const { engine } = await loadedEngine(text, { plugins: [gate] });
    const codes = await Promise.all(
      ['pay', 'read'].map(async (name) => (await engine.pre({ entity: { type: 'tool', name } })).violation?.code),
    );
    await engine.close();
    assert.deepEqual(codes, ['test.full', undefined]);
  });
});

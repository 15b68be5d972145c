import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, Operation } from '../../src/engine/operation.ts';
import { call, decide, engineOf, outcomeOf, rowsOf } from '../support/engine.ts';

interface Row {
  readonly name: string;
  readonly request: Partial<Operation> & { readonly data?: JsonObject };
  readonly holds: readonly string[];
  readonly fails: readonly string[];
}

/** One route a predicate, so that a table row is one bundle. */
function bundleOfPredicates(predicates: readonly string[]): string {
  const routes = predicates.map((predicate, i) => ({
    tool: `p${i}`,
    pre_invocation: [{ when: predicate, do: "deny('it holds', 'held')" }],
  }));
  return JSON.stringify({ routes });
}

describe('attributes', () => {
  for (const { name, request, holds, fails } of rowsOf('engine/attributes') as readonly Row[]) {
    it(name, async () => {
      const predicates = [...holds, ...fails];
      const { data, ...rest } = request;
      const engine = await engineOf(bundleOfPredicates(predicates), data === undefined ? {} : { data });
      for (const [i, predicate] of predicates.entries()) {
        const entity = { ...rest.entity, type: 'tool' as const, name: `p${i}` };
        const expected = holds.includes(predicate) ? 'held' : 'allow';
        assert.equal(outcomeOf(await engine.pre({ ...rest, entity })), expected, predicate);
      }
    });
  }

  it('tells the time of the engine in whole seconds', async () => {
    const text = `routes: [{tool: t, pre_invocation: ["time.now == 1700000000: deny('r', 'then')"]}]`;
    let now = 1_700_000_000_999;
    const engine = await engineOf(text, {}, { now: () => now });
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'then');
    now += 1;
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'allow');
  });

  it('names the route that decides', async () => {
    const text = `routes:
      - {tool: pay, meta: {scope: eu}, pre_invocation: ["route.key == 'tool:pay@eu': deny('r', 'scoped')"]}
      - {tool: 'hr-*', pre_invocation: ["route.key == 'tool:hr-*': deny('r', 'pattern')"]}
      - {tool: [a, b], pre_invocation: ["route.key == 'tool:b': deny('r', 'listed')"]}`;
    const engine = await engineOf(text);
    const scoped = { entity: { type: 'tool', name: 'pay', scope: 'eu' } } as const;
    assert.equal(outcomeOf(await engine.pre(scoped)), 'scoped');
    assert.equal(outcomeOf(await engine.pre(call('hr-x'))), 'pattern');
    assert.equal(outcomeOf(await engine.pre(call('b'))), 'listed');
    assert.equal(outcomeOf(await engine.pre(call('a'))), 'allow');
  });

  it('names the entity', async () => {
    const text = `routes: [{llm: gpt, pre_invocation: ["meta.entity_type == 'llm' & meta.entity_name == 'gpt': deny"]}]`;
    assert.equal((await decide(text, { entity: { type: 'llm', name: 'gpt' } })).decision, 'deny');
  });

  describe('numbers that JavaScript would round', () => {
    const held = async (predicate: string, value: number | bigint | string): Promise<boolean> =>
      outcomeOf(await decide(bundleOfPredicates([predicate]), call('p0', { args: { n: value } }))) === 'held';

    it('are compared exactly where their digits are known', async () => {
      assert.ok(await held('args.n == 9007199254740993', 9007199254740993n));
      assert.ok(!(await held('args.n == 9007199254740993', 9007199254740992n)));
      assert.ok(await held('args.n > 9007199254740992', 9007199254740993n));
      assert.ok(!(await held('args.n > 9007199254740993', 9007199254740993n)));
      assert.ok(await held('args.n > 9007199254740992', '9007199254740993'));
      assert.ok(await held('args.n > 5', 9007199254740993n));
    });

    it('are no numbers where rounding has eaten them', async () => {
      const rounded = 2 ** 53;
      for (const operator of ['==', '>', '>=', '<', '<=']) {
        assert.ok(!(await held(`args.n ${operator} 9007199254740993`, rounded)), operator);
        assert.ok(!(await held(`args.n ${operator} 9007199254740992`, rounded)), operator);
      }
      assert.ok(await held('args.n > 9007199254740991', rounded), 'rounding cannot cross the safe numbers');
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { call, engineOf, findingsOf, loadText, outcomeOf } from '../support/engine.ts';

/** Three routes with one policy, the second of them written in another style. */
const same = (...rules: readonly string[]): string => {
  const route = (name: string, quote: (rule: string) => string): string =>
    `  - tool: ${name}\n    pre_invocation:\n${rules.map((rule) => `      - ${quote(rule)}\n`).join('')}`;
  return `routes:\n${route('a', (rule) => `'${rule}'`)}${route('b', (rule) => `"${rule}"`)}${route('c', (rule) => `'${rule}'`)}`;
};

/** What starts at each of the places where `text` is written in `bundle`. */
const offsetsOf = (text: string, bundle: string): readonly number[] =>
  [...bundle.matchAll(new RegExp(text.replaceAll(/[^\w ]/g, '\\$&'), 'g'))].map(({ index }) => index);

describe('a rule that a bundle repeats', () => {
  it('denies with the code and the place of where it is written', async () => {
    const text = same('require(role.hr)', 'args.amount > 5: deny', 'exists(args.kind): deny');
    const engine = await engineOf(text);
    const hr = { extensions: { subject: { roles: ['hr'] } } };
    for (const tool of ['a', 'b', 'c']) {
      assert.equal(outcomeOf(await engine.pre(call(tool))), `routes.tool:${tool}.pre_invocation[0]`);
      const second = await engine.pre(call(tool, { ...hr, args: { amount: 6 } }));
      assert.equal(outcomeOf(second), `routes.tool:${tool}.pre_invocation[1]`);
      const third = await engine.pre(call(tool, { ...hr, args: { amount: 5, kind: 1 } }));
      assert.equal(outcomeOf(third), `routes.tool:${tool}.pre_invocation[2]`);
    }
  });

  it('is traced where it is written', async () => {
    const text = same('require(role.hr)', 'taint(seen, message)');
    const engine = await engineOf(text, {}, { trace: true });
    const offsets = offsetsOf('require(role.hr)', text);
    for (const [index, tool] of ['a', 'b', 'c'].entries()) {
      const { trace } = await engine.pre(call(tool));
      assert.equal(trace?.[0]?.span.start, offsets[index]);
    }
  });

  it('is outlined where it is written', async () => {
    const text = same('require(role.hr)', 'a: taint(x)');
    const loaded = await loadText(text);
    assert.ok(loaded.ok);
    const spans = loaded.outline().map(({ steps }) => steps.map(({ span }) => span.start));
    const [requires, taints] = [offsetsOf('require(role.hr)', text), offsetsOf('a: taint(x)', text)];
    assert.deepEqual(
      spans,
      [0, 1, 2].map((route) => [requires[route], taints[route]]),
    );
  });

  it('is complained of in each place, by the parser and by the checks of the whole bundle', async () => {
    for (const [code, rule, wrong] of [
      ['language/looks-like-effect', 'dney', 'dney'],
      ['language/syntax', 'role.hr subject.id: deny', 'subject'],
      ['config/unknown-attribute', 'nobody.knows: deny', 'nobody.knows'],
      ['config/attribute-phase', 'result.x == 1: deny', 'result.x'],
      ['config/undeclared-plugin', 'plugin(none)', 'plugin(none)'],
    ] as const) {
      const text = same(rule, 'require(role.hr)');
      const { diagnostics } = await loadText(text);
      const found = diagnostics.filter((each) => each.code === code).map(({ span }) => span.start);
      assert.deepEqual(found, offsetsOf(wrong, text), rule);
    }
  });

  it('may stand in both phases, of which one does not know all attributes', async () => {
    const text = `routes:
  - tool: a
    pre_invocation: ["result.x == 1: deny"]
    post_invocation: ["result.x == 1: deny"]
`;
    assert.deepEqual(await findingsOf(text), [['config/attribute-phase', 'result.x']]);
  });
});

describe('a field that a bundle repeats', () => {
  const FIELDS = `routes:
  - tool: a
    args: {amount: "int | 0..5", name: "str"}
  - tool: b
    args: {amount: "int | 0..5", name: "str"}
  - tool: c
    args: {amount: 'int | 0..5', other: "int | 0..5"}
    pre_invocation: ["args.amount | int | 0..5", "args.other | int | 0..5"]
`;

  it('refuses with the code of where it is written, and the name of the field', async () => {
    const engine = await engineOf(FIELDS);
    const refusal = async (tool: string, args: Record<string, unknown>) => {
      const { violation } = await engine.pre(call(tool, { args: args as never }));
      return [violation?.code, violation?.reason];
    };
    const reason = (name: string): string => `\`${name}\` was refused by \`0..5\`: the value is a number`;
    assert.deepEqual(await refusal('a', { amount: 9 }), ['routes.tool:a.args.amount', reason('amount')]);
    assert.deepEqual(await refusal('b', { amount: 9 }), ['routes.tool:b.args.amount', reason('amount')]);
    assert.deepEqual(await refusal('c', { amount: 9 }), ['routes.tool:c.args.amount', reason('amount')]);
    assert.deepEqual(await refusal('c', { other: 9 }), ['routes.tool:c.args.other', reason('other')]);
  });
});

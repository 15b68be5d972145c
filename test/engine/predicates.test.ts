import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { JsonValue } from '../../src/engine/operation.ts';
import { call, decide, engineOf, outcomeOf, rowsOf } from '../support/engine.ts';

interface Row {
  readonly value: JsonValue;
  readonly absent?: boolean;
  readonly holds: readonly string[];
  readonly fails: readonly string[];
}

describe('predicates', () => {
  for (const { value, absent = false, holds, fails } of rowsOf('engine/predicates') as readonly Row[]) {
    it(`over ${absent ? 'nothing' : JSON.stringify(value)}`, async () => {
      const predicates = [...holds, ...fails];
      const routes = predicates.map((predicate, i) => ({
        tool: `p${i}`,
        pre_invocation: [{ when: predicate, do: 'deny' }],
      }));
      const engine = await engineOf(JSON.stringify({ routes }));
      const args = { ...(absent ? {} : { v: value }), other: 'o', set: ['text', 'x'] };
      for (const [i, predicate] of predicates.entries()) {
        const decision = await engine.pre(call(`p${i}`, { args }));
        assert.equal(decision.decision, holds.includes(predicate) ? 'deny' : 'allow', predicate);
      }
    });
  }

  it('`require` allows exactly when all its predicates hold', async () => {
    const names = ['a', 'b', 'c'] as const;
    const atom = fc.constantFrom('args.a', 'args.b', 'args.c', "args.t == 'x'", 'args.n > 3', 'exists(args.n)');
    const { predicate } = fc.letrec<{ predicate: string }>((tie) => ({
      predicate: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        atom,
        tie('predicate').map((inner) => `!(${inner})`),
        fc.tuple(tie('predicate'), tie('predicate')).map(([a, b]) => `(${a} & ${b})`),
        fc.tuple(tie('predicate'), tie('predicate')).map(([a, b]) => `(${a} | ${b})`),
      ),
    }));
    const args = fc.record(
      {
        a: fc.boolean(),
        b: fc.boolean(),
        c: fc.boolean(),
        t: fc.constantFrom('x', 'y'),
        n: fc.integer({ min: 0, max: 6 }),
      },
      { requiredKeys: [] },
    );
    /** The same predicate over the same arguments, as JavaScript has it. */
    const expected = (text: string, given: Readonly<Record<string, unknown>>): boolean => {
      const script = text
        .replaceAll(/exists\(args\.(\w+)\)/g, (_, name: string) => String(name in given))
        .replaceAll("args.t == 'x'", String(given['t'] === 'x'))
        .replaceAll('args.n > 3', String(typeof given['n'] === 'number' && given['n'] > 3))
        .replaceAll(/args\.(\w)/g, (_, name: string) =>
          String(names.some((known) => known === name) && given[name] === true),
        )
        .replaceAll('&', '&&')
        .replaceAll('|', '||');
      // oxlint-disable-next-line typescript/no-implied-eval, no-new-func
      return new Function(`return ${script};`)() === true;
    };
    await fc.assert(
      fc.asyncProperty(fc.array(predicate, { minLength: 1, maxLength: 3 }), args, async (predicates, given) => {
        const text = JSON.stringify({ routes: [{ tool: 't', pre_invocation: [`require(${predicates.join(', ')})`] }] });
        const { decision } = await decide(text, call('t', { args: given }));
        const holds = predicates.every((each) => expected(each, given));
        assert.equal(decision, holds ? 'allow' : 'deny', predicates.join(', '));
      }),
      { numRuns: 120 },
    );
  });

  it('`require` names its place and the default reason', async () => {
    const decision = await decide('routes: [{tool: t, pre_invocation: [allow, require(role.hr)]}]', call('t'));
    assert.deepEqual(decision.violation, {
      code: 'routes.tool:t.pre_invocation[1]',
      reason: 'access denied',
      details: {},
    });
  });

  it('reads a deny that stands behind many others', async () => {
    const rules = Array.from({ length: 50 }, (_, i) => `args.n == ${i}: deny('r', 'code-${i}')`);
    const engine = await engineOf(JSON.stringify({ routes: [{ tool: 't', pre_invocation: rules }] }));
    for (const n of [0, 17, 49]) assert.equal(outcomeOf(await engine.pre(call('t', { args: { n } }))), `code-${n}`);
    assert.equal(outcomeOf(await engine.pre(call('t', { args: { n: 50 } }))), 'allow');
  });
});

describe('what is known at load', () => {
  const options = { data: { open: true, limit: 5, names: ['a', 1], word: 'w' } };
  const cases: readonly (readonly [string, boolean, Readonly<Record<string, boolean | number | string | string[]>>])[] =
    [
      ['data.open', true, { 'data.open': false }],
      ['!data.open', false, { 'data.open': false }],
      ['data.limit > 4', true, { 'data.limit': 4 }],
      ['data.limit != 5', false, { 'data.limit': 4 }],
      ["data.word == 'w'", true, { 'data.word': 'v' }],
      ['exists(data.nothing)', false, { 'data.nothing': 'something' }],
      ["data.names contains '1'", true, { 'data.names': ['b'] }],
      ['args.v in data.names', true, { 'data.names': ['b'] }],
      ['args.v not in data.names', false, { 'data.names': ['b'] }],
      ['args.v in data.word', false, { 'data.word': ['a'] }],
    ];
  for (const [predicate, holds, attributes] of cases) {
    it(`gives way to raw attributes: ${predicate}`, async () => {
      const engine = await engineOf(
        JSON.stringify({ routes: [{ tool: 't', pre_invocation: [`${predicate}: deny`] }] }),
        options,
      );
      const args = { v: 'a' };
      assert.equal((await engine.pre(call('t', { args }))).decision, holds ? 'deny' : 'allow');
      assert.equal((await engine.pre(call('t', { args, attributes }))).decision, holds ? 'allow' : 'deny');
    });
  }
});

describe('contains over labels', () => {
  const text = `
routes:
  - {tool: t, pre_invocation: ["security.labels contains 'l': deny"]}
  - {tool: label, pre_invocation: ["taint(l, session)"]}
  - {tool: message, pre_invocation: ["taint(l, message)"], post_invocation: ["session['labels'] contains 'l': deny"]}`;
  const subject = { id: 'ann' };

  it('finds them wherever they come from', async () => {
    const engine = await engineOf(text);
    const outcome = async (rest: Parameters<typeof call>[1]): Promise<string> =>
      (await engine.pre(call('t', rest))).decision;
    assert.equal(await outcome({ extensions: { subject, labels: ['other'] } }), 'allow');
    assert.equal(await outcome({ extensions: { labels: ['l'] } }), 'deny', 'the host');
    assert.equal(await outcome({ attributes: { 'session.labels': ['l'] } }), 'deny', 'raw attributes');
    await engine.pre(call('label', { extensions: { subject } }));
    assert.equal(await outcome({ extensions: { subject } }), 'deny', 'the session');
    const operation = call('message');
    await engine.pre(operation);
    assert.equal((await engine.post(operation, 1)).decision, 'deny', 'the earlier phase');
  });
});

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

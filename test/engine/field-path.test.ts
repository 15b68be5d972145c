import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../../src/engine/operation.ts';
import type { Plugin } from '../../src/engine/plugin.ts';
import { call, decide, deepFrozen, rowsOf, testKind } from '../support/engine.ts';

interface Row {
  readonly path: string;
  readonly pipeline: string;
  readonly from: JsonValue;
  readonly to: JsonValue;
}

describe('field paths', () => {
  for (const { path, pipeline, from, to } of rowsOf('engine/field-paths') as readonly Row[]) {
    it(`${path}: ${pipeline} over ${JSON.stringify(from)}`, async () => {
      const text = JSON.stringify({ routes: [{ tool: 't', args: { [path]: pipeline } }] });
      const args = deepFrozen(from);
      const decision = await decide(text, call('t', { args }));
      assert.deepEqual(decision.args, to);
      assert.equal(decision.modified.args, JSON.stringify(from) !== JSON.stringify(to));
      if (!decision.modified.args) assert.equal(decision.args, args);
    });
  }

  it('shares what it did not touch with the value given', async () => {
    const args = deepFrozen({ a: { x: { deep: 1 }, y: 'secret' }, b: { big: [1, 2, 3] } });
    const { args: next } = await decide('routes: [{tool: t, args: {a.y: redact}}]', call('t', { args }));
    assert.ok(typeof next === 'object' && next !== null && 'b' in next && 'a' in next);
    assert.equal(next.b, args.b);
    assert.ok(typeof next.a === 'object' && next.a !== null && 'x' in next.a);
    assert.equal(next.a.x, args.a.x);
    assert.equal(args.a.y, 'secret');
  });

  it('keeps members whose names objects inherit', async () => {
    const args: unknown = JSON.parse('{"__proto__": {"admin": true}, "a": "x", "constructor": "y"}');
    const text = 'routes: [{tool: t, args: {a: redact, toString: redact}}]';
    const { args: next } = await decide(text, call('t', { args: args as JsonValue }));
    assert.equal(JSON.stringify(next), '{"__proto__":{"admin":true},"a":"[REDACTED]","constructor":"y"}');
    const all = await decide(`routes: [{tool: t, args: {'*': redact}}]`, call('t', { args: args as JsonValue }));
    assert.equal(JSON.stringify(all.args), '{"__proto__":"[REDACTED]","a":"[REDACTED]","constructor":"[REDACTED]"}');
    assert.equal(Object.getPrototypeOf(all.args), Object.prototype);
  });

  describe('with a plugin as a stage', () => {
    const redactor: Plugin = {
      invoke: ({ field }) => ({
        outcome: 'modify',
        field: field?.value === 'b' ? null : `<${JSON.stringify(field?.value)}>`,
      }),
    };
    const text = `
plugins: [{name: p, kind: test}]
routes: [{tool: t, args: {'list[*].v': plugin(p) | taint(seen)}}]`;

    it('each value is handed over and replaced, null included', async () => {
      const args = deepFrozen({ list: [{ v: 'a' }, { w: 1 }, { v: 'b' }, { v: 'c' }] });
      const decision = await decide(text, call('t', { args }), { plugins: [testKind({ p: redactor })] });
      assert.deepEqual(decision.args, { list: [{ v: '<"a">' }, { w: 1 }, { v: null }, { v: '<"c">' }] });
      assert.deepEqual(decision.taints, [{ label: 'seen', scopes: ['session'] }]);
    });

    it('a refusal carries the code of the plugin', async () => {
      const refusing: Plugin = {
        invoke: () => ({ outcome: 'deny', violation: { code: 'p.no', reason: 'no', details: { d: 1 } } }),
      };
      const decision = await decide(text, call('t', { args: { list: [{ v: 1 }] } }), {
        plugins: [testKind({ p: refusing })],
      });
      assert.deepEqual(decision.violation, { code: 'p.no', reason: 'no', details: { d: 1 } });
    });

    it('an answer about the whole arguments is no answer to a stage', async () => {
      const wrong: Plugin = { invoke: () => ({ outcome: 'modify', args: { list: [] } }) };
      const decision = await decide(text, call('t', { args: { list: [{ v: 1 }] } }), {
        plugins: [testKind({ p: wrong })],
      });
      assert.equal(decision.violation?.code, 'plugin.p.error');
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../../src/engine/operation.ts';
import type { PluginInput } from '../../src/engine/plugin.ts';
import { call, deepFrozen, engineOf, outcomeOf, testKind } from '../support/engine.ts';

/** What `post` makes of a result under `result: {<fields>}`. */
async function rewritten(fields: string, result: JsonValue): Promise<JsonValue | undefined> {
  const engine = await engineOf(`routes: [{tool: t, result: {${fields}}}]`);
  const operation = call('t');
  await engine.pre(operation);
  const decision = await engine.post(operation, deepFrozen(result));
  assert.equal(outcomeOf(decision), 'allow');
  return decision.result;
}

describe('several fields below the root', () => {
  it('are rewritten in one copy, in the order of the members', async () => {
    const result = await rewritten('c: mask(1), a: redact, missing: redact', { a: 1, b: 2, c: 'xyz' });
    assert.equal(JSON.stringify(result), '{"a":"[REDACTED]","b":2,"c":"**z"}');
  });

  it('leave an unchanged result the very same', async () => {
    const engine = await engineOf('routes: [{tool: t, result: {a: int, b: "redact(role.nobody)"}}]');
    const result = { a: 1, b: 2 };
    assert.equal((await engine.post(call('t'), result)).result, result);
  });

  it('may be omitted before and after others change', async () => {
    assert.deepEqual(await rewritten('a: redact, b: omit, c: redact', { a: 1, b: 2, c: 3, d: 4 }), {
      a: '[REDACTED]',
      c: '[REDACTED]',
      d: 4,
    });
    assert.deepEqual(await rewritten('a: omit, b: omit', { a: 1, b: 2 }), {});
  });

  it('mix with deeper ones, each after the one before', async () => {
    const text = `
global: {result: {name: mask(2), 'deep.x': redact}}
routes: [{tool: t, result: {name: {pipeline: mask(1), append: true}, other: omit}}]`;
    const engine = await engineOf(text);
    const { result } = await engine.post(call('t'), { name: 'abcd', deep: { x: 1, y: 2 }, other: 3 });
    assert.deepEqual(result, { name: '***d', deep: { x: '[REDACTED]', y: 2 } });
  });

  it('that objects inherit are no fields of the result', async () => {
    const result = await rewritten('toString: redact, a: redact, valueOf: omit', { a: 1 });
    assert.deepEqual(result, { a: '[REDACTED]' });
    assert.deepEqual(Object.keys(result ?? {}), ['a']);
  });

  it('that were rewritten before one refuses are not shown to audit plugins as they were', async () => {
    const seen: PluginInput[] = [];
    const audit = testKind({ audit: { invoke: (input) => (seen.push(input), { outcome: 'allow' }) } });
    const engine = await engineOf(
      `
plugins: [{name: audit, kind: test, mode: audit, hooks: [cmf.tool_post_invoke]}]
routes: [{tool: t, result: {ssn: redact, age: int}}]`,
      { plugins: [audit] },
    );
    const decision = await engine.post(call('t'), { ssn: '123', age: 'old' });
    assert.equal(outcomeOf(decision), 'routes.tool:t.result.age');
    assert.deepEqual(seen[0]?.result, { ssn: '[REDACTED]', age: 'old' });
  });

  it('are traced one by one', async () => {
    const engine = await engineOf('routes: [{tool: t, result: {a: redact, b: int}}]', {}, { trace: true });
    const { trace } = await engine.post(call('t'), { a: 1, b: 2 });
    assert.deepEqual(
      trace?.map(({ place, outcome }) => [place, outcome]),
      [
        ['routes.tool:t.result.a', 'modified'],
        ['routes.tool:t.result.b', 'continue'],
      ],
    );
  });
});

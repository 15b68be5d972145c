import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/engine/decision.ts';
import type { JsonValue } from '../../src/engine/operation.ts';
import { call, decide, engineOf, outcomeOf } from '../support/engine.ts';

const PLACE = 'routes.tool:t';

/** `pre` and, when it allows, `post` of a route with these rules. */
async function run(
  rules: Readonly<Record<string, unknown>>,
  args: JsonValue = {},
  result?: JsonValue,
): Promise<Decision> {
  const engine = await engineOf(JSON.stringify({ routes: [{ tool: 't', ...rules }] }));
  const operation = call('t', { args });
  const pre = await engine.pre(operation);
  return result === undefined || pre.decision !== 'allow' ? pre : engine.post(operation, result);
}

describe('steps', () => {
  const cases: readonly (readonly [string, readonly unknown[], string])[] = [
    ['an empty list allows', ['allow'], 'allow'],
    ['deny names its place', ['allow', 'deny'], `${PLACE}.pre_invocation[1]`],
    ['deny with a code', ["deny('r', 'c')"], 'c'],
    ['the first deny ends the phase', ["deny('r', 'one')", "deny('r', 'two')"], 'one'],
    ['allow does not stop', ['allow', "deny('r', 'after')"], 'after'],
    ['a bare predicate denies when it holds', ['exists(args.x)'], `${PLACE}.pre_invocation[0]`],
    ['a bare predicate that fails goes on', ['exists(args.nope)'], 'allow'],
    ['a predicate with an effect', ["args.x == 1: deny('r', 'c')"], 'c'],
    ['require', ['require(args.x)'], `${PLACE}.pre_invocation[0]`],
    ['require any', ['require(args.flag | args.x)'], 'allow'],
    ['when with a list', [{ when: 'args.x == 1', do: ['taint(a)', "deny('r', 'c')"] }], 'c'],
    ['when that does not hold', [{ when: 'args.x == 2', do: ["deny('r', 'c')"] }], 'allow'],
    ['a terse map', [{ 'args.x == 1': ["deny('r', 'terse')"] }], 'terse'],
    ['a rule inside do', [{ when: 'args.x == 1', do: [{ when: 'args.flag', do: "deny('r', 'nested')" }] }], 'nested'],
    [
      'a nested deny has the place of its rule',
      [{ when: 'args.x == 1', do: ['require(args.nope)'] }],
      `${PLACE}.pre_invocation[0]`,
    ],
    ['sequential stops at its first deny', [{ sequential: ['allow', "deny('r', 's')", "deny('r', 'u')"] }], 's'],
    ['a group that allows goes on', [{ sequential: ['allow'] }, "deny('r', 'next')"], 'next'],
  ];
  for (const [name, rules, outcome] of cases) {
    it(name, async () => assert.equal(outcomeOf(await run({ pre_invocation: rules }, { x: 1, flag: true })), outcome));
  }

  it('a deny without words of its own says the default', async () => {
    assert.equal((await run({ pre_invocation: ['deny'] })).violation?.reason, 'access denied');
    assert.equal((await run({ pre_invocation: ["deny('mine')"] })).violation?.reason, 'mine');
  });

  it('equal rules of several routes deny with the place of their own', async () => {
    const rules = 'pre_invocation: ["require(role.x)"], post_invocation: ["!role.x", "role.x: deny(\'r\')"]';
    const engine = await engineOf(`routes: [{tool: a, ${rules}}, {tool: b, ${rules}}]`);
    for (const tool of ['a', 'b']) {
      assert.equal(outcomeOf(await engine.pre(call(tool))), `routes.tool:${tool}.pre_invocation[0]`);
      assert.equal(outcomeOf(await engine.post(call(tool), 1)), `routes.tool:${tool}.post_invocation[0]`);
      const extensions = { subject: { roles: ['x'] } };
      const { violation } = await engine.post(call(tool, { extensions }), 1);
      assert.deepEqual([violation?.code, violation?.reason], [`routes.tool:${tool}.post_invocation[1]`, 'r']);
    }
  });

  it('labels attached before a deny are in the decision, those after are not', async () => {
    const { taints } = await run({ pre_invocation: ['taint(a)', 'taint(b, [session, message])', 'deny', 'taint(c)'] });
    assert.deepEqual(taints, [
      { label: 'a', scopes: ['session'] },
      { label: 'b', scopes: ['session', 'message'] },
    ]);
  });

  it('a label attached twice is in the decision once', async () => {
    assert.equal((await run({ pre_invocation: ['taint(a)', 'taint(a)', 'taint(a, message)'] })).taints.length, 2);
  });

  it('pipelines run before rules, and a refusal keeps the rules from running', async () => {
    const { violation, taints } = await run({ args: { x: 'str' }, pre_invocation: ['taint(a)'] }, { x: 1 });
    assert.equal(violation?.code, `${PLACE}.args.x`);
    assert.deepEqual(taints, []);
  });

  it('post runs result pipelines, then its rules', async () => {
    const decision = await run(
      { result: { x: 'redact' }, post_invocation: ["result.x == 1: deny('r', 'as it came')"] },
      {},
      { x: 1 },
    );
    assert.equal(outcomeOf(decision), 'as it came');
    assert.equal(decision.result, undefined, 'a denial carries no result');
  });

  describe('field operations', () => {
    it('change what is forwarded, in their phase', async () => {
      const pre = await run(
        { pre_invocation: [{ when: 'args.x == 1', do: ['args.s | redact', 'result.s | redact'] }] },
        { x: 1, s: 'a' },
      );
      assert.deepEqual(pre.args, { x: 1, s: '[REDACTED]' });
      const post = await run(
        { post_invocation: [{ when: 'result.x == 1', do: ['args.s | redact', 'result.s | redact'] }] },
        { s: 'a' },
        { x: 1, s: 'b' },
      );
      assert.deepEqual(post.result, { x: 1, s: '[REDACTED]' });
      assert.deepEqual(post.args, { s: 'a' });
    });

    it('deny with the place of their rule, and without the value', async () => {
      const { violation } = await run(
        { pre_invocation: ['allow', { when: 'args.x == 1', do: ['args.s | int'] }] },
        { x: 1, s: 'secret' },
      );
      assert.equal(violation?.code, `${PLACE}.pre_invocation[1]`);
      assert.equal(violation.reason, '`s` was refused by `int`: the value is a string');
    });

    it('see what earlier ones left', async () => {
      const { args } = await run(
        {
          args: { s: 'mask(1)' },
          pre_invocation: [{ when: "args.s == 'abc'", do: ["args.s | regex('^[*]')", 'args.s | omit'] }],
        },
        { s: 'abc' },
      );
      assert.deepEqual(args, {});
    });
  });

  it('nothing is forwarded of a denied operation but what was given', async () => {
    const args = { x: 1, s: 'a' };
    const decision = await run({ args: { s: 'redact' }, pre_invocation: ['deny'] }, args);
    assert.equal(decision.args, args);
    assert.deepEqual(decision.modified, { args: false, result: false });
  });
});

describe('the response of a route', () => {
  const response = { status: 451, body: 'not for you', headers: { 'x-why': 'law' } };
  const details = { 'http.status': 451, 'http.body': 'not for you', 'http.headers': { 'x-why': 'law' } };

  it('dresses denials of both phases', async () => {
    assert.deepEqual((await run({ pre_invocation: ['deny'], response })).violation?.details, details);
    assert.deepEqual((await run({ post_invocation: ['deny'], response }, {}, 1)).violation?.details, details);
  });

  it('is not inherited', async () => {
    const text = `
global: {response: {status: 403}, pre_invocation: ["args.x == 1: deny"]}
routes: [{tool: t}, {tool: u, response: {status: 404}}]`;
    const engine = await engineOf(text);
    const details1 = async (name: string): Promise<unknown> =>
      (await engine.pre(call(name, { args: { x: 1 } }))).violation?.details;
    assert.deepEqual(await details1('t'), {});
    assert.deepEqual(await details1('u'), { 'http.status': 404 });
    assert.deepEqual((await engine.pre({ entity: { type: 'http', name: '*' }, args: { x: 1 } })).violation?.details, {
      'http.status': 403,
    });
  });
});

describe('the trace', () => {
  it('lists the steps in order with what they read', async () => {
    const text = `
routes:
  - tool: t
    args: {s: redact}
    pre_invocation:
      - require(args.flag)
      - when: args.x > 1
        do: [taint(a), "deny('r', 'c')"]
      - {sequential: [allow]}
      - "args.y: deny"`;
    const engine = await engineOf(text, {}, { trace: true });
    const outcomes = async (args: JsonValue): Promise<readonly unknown[]> =>
      ((await engine.pre(call('t', { args }))).trace ?? []).map(({ place, outcome, inputs, span }) => [
        place.replace(`${PLACE}.`, ''),
        outcome,
        inputs,
        span.source.text.slice(span.start, span.end),
      ]);
    assert.deepEqual(await outcomes({ flag: true, x: 1 }), [
      ['args.s', 'continue', undefined, 's'],
      ['pre_invocation[0]', 'continue', { 'args.flag': true }, 'require(args.flag)'],
      ['pre_invocation[1]', 'skipped', { 'args.x': 1 }, 'when'],
      ['pre_invocation[2]', 'continue', undefined, 'sequential'],
      ['pre_invocation[2]', 'continue', undefined, 'allow'],
      ['pre_invocation[3]', 'skipped', {}, 'args.y: deny'],
    ]);
    assert.deepEqual((await outcomes({ x: 1 })).at(-1), ['pre_invocation[0]', 'deny', {}, 'require(args.flag)']);
    const denied = await outcomes({ flag: true, x: 2 });
    assert.deepEqual(
      denied.slice(2).map((row) => (row as readonly unknown[])[1]),
      ['deny', 'continue', 'deny'],
    );
  });

  it('is there only when it was asked for', async () => {
    assert.equal((await decide('routes: [{tool: t}]', call('t'))).trace, undefined);
  });

  it('never holds values of a pipeline', async () => {
    const engine = await engineOf('routes: [{tool: t, args: {s: str | len(1..2)}}]', {}, { trace: true });
    const { trace } = await engine.pre(call('t', { args: { s: 'the-secret' } }));
    assert.ok(!JSON.stringify(trace?.map(({ span: _span, ...rest }) => rest)).includes('the-secret'));
  });
});

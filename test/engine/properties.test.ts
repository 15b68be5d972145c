import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Operation } from '../../src/engine/operation.ts';
import { createEngine } from '../../src/engine/policy-engine.ts';
import { deepFrozen, loadText } from '../support/engine.ts';

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('args', 'result', 'custom', 'data', 'claim', 'subject', 'role', 'http.request_headers'),
      name,
    )
    .map(([root, leaf]) => `${root}.${leaf}`),
  fc.tuple(name, name).map(([a, b]) => `args.${a}[args.${b}]`),
  fc.constantFrom(
    'args',
    'result',
    "args['x y']",
    'security.labels',
    'time.now',
    'subject.id',
    'authenticated',
    'subject.roles',
    'nope.at.all',
  ),
);
const literal = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom("'a'", "''", 'true', 'false', '-1.5', '9007199254740993'),
);
const atom = fc.oneof(
  path,
  path.map((p) => `exists(${p})`),
  fc.tuple(path, fc.constantFrom('==', '!=', '<', '<=', '>', '>='), literal).map((parts) => parts.join(' ')),
  fc.tuple(path, literal).map(([p, l]) => `${p} contains ${l}`),
  fc.tuple(path, fc.constantFrom('in', 'not in'), path).map((parts) => parts.join(' ')),
);
const { predicate } = fc.letrec<{ predicate: string }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    atom,
    tie('predicate').map((p) => `!(${p})`),
    fc.tuple(tie('predicate'), fc.constantFrom('&', '|'), tie('predicate')).map(([a, o, b]) => `(${a}) ${o} (${b})`),
  ),
}));
const STAGES = [
  'str',
  'int',
  'bool',
  'float',
  'email',
  'url',
  'uuid',
  '0..5',
  '..9007199254740993',
  'len(1..3)',
  "enum(a, 'b')",
  "regex('a+')",
  'mask(2)',
  'redact',
  'redact(args.a == 1)',
  'hash',
  'taint(p)',
  'omit',
  'pii.redact',
  'pii.detect',
  'injection.scan',
];
const stage = fc.constantFrom(...STAGES);
const pipeline = fc.array(stage, { minLength: 1, maxLength: 3 }).map((chosen) => {
  const omit = chosen.indexOf('omit');
  return (omit === -1 ? chosen : chosen.slice(0, omit + 1)).join(' | ');
});
const fieldPath = fc.constantFrom('a', 'b', 'a.b', 'a[*]', 'a[*].b', '*', '*.a', 'a[0]', 'a.*');
const fields = fc.dictionary(fieldPath, pipeline, { maxKeys: 3 });
const { rule } = fc.letrec<{ rule: unknown }>((tie) => ({
  rule: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.constantFrom('allow', 'deny', "deny('r', 'c')", 'taint(x)', 'taint(y, message)'),
    predicate.map((p) => `require(${p})`),
    predicate.map((p) => ({ when: p, do: ["deny('r', 'held')"] })),
    fc
      .tuple(
        fieldPath.filter((p) => !p.startsWith('*')),
        pipeline,
        fc.constantFrom('args', 'result'),
      )
      .map(([p, stages, root]) => ({ when: 'exists(time.now)', do: [`${root}.${p} | ${stages}`] })),
    fc.constantFrom(
      { restrict: { allow_models: 'args.a' } },
      { restrict: { deny_models: ['x'], custom: { k: '1' } } },
      { restrict: { custom: { k: '2' } } },
    ),
    fc.tuple(predicate, tie('rule')).map(([p, inner]) => ({ when: p, do: [inner] })),
    fc.array(tie('rule'), { minLength: 1, maxLength: 3 }).map((inner) => ({ sequential: inner })),
    fc
      .array(
        predicate.map((p) => `require(${p})`),
        { minLength: 1, maxLength: 3 },
      )
      .map((inner) => ({ parallel: inner })),
  ),
}));
const rules = fc.array(rule, { maxLength: 4 });
const layer = fc.record(
  { pre_invocation: rules, post_invocation: rules, args: fields, result: fields },
  { requiredKeys: [] },
);
const bundle = fc.record({
  global: layer,
  groups: fc.record({ g: layer }),
  routes: fc.tuple(layer, layer).map(([first, second]) => [
    { tool: 't', groups: 'g', ...first },
    { tool: '*', ...second },
  ]),
});

const json = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });
const shaped = fc.oneof(
  json,
  fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'x y', '__proto__', 'constructor'),
    fc.oneof(json, fc.bigInt(), fc.constantFrom('a', 'b', 1, NaN, Infinity)),
    { noNullPrototype: false },
  ),
);
const request = fc.record(
  {
    args: shaped,
    extensions: fc.record(
      {
        subject: fc.record(
          { id: fc.constantFrom('ann', '', 'a:b'), roles: fc.array(name), claims: fc.dictionary(name, fc.string()) },
          { requiredKeys: [] },
        ),
        custom: fc.dictionary(name, json),
        http: fc.record({ request_headers: fc.dictionary(name, fc.oneof(fc.string(), fc.array(fc.string()))) }),
        labels: fc.array(fc.string()),
      },
      { requiredKeys: [] },
    ),
    attributes: fc.dictionary(
      fc.oneof(path, fc.string()),
      fc.oneof(fc.boolean(), fc.double(), fc.string(), fc.array(fc.string())),
    ),
  },
  { requiredKeys: [] },
);
const result = fc.oneof(
  shaped,
  shaped.map(
    (value) =>
      JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? String(member) : member)) ?? '',
  ),
  fc.constant(undefined),
);

describe('whatever the bundle and whatever the request', () => {
  it('a decision comes at once, nothing throws, and nothing given is changed', async () => {
    let decided = 0;
    await fc.assert(
      fc.asyncProperty(bundle, fc.constantFrom('t', 'other'), request, result, async (policy, tool, rest, outcome) => {
        const loaded = await loadText(JSON.stringify(policy));
        if (!loaded.ok) return;
        const alarms: unknown[] = [];
        const engine = await createEngine(loaded.bundle, { alarm: (alarm) => alarms.push(alarm) });
        const given = { entity: { type: 'tool', name: tool }, ...rest } as Operation;
        const operation = { ...deepFrozen(given) };
        const pre = engine.pre(operation);
        assert.ok(!(pre instanceof Promise));
        const post = engine.post(operation, deepFrozen(outcome) as Operation['args']);
        assert.ok(!(post instanceof Promise));
        assert.deepEqual(alarms, []);
        decided += 1;
        for (const { decision, violation, modified, ...rest2 } of [pre, post]) {
          assert.equal(violation === null, decision === 'allow');
          assert.notEqual(violation?.code, 'engine.internal_error');
          if (rest2.phase === 'pre' && !modified.args) assert.equal(rest2.args, operation.args);
          if (decision !== 'allow') assert.deepEqual(modified, { args: false, result: false });
        }
        if (pre.decision !== 'allow') assert.equal(post, pre);
      }),
      { numRuns: 300 },
    );
    assert.ok(decided > 250, `only ${decided} bundles loaded`);
  });
});

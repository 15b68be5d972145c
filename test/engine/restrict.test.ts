import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Constraint } from '../../src/engine/constraint.ts';
import { admitsBackend, foldConstraints, isConflict } from '../../src/engine/restrict.ts';
import { call, decide, engineOf, outcomeOf } from '../support/engine.ts';

const constraintOf = async (restrictions: readonly unknown[], data = {}): Promise<Constraint | null> => {
  const pre = restrictions.map((restrict) => ({ restrict }));
  const text = JSON.stringify({ routes: [{ llm: 'm', pre_invocation: pre }] });
  return (await decide(text, { entity: { type: 'llm', name: 'm' } }, { data })).constraint;
};

describe('restrict', () => {
  it('gives each field, sorted', async () => {
    assert.deepEqual(
      await constraintOf([
        {
          allow_models: ['b*', 'a'],
          deny_models: ['z', 'y'],
          allow_regions: ['eu'],
          allow_sites: ['s'],
          max_cost_tier: 'low',
          custom: { gpu: true, n: 5 },
          on_empty: 'fallback',
        },
      ]),
      {
        allow_models: ['a', 'b*'],
        deny_models: ['y', 'z'],
        allow_regions: ['eu'],
        allow_sites: ['s'],
        max_cost_tiers: ['low'],
        custom: { gpu: 'true', n: '5' },
        on_empty: 'fallback',
      },
    );
  });

  it('folds: allow sets intersect, deny sets and tiers unite, one deny decides about the empty set', async () => {
    assert.deepEqual(
      await constraintOf([
        { allow_regions: ['a', 'b'], deny_models: ['x'], max_cost_tier: 'low', on_empty: 'fallback' },
        { allow_regions: ['b', 'c'], deny_models: ['y', 'x'], max_cost_tier: 'mid', custom: { k: 'v' } },
      ]),
      {
        allow_regions: ['b'],
        deny_models: ['x', 'y'],
        max_cost_tiers: ['low', 'mid'],
        custom: { k: 'v' },
        on_empty: 'deny',
      },
    );
    assert.deepEqual(await constraintOf([{ allow_sites: ['a'] }, { allow_sites: ['b'] }]), {
      allow_sites: [],
      on_empty: 'deny',
    });
  });

  it('sets of the request are read when it comes; what cannot be read admits nothing or denies', async () => {
    const data = { regions: ['eu', 'us'], one: 'only', none: [], number: 5 };
    assert.deepEqual(await constraintOf([{ allow_regions: 'data.regions' }], data), {
      allow_regions: ['eu', 'us'],
      on_empty: 'deny',
    });
    assert.deepEqual(await constraintOf([{ allow_regions: 'data.one' }], data), {
      allow_regions: ['only'],
      on_empty: 'deny',
    });
    for (const missing of ['data.none', 'data.number', 'data.nowhere', 'data.regions[subject.id]']) {
      assert.deepEqual(await constraintOf([{ allow_regions: missing }], data), { allow_regions: [], on_empty: 'deny' });
      const text = JSON.stringify({
        routes: [{ tool: 't', pre_invocation: [{ restrict: { deny_models: missing } }] }],
      });
      const decision = await decide(text, call('t'), { data });
      assert.equal(outcomeOf(decision), 'routes.tool:t.pre_invocation[0]', missing);
    }
  });

  it('contradicting custom labels deny, dressed with the response', async () => {
    const text = `
routes:
  - tool: t
    pre_invocation: [{restrict: {custom: {a: '1'}}}, {restrict: {custom: {a: '2'}}}]
    response: {status: 409}`;
    const { violation } = await decide(text, call('t'));
    assert.equal(violation?.code, 'policy.restrict_conflict');
    assert.deepEqual(violation.details, { 'http.status': 409 });
    assert.match(violation.reason, /`a` is to be `1` and `2`/);
  });

  it('an earlier denial stays before a contradiction', async () => {
    const text = `
routes: [{tool: t, pre_invocation: [{restrict: {custom: {a: '1'}}}, {restrict: {custom: {a: '2'}}}, "deny('r', 'mine')"]}]`;
    assert.equal(outcomeOf(await decide(text, call('t'))), 'mine');
  });

  it('the constraints of http, pre and post fold together', async () => {
    const engine = await engineOf(`
global: {pre_invocation: [{when: "meta.entity_type == 'http'", do: [{restrict: {allow_regions: [eu, us]}}]}]}
routes:
  - tool: t
    pre_invocation: [{restrict: {allow_regions: [eu, asia]}}]
    post_invocation: [{restrict: {allow_regions: [eu, africa], deny_models: [x]}}]`);
    const http = await engine.pre({ entity: { type: 'http', name: '*' } });
    assert.deepEqual(http.constraint, { allow_regions: ['eu', 'us'], on_empty: 'deny' });
    const operation = call('t', { ...(http.constraint && { constraint: http.constraint }) });
    assert.deepEqual((await engine.pre(operation)).constraint?.allow_regions, ['eu']);
    const post = await engine.post(operation, 1);
    assert.deepEqual(post.constraint, { allow_regions: ['eu'], deny_models: ['x'], on_empty: 'deny' });
  });

  it('a constraint is given with a denial too', async () => {
    const text = 'routes: [{tool: t, pre_invocation: [{restrict: {allow_sites: [a]}}, deny]}]';
    assert.deepEqual((await decide(text, call('t'))).constraint, { allow_sites: ['a'], on_empty: 'deny' });
  });

  it('a custom label named like an inherited member contradicts nothing', () => {
    const one: Constraint = { custom: { a: '1' }, on_empty: 'deny' };
    const other: Constraint = { custom: { toString: 'x' }, on_empty: 'deny' };
    assert.deepEqual(foldConstraints([one, other]), { custom: { a: '1', toString: 'x' }, on_empty: 'deny' });
  });
});

describe('admitsBackend', () => {
  const rank = (tier: string): number | undefined => ({ low: 1, mid: 2, high: 3 })[tier];
  const cases: readonly (readonly [string, Omit<Constraint, 'on_empty'>, Readonly<Record<string, string>>, boolean])[] =
    [
      ['no restriction admits all', {}, {}, true],
      ['a model by name', { allow_models: ['a'] }, { model: 'a' }, true],
      ['a model by pattern', { allow_models: ['anthropic/*'] }, { model: 'anthropic/x/y' }, true],
      ['patterns are case-sensitive', { allow_models: ['A*'] }, { model: 'abc' }, false],
      ['a question mark is itself', { allow_models: ['a?'] }, { model: 'ab' }, false],
      ['a star in the name is itself', { deny_models: ['gpt-*-mini'] }, { model: 'gpt-*x-mini' }, false],
      ['no pattern fits', { allow_models: ['a', 'b*'] }, { model: 'c' }, false],
      ['the empty set admits nothing', { allow_models: [] }, { model: 'a' }, false],
      ['an unlabelled backend does not pass an allow set', { allow_models: ['*'] }, {}, false],
      ['an unlabelled backend does not pass a deny set', { deny_models: ['x'] }, {}, false],
      ['a denied model', { deny_models: ['x*'] }, { model: 'xy' }, false],
      ['a model that is not denied', { deny_models: ['x*'] }, { model: 'y' }, true],
      ['a region', { allow_regions: ['eu'] }, { region: 'eu' }, true],
      ['another region', { allow_regions: ['eu'] }, { region: 'us' }, false],
      ['no region', { allow_regions: ['eu'] }, { site: 'eu' }, false],
      ['a site', { allow_sites: ['s'] }, { site: 's' }, true],
      [
        'a region that an object inherits',
        { allow_regions: ['eu'] },
        Object.create({ region: 'eu' }) as Record<string, string>,
        false,
      ],
      ['a tier below the ceiling', { max_cost_tiers: ['mid'] }, { cost_tier: 'low' }, true],
      ['a tier at every ceiling', { max_cost_tiers: ['mid', 'high'] }, { cost_tier: 'mid' }, true],
      ['a tier above one ceiling', { max_cost_tiers: ['low', 'high'] }, { cost_tier: 'mid' }, false],
      ['a tier without rank', { max_cost_tiers: ['high'] }, { cost_tier: 'free' }, false],
      ['a ceiling without rank', { max_cost_tiers: ['platinum'] }, { cost_tier: 'low' }, false],
      ['custom labels', { custom: { gpu: 'a100', zone: '1' } }, { gpu: 'a100', zone: '1' }, true],
      ['a custom label missing', { custom: { gpu: 'a100' } }, {}, false],
    ];
  for (const [name, constraint, labels, admitted] of cases) {
    it(name, () => assert.equal(admitsBackend({ ...constraint, on_empty: 'deny' }, labels, rank), admitted));
  }

  it('several allow sets are matched one by one, as patterns', async () => {
    const folded = await constraintOf([
      { allow_models: ['anthropic/*'] },
      { allow_models: ['*/claude-3', 'openai/*'] },
    ]);
    assert.ok(folded);
    assert.deepEqual(folded.allow_models, []);
    assert.ok(admitsBackend(folded, { model: 'anthropic/claude-3' }));
    assert.ok(!admitsBackend(folded, { model: 'anthropic/claude-2' }));
    assert.ok(!admitsBackend(folded, { model: 'openai/gpt' }));
  });

  it('without ranks no tier passes', () => {
    assert.ok(!admitsBackend({ max_cost_tiers: ['low'], on_empty: 'deny' }, { cost_tier: 'low' }));
  });

  it('what a fold admits, each of its parts admits, in whatever order', () => {
    const texts = fc.constantFrom('a', 'b', 'a*', '*', 'ab');
    const set = fc.array(texts, { maxLength: 3 });
    const constraint: fc.Arbitrary<Constraint> = fc
      .record(
        {
          allow_models: set,
          deny_models: set,
          allow_regions: set,
          max_cost_tiers: fc.array(fc.constantFrom('low', 'mid', 'odd')),
          custom: fc.constant({ k: 'v' }),
        },
        { requiredKeys: [] },
      )
      .map((fields) => ({ ...fields, on_empty: 'deny' as const }));
    const labels = fc.record(
      {
        model: fc.constantFrom('a', 'b', 'ab', 'c'),
        region: texts,
        cost_tier: fc.constantFrom('low', 'mid', 'high'),
        k: fc.constantFrom('v', 'w'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(constraint, { minLength: 1, maxLength: 4 }), labels, (constraints, backend) => {
        const known = Object.fromEntries(Object.entries(backend).filter(([, value]) => value !== undefined));
        const admits = (folded: ReturnType<typeof foldConstraints>): boolean => {
          assert.ok(folded !== null && !isConflict(folded));
          return admitsBackend(folded, known, rank);
        };
        const each = constraints.every((part) => admitsBackend(part, known, rank));
        assert.equal(admits(foldConstraints(constraints)), each);
        assert.equal(admits(foldConstraints(constraints.toReversed())), each);
      }),
    );
  });
});

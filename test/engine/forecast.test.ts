import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { LoadOptions } from '../../src/config/load-options.ts';
import type { Extensions } from '../../src/engine/operation.ts';
import type { Plugin } from '../../src/engine/plugin.ts';
import { call, engineOf, testKind } from '../support/engine.ts';

const ANYBODY = { type: 'http', name: '*' } as const;
const HANNA: Extensions = { subject: { id: 'hanna', roles: ['hr'], tenant: 'acme' } };

/** What is sure about the tool `t` under these rules, for Hanna. */
async function foresee(rules: readonly unknown[], options: LoadOptions = {}): Promise<unknown> {
  const engine = await engineOf(JSON.stringify({ routes: [{ tool: 't', pre_invocation: rules }] }), options);
  const { refused, constraint } = engine.forecast({ ...call('t'), extensions: HANNA }, ANYBODY);
  return refused ? 'refused' : constraint;
}

describe('a refusal is sure', () => {
  const rows: readonly (readonly unknown[])[] = [
    ['deny'],
    ['require(role.admin)'],
    ['require(role.hr, role.admin)'],
    ['args.n > 5: taint(large)', 'role.hr: deny'],
    ['!role.admin'],
    [{ when: 'subject.tenant == "acme"', do: ['taint(a)', 'require(perm.x)'] }],
    [{ sequential: ['taint(a)', 'deny'] }],
    [{ parallel: ['taint(a)', 'require(role.admin)'] }],
    ['require(role.admin & args.ok)'],
    ['role.hr | args.x: deny'],
    ["require(data.open[subject.tenant] == 'yes')"],
    ["meta.entity_name == 't': deny"],
    ["route.key == 'tool:t': deny"],
    [{ restrict: { deny_models: 'subject.teams' } }],
    [{ restrict: { custom: { a: '1' } } }, { restrict: { custom: { a: '2' } } }],
  ];
  for (const rules of rows) {
    it(JSON.stringify(rules), async () => {
      assert.equal(await foresee(rules, { data: { open: { acme: 'no' } } }), 'refused');
    });
  }
});

describe('nothing is sure', () => {
  const rows: readonly (readonly unknown[])[] = [
    [],
    ['require(role.hr)'],
    ['args.n > 5: deny'],
    ['require(args.ok)'],
    ['require(role.admin | args.ok)'],
    ['role.hr & args.x: deny'],
    ["security.labels contains 'secret': deny"],
    ["session.labels contains 'secret': deny"],
    ['require(security.classification == "public")'],
    ['require(http.request_headers.x == "1")'],
    ['require(agent.session_id == "s")'],
    ['require(exists(session.id))'],
    ['require(time.now > 1)'],
    ['require(exists(operation.id))'],
    ['require(delegation.granted)'],
    ['require(delegation[args.name])'],
    ['require(delegation.age_seconds < 60)'],
    ['require(role[args.name])'],
    ['require(custom.approved)'],
    ['require(exists(meta.properties.owner))'],
    ['require(meta.tags contains "x")'],
    ['require(acme.raw)'],
    [{ when: 'args.x', do: ['deny'] }],
    ['taint(a)'],
  ];
  for (const rules of rows) {
    it(JSON.stringify(rules), async () => assert.equal(await foresee(rules), null));
  }
});

describe('the plugins and decision points of an operation', () => {
  it('are not asked and are never sure', async () => {
    let asked = 0;
    const plugin: Plugin = {
      invoke() {
        asked += 1;
        return { outcome: 'allow' };
      },
    };
    const text = JSON.stringify({
      plugins: [{ name: 'p', kind: 'test', hooks: ['tool_pre_invoke'], mode: 'sequential' }],
      routes: [{ tool: 't', plugins: ['p'], pre_invocation: ['plugin(p)'] }],
    });
    const engine = await engineOf(text, { plugins: [testKind({ p: plugin })] });
    assert.deepEqual(engine.forecast(call('t'), ANYBODY), { refused: false, constraint: null });
    assert.equal(asked, 0);
  });
});

describe('routes', () => {
  const forecastOf = async (text: string, name: string): Promise<boolean> =>
    (await engineOf(text)).forecast({ ...call(name), extensions: HANNA }, ANYBODY).refused;

  it('that match nothing are refused by default, and not when the bundle lets unmatched calls pass', async () => {
    assert.equal(await forecastOf('routes: [{tool: t}]', 'other'), true);
    assert.equal(await forecastOf('global: {unmatched: {tool: allow}}', 'other'), false);
  });

  it('are chosen by what is known, and all are counted whose condition is open', async () => {
    const text = `
routes:
  - {tool: known, when: role.hr, pre_invocation: [deny]}
  - {tool: known}
  - {tool: open, when: args.x, pre_invocation: [deny]}
  - {tool: open, pre_invocation: ["require(role.hr)"]}
  - {tool: both, when: args.x, pre_invocation: [deny]}
  - {tool: both, pre_invocation: [deny]}
  - {tool: "none-*", when: args.x}
  - {tool: "refused-*", when: args.x, pre_invocation: [deny]}
`;
    const names = ['known', 'open', 'both', 'none-1', 'refused-1'];
    const refused = [];
    for (const name of names) refused.push(await forecastOf(text, name));
    assert.deepEqual(refused, [true, false, true, false, true]);
  });
});

describe('the identity', () => {
  const identity = (roles: readonly string[]): Plugin => ({
    resolveIdentity: () => ({ outcome: 'identified', identity: { subject: { id: 'hanna', roles } } }),
  });
  const plugins = [testKind({ everybody: identity([]), special: identity(['admin']) }, ['identity.resolve'])];
  const text = `
plugins:
  - {name: everybody, kind: test, hooks: [identity.resolve]}
  - {name: special, kind: test, hooks: [identity.resolve]}
plugin_settings: {routing_enabled: true}
global: {authentication: [everybody]}
routes:
  - {tool: same, pre_invocation: ["require(role.admin)"]}
  - {tool: own, authentication: {replace_inherited: true, steps: [special]}, pre_invocation: ["require(role.admin)"]}
  - {tool: never, authentication: {replace_inherited: true, steps: [special]}, pre_invocation: [deny]}
`;

  it('of another entity is no evidence where other plugins are asked', async () => {
    const engine = await engineOf(text, { plugins });
    const refused = ['same', 'own', 'never'].map(
      (name) => engine.forecast({ ...call(name), extensions: HANNA }, ANYBODY).refused,
    );
    assert.deepEqual(refused, [true, false, true]);
    const known = engine.forecast({ ...call('own'), extensions: HANNA }, { type: 'tool', name: 'own' });
    assert.equal(known.refused, true);
  });
});

describe('a restriction', () => {
  it('is sure when what it reads is known, and folded with the others', async () => {
    const rules = [
      { restrict: { allow_regions: 'data.regions[subject.tenant]' } },
      { when: 'role.hr', do: [{ restrict: { allow_regions: ['eu', 'mars'] } }] },
      { when: 'args.x', do: [{ restrict: { allow_sites: ['a'] } }] },
      { restrict: { allow_sites: 'args.sites' } },
    ];
    const constraint = await foresee(rules, { data: { regions: { acme: ['eu', 'us'] } } });
    assert.deepEqual(constraint, { allow_regions: ['eu'], on_empty: 'deny' });
  });
});

describe('forecasts are sound', () => {
  const atoms = [
    'role.hr',
    'role.admin',
    'subject.tenant == "acme"',
    'args.n > 5',
    'args.ok',
    "security.labels contains 'secret'",
    'perm[args.name]',
    'exists(http.request_headers.x)',
    'data.flags.on',
  ];
  const { predicate } = fc.letrec<{ predicate: string }>((tie) => ({
    predicate: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(...atoms),
      tie('predicate').map((inner) => `!(${inner})`),
      fc.tuple(tie('predicate'), fc.constantFrom('&', '|'), tie('predicate')).map((parts) => `(${parts.join(' ')})`),
    ),
  }));
  const { rule } = fc.letrec<{ rule: unknown }>((tie) => ({
    rule: fc.oneof(
      { depthSize: 'small' },
      predicate.map((text) => `require(${text})`),
      predicate.map((text) => `${text}: deny`),
      fc.record({ when: predicate, do: fc.array(tie('rule'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ parallel: fc.array(tie('rule'), { minLength: 1, maxLength: 2 }) }),
    ),
  }));
  const extensions = fc.record({
    subject: fc.record({
      id: fc.constant('hanna'),
      roles: fc.subarray(['hr', 'admin']),
      permissions: fc.subarray(['pay']),
      tenant: fc.constantFrom('acme', 'other'),
    }),
  });
  const later = fc.record({
    args: fc.record({ n: fc.constantFrom(1, 9), ok: fc.boolean(), name: fc.constantFrom('pay', 'x') }),
    labels: fc.subarray(['secret']),
    http: fc.constantFrom({}, { request_headers: { x: '1' } }),
  });

  it('what is refused is allowed with no arguments, labels and headers', async () => {
    let refusals = 0;
    const property = fc.asyncProperty(
      fc.array(rule, { maxLength: 3 }),
      extensions,
      fc.array(later, { minLength: 1, maxLength: 6 }),
      async (rules, known, tries) => {
        const engine = await engineOf(JSON.stringify({ routes: [{ tool: 't', pre_invocation: rules }] }), {
          data: { flags: { on: true } },
        });
        if (!engine.forecast({ ...call('t'), extensions: known }, ANYBODY).refused) return;
        refusals += 1;
        for (const { args, labels, http } of tries) {
          const { decision } = await engine.pre(call('t', { args, extensions: { ...known, labels, http } }));
          assert.equal(decision, 'deny');
        }
      },
    );
    await fc.assert(property, { numRuns: 300 });
    assert.ok(refusals > 20, `${refusals}`);
  });
});

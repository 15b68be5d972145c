import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation, PluginKind } from '../../src/index.ts';
import { bundleOf, findings, start } from './decide.ts';

const bundle = (expression: string, extra = '', entry = '{kind: cel}'): string =>
  bundleOf(entry, `cel: {expr: ${JSON.stringify(expression)}${extra}}`);

const ALICE: Partial<Operation> = {
  extensions: {
    subject: {
      id: 'alice',
      issuer: 'https://idp',
      roles: ['hr', 'staff'],
      permissions: ['pay.read', 'repo:read'],
      claims: { dept: 'eng' },
    },
    labels: ['zeta', 'alpha'],
    client: { client_id: 'app', claims: { plan: { tier: 3 } } },
    delegation: { depth: 2 },
    http: { request_headers: { 'X-Region': 'eu' } },
  },
  args: {
    amount: 120,
    ratio: 0.5,
    huge: 9_007_199_254_740_993n,
    beyond: 2n ** 70n,
    tags: ['b', 'a', 'b'],
    lines: [{ price: 3 }, { price: 9 }],
    user: { 'a.b': 1, id: 'u1' },
    nothing: null,
    none: [],
    empty: { inner: null },
    constructor: 'own',
  },
};

describe('cel: what an expression sees', () => {
  const allowed = [
    "subject.id == 'alice' && authenticated",
    'role.hr && has(role.staff) && !has(role.admin)',
    'perm.pay.read && perm["repo:read"]',
    "claim.dept == 'eng' && client.claim.plan.tier == 3",
    "session.labels == ['alpha', 'zeta'] && security.labels[1] == 'zeta'",
    'args.amount + 1 == 121 && args.amount % 2 == 0 && args.ratio * 2.0 == 1.0',
    'args.huge == 9007199254740993 && args.huge != 9007199254740992',
    'args.beyond > 9223372036854775807',
    "args.tags == ['a', 'b'] && 'a' in args.tags",
    'args.lines.exists(l, l.price > 5) && args.lines.all(l, l.price > 1)',
    'args.user["a.b"] == 1 && size(args.user) == 2',
    '!has(args.nothing) && !has(args.none) && !has(args.empty)',
    "args.constructor == 'own' && !has(args.toString)",
    "http.request_headers['x-region'] == 'eu'",
    "args.user.id.matches('^u[0-9]+$')",
    "meta.entity_type == 'tool' && meta.entity_name == 't' && time.now > 0",
    'has(subject.id) && !has(subject.email)',
    'delegation.depth == 2 && !has(delegation.granted)',
    "args.amount < 100 || subject.id == 'alice' || args.missing == 1",
  ];
  for (const expression of allowed) {
    it(expression, async (context) => {
      const { pre } = await start(context, bundle(expression));
      const decision = await pre(ALICE);
      assert.equal(decision.violation, null);
      assert.equal(decision.decision, 'allow');
    });
  }

  it('gives variables of the step, which never stand in for attributes', async (context) => {
    const text = bundle(
      "limit == 5 && names[1] == 'b' && !has(subject.id)",
      ', limit: 5, names: [c, b], subject: {id: x}',
    );
    const { pre } = await start(context, text.replace('!has(subject.id)', "args.who != 'x'"));
    assert.equal((await pre({ args: { who: 'y' } })).decision, 'allow');
    const shadowed = await start(context, bundle("subject.id == 'x'", ', subject: {id: x}'));
    assert.equal((await shadowed.pre()).violation?.code, 'pdp.cel.error');
    const [warning] = await findings(bundle("subject.id == 'x'", ', subject: {id: x}'));
    assert.equal(warning?.code, 'config/decision-point-doubt');
    assert.match(warning?.message ?? '', /`subject` has no effect/);
  });

  it('reads a grant as a flag or through its members', async (context) => {
    const kind: PluginKind = {
      kind: 'grants',
      hooks: ['token.delegate'],
      configSchema: { type: 'object' },
      create: () => ({
        delegate: () => ({
          outcome: 'granted',
          token: 'x',
          header: 'authorization',
          permissions: ['read'],
          audience: 'a',
        }),
      }),
    };
    const text = (expression: string): string =>
      `plugins: [{name: d, kind: grants, hooks: [token.delegate]}]\n${bundle(expression).replace('      - cel', '      - delegate(d)\n      - cel')}`;
    for (const expression of [
      'delegation.granted',
      'has(delegation.granted) && delegation.granted.permissions[0] == "read"',
    ]) {
      const { pre } = await start(context, text(expression), { plugins: [kind] });
      assert.equal((await pre()).decision, 'allow', expression);
    }
    const both = text('delegation.granted && delegation.granted.audience == "a"');
    const [error] = await findings(both, { plugins: [kind] });
    assert.equal(error?.code, 'config/decision-point-step');
    assert.match(error?.message ?? '', /write `has\(delegation.granted\)`/);
  });
});

describe('cel: what denies', () => {
  it('a false expression, with the code `cel` and the expression in the trace, without values', async (context) => {
    const { pre } = await start(context, bundle("args.token == 'x'"));
    const decision = await pre({ args: { token: 'secret-value' } });
    assert.equal(decision.violation?.code, 'cel');
    const diagnostics = ["`args.token == 'x'` is false"];
    assert.deepEqual(decision.consultations, [
      { dialect: 'cel', place: 'routes.tool:t.pre_invocation[0]', outcome: 'deny', diagnostics },
    ]);
    assert.deepEqual(decision.trace?.[0]?.diagnostics, diagnostics);
    assert.ok(!JSON.stringify(decision.violation).includes('secret-value'));
  });

  it('a missing attribute, with an alarm that says which, after `on_deny`', async (context) => {
    const { pre, alarms } = await start(context, bundle('args.a.b == 1 && subject.id == "x"'));
    const decision = await pre({ args: { a: { c: 1 } } });
    assert.equal(decision.violation?.code, 'pdp.cel.error');
    assert.match(decision.consultations?.[0]?.diagnostics[0] ?? '', /missing: args.a.b, subject.id$/);
    assert.deepEqual(alarms, [{ alarm: 'decision_point_error', dialect: 'cel', allowed: false }]);
  });

  const never = ['1', "'true'", 'null', '[true]', "args.n > 0 ? 'a' : 'b'", 'args.n'];
  for (const expression of never) {
    it(`a result that is no boolean, whatever on_error says: ${expression}`, async (context) => {
      const { pre, alarms } = await start(context, bundle(expression, '', '{kind: cel, on_error: allow}'));
      assert.equal((await pre({ args: { n: 1 } })).violation?.code, 'pdp.cel.error');
      assert.equal(alarms[0]?.alarm, 'decision_point_failure');
    });
  }

  it('an evaluation error passes under on_error: allow, and is alarmed', async (context) => {
    const { pre, alarms } = await start(context, bundle('args.a == 1', '', '{kind: cel, on_error: allow}'));
    assert.equal((await pre({ args: { b: 1 } })).decision, 'allow');
    assert.deepEqual(alarms, [{ alarm: 'decision_point_error', dialect: 'cel', allowed: true }]);
    assert.equal((await pre({ args: { a: 2 } })).violation?.code, 'cel');
  });

  it('attributes too large to decide on, even under on_error: allow', async (context) => {
    const { pre } = await start(context, bundle('size(args.list) > 0', '', '{kind: cel, on_error: allow}'));
    assert.equal((await pre({ args: { list: Array.from({ length: 2000 }, (_, i) => `${i}`) } })).decision, 'allow');
    const long = Array.from({ length: 2001 }, (_, i) => `${i}`);
    assert.equal((await pre({ args: { list: long } })).violation?.code, 'pdp.cel.error');
    let deep: Operation['args'] = 'x';
    for (let i = 0; i < 5000; i++) deep = { a: deep };
    assert.equal((await pre({ args: { list: [deep] } })).violation?.code, 'pdp.cel.error');
  });

  it('an evaluation that takes too long, even under on_error: allow', async (context) => {
    const text = bundle(
      'args.l.all(x, args.l.all(y, x + y != "")) || true',
      '',
      '{kind: cel, on_error: allow, timeout_ms: 5}',
    );
    const { pre } = await start(context, text);
    const l = Array.from({ length: 2000 }, (_, i) => `${i}`);
    assert.equal((await pre({ args: { l } })).violation?.code, 'pdp.cel.error');
    assert.equal((await pre({ args: { l: ['a'] } })).decision, 'allow');
  });

  it('matching takes linear time', async (context) => {
    const { pre } = await start(context, bundle('args.s.matches("^(a+)+$")', '', '{kind: cel, timeout_ms: 1000}'));
    assert.equal((await pre({ args: { s: `${'a'.repeat(5000)}b` } })).violation?.code, 'cel');
  });
});

describe('cel: what loading finds', () => {
  const errors: readonly (readonly [string, RegExp])[] = [
    ['a ==', /`expr` cannot be read: 1:/],
    ['', /cannot be read/],
    ['boom(args.a) || true', /there is no function `boom`/],
    ['args.a.boom() || true', /there is no function `boom`/],
    ['Thing{a: 1} == null || true', /there is no message type `Thing`/],
    [`${'('.repeat(65)}a${')'.repeat(65)}`, /nests more than 64 levels/],
    [`'${'x'.repeat(9000)}' == args.a`, /more than 8192 characters/],
    [`true${' || true'.repeat(1000)}`, /too large/],
    [
      'args.a.all(x, args.a.all(y, args.a.all(z, x + y + z > 0)))',
      /more than 2 of `all`, `exists`, `map`, … stand inside one another/,
    ],
  ];
  for (const [expression, message] of errors) {
    it(`${expression.slice(0, 40)} is an error at the step`, async () => {
      const [error] = (await findings(bundle(expression))).filter(({ severity }) => severity === 'error');
      assert.equal(error?.code, 'config/decision-point-step');
      assert.match(error?.message ?? '', message);
    });
  }

  it('a step without an expression', async () => {
    for (const step of ['cel: {}', 'cel: {expr: 3}', 'cel: {expr: [a]}', 'cel("a"): {}']) {
      const [error] = await findings(
        bundleOf('{kind: cel}', `'${step.split(':')[0]}':${step.slice(step.indexOf(':') + 1)}`),
      );
      assert.equal(error?.code, 'config/decision-point-step', step);
    }
  });

  it('variables that no request has, and constants, are warned of', async () => {
    const diagnostics = await findings(bundle("subjct.id == 'a' && type(args.a) == string && limit > 1", ', limit: 2'));
    assert.deepEqual(
      diagnostics.map(({ code, message, help }) => [code, message, help]),
      [['config/decision-point-doubt', '`cel`: no request has an attribute `subjct`', 'did you mean `subject`?']],
    );
    const [constant] = await findings(bundle('1'));
    assert.match(constant?.message ?? '', /never true or false/);
  });

  it('unknown keys and values of the entry', async () => {
    for (const entry of ['{kind: cel, onerror: allow}', '{kind: cel, on_error: maybe}', '{kind: cel, dialect: x}']) {
      const diagnostics = await findings(bundle('true', '', entry));
      assert.ok(
        diagnostics.some(({ severity }) => severity === 'error'),
        entry,
      );
    }
  });
});

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Decision, JsonObject, Operation } from '../../src/index.ts';
import { callCedar, CedarCrash, cedarGeneration } from '../../src/pdp/cedar/library.ts';
import { findings, start } from './decide.ts';

const READ = { action: 'Action::"read"', resource: { type: 'Document', id: 'd1' } };

/** A bundle whose tool `t` asks Cedar once; JSON is YAML. */
const bundle = (entry: JsonObject, step: JsonObject = READ): string =>
  JSON.stringify({
    global: { pdp: [{ kind: 'cedar-direct', ...entry }] },
    routes: [{ tool: 't', pre_invocation: [{ cedar: step }] }],
  });

const policy = (text: string, step: JsonObject = READ): string => bundle({ policy_text: text }, step);

const ALICE: Partial<Operation> = {
  extensions: {
    subject: {
      id: 'alice',
      type: 'user',
      roles: ['hr.admin', 'hr'],
      permissions: ['read'],
      teams: ['blue'],
      claims: { dept: 'eng', 'https://x/y': 'z' },
    },
    labels: ['PII'],
    delegation: { depth: 2, delegated: true },
    classification: 'internal',
  },
  entity: { type: 'tool', name: 't', tags: ['x'] },
};

const code = (decision: Decision): string | undefined => decision.violation?.code;

describe('cedar-direct: what policies see', () => {
  const permitted: readonly string[] = [
    'permit(principal == User::"alice", action == Action::"read", resource == Document::"d1");',
    'permit(principal, action, resource) when { principal.id == "alice" && principal.type == "User" };',
    'permit(principal, action, resource) when { principal.roles == ["hr", "hr.admin"] && principal.teams.contains("blue") };',
    'permit(principal, action, resource) when { principal.claims.dept == "eng" && principal.claims["https://x/y"] == "z" };',
    'permit(principal, action, resource) when { context.delegation.depth == 2 && context.delegation.delegated };',
    'permit(principal, action, resource) when { context.security.labels.contains("PII") && context.authenticated };',
    'permit(principal, action, resource) when { context.meta.entity_name == "t" && context.meta.tags.contains("x") };',
    'permit(principal, action, resource) when { !(principal has other) && !(context.meta has scope) };',
  ];
  for (const text of permitted) {
    it(text.slice(text.indexOf('when') < 0 ? 0 : text.indexOf('when')), async (context) => {
      const { pre } = await start(context, policy(text));
      assert.equal((await pre(ALICE)).violation, null);
    });
  }

  it('placeholders keep types, and only whole strings are placeholders', async (context) => {
    const step = {
      action: '${args.action}',
      resource: {
        type: 'Repo',
        id: '${ args.id }',
        attributes: {
          stars: '${args.stars}',
          live: '${args.live}',
          tags: ['${args.tags}'],
          note: 'id ${args.id}',
          doc: '${args.doc}',
        },
      },
      context: { nested: { n: '${args.stars}' } },
    };
    const text = `permit(principal, action == Action::"a\\"b", resource == Repo::"r") when {
      resource.stars == 7 && resource.live && resource.tags.contains(["x", "y"]) &&
      resource.note == "id \${args.id}" && context.nested.n == 7 && resource.doc.owner == "\${args.id}" };`;
    const { pre } = await start(context, policy(text, step));
    const args = {
      action: 'Action::"a\\"b"',
      id: 'r',
      stars: 7,
      live: true,
      tags: ['y', 'x'],
      doc: { owner: '${args.id}' },
    };
    assert.equal((await pre({ ...ALICE, args })).violation, null);
    const [warning] = await findings(policy(text, step));
    assert.equal(warning?.code, 'config/decision-point-doubt');
    assert.match(warning?.message ?? '', /`id \$\{args.id\}` stays as it is written/);
  });

  it('integers of 64 bits are exact', async (context) => {
    const step = { ...READ, context: { low: '${args.low}', high: '${args.high}' } };
    const text = `permit(principal, action, resource)
      when { context.low == -9223372036854775808 && context.high == 9223372036854775807 };`;
    const { pre } = await start(context, policy(text, step));
    assert.equal((await pre({ ...ALICE, args: { low: -(2n ** 63n), high: 2n ** 63n - 1n } })).violation, null);
    assert.equal(
      code(await pre({ ...ALICE, args: { low: -(2n ** 63n), high: 2n ** 63n - 2n } })),
      'cedar.default_deny',
    );
  });

  it('entities of the bundle make hierarchies, and attributes of the request lie over theirs', async (context) => {
    const entities = [
      { uid: { type: 'User', id: 'alice' }, attrs: { id: 'other', level: 3 }, parents: [{ type: 'Team', id: 'blue' }] },
      { uid: { type: 'Team', id: 'blue' }, attrs: {}, parents: [{ type: 'Org', id: 'acme' }] },
      { uid: { type: 'Org', id: 'acme' }, attrs: {}, parents: [] },
      {
        uid: { type: 'Document', id: 'd1' },
        attrs: { owner: { __entity: { type: 'User', id: 'alice' } } },
        parents: [],
      },
    ];
    const policy_text = `permit(principal in Org::"acme", action, resource)
      when { resource.owner == principal && principal.level == 3 && principal.id == "alice" };`;
    const { pre } = await start(context, bundle({ policy_text, entities }));
    assert.equal((await pre(ALICE)).violation, null);
    assert.equal(code(await pre({ extensions: { subject: { id: 'bob' } } })), 'cedar.default_deny');
  });

  it('the principal can be named by the step', async (context) => {
    const step = { ...READ, principal: { type: 'App::Agent', id: '${agent.agent_id}', attributes: { n: 1 } } };
    const { pre } = await start(
      context,
      policy('permit(principal == App::Agent::"a1", action, resource) when { principal.n == 1 };', step),
    );
    assert.equal((await pre({ extensions: { agent: { agent_id: 'a1' } } })).violation, null);
    assert.equal(code(await pre(ALICE)), 'pdp.cedar.error');
  });
});

describe('cedar-direct: what denies', () => {
  it('forbid, with the @id of the first policy as code and all of them in the trace', async (context) => {
    const text = `permit(principal, action, resource);
      @id("no-b") forbid(principal, action, resource);
      @id("no-a") forbid(principal, action, resource);`;
    const { pre } = await start(context, policy(text));
    const decision = await pre(ALICE);
    assert.equal(code(decision), 'no-a');
    assert.equal(decision.violation?.reason, 'forbidden by `no-a`, `no-b`');
    assert.deepEqual(decision.trace?.[0]?.diagnostics, ['policy `no-a` forbids', 'policy `no-b` forbids']);
  });

  it('the permitting policies are in the trace too, by id or number', async (context) => {
    const many = Array.from(
      { length: 12 },
      (_, i) => `forbid(principal, action, resource) when { context.n == ${i} };`,
    );
    const step = { ...READ, context: { n: '${args.n}' } };
    const { pre } = await start(context, policy(`${many.join('\n')}\npermit(principal, action, resource);`, step));
    assert.deepEqual((await pre({ ...ALICE, args: { n: 99 } })).consultations?.[0]?.diagnostics, [
      'policy `policy12` permits',
    ]);
    assert.equal(code(await pre({ ...ALICE, args: { n: 10 } })), 'policy10');
    assert.equal(code(await pre({ ...ALICE, args: { n: 2 } })), 'policy2');
  });

  it('a forbid that cannot be evaluated, beside a permit', async (context) => {
    const text = `permit(principal, action, resource);
      @id("broken") forbid(principal, action, resource) when { resource.missing == "x" };`;
    const { pre, alarms } = await start(context, policy(text));
    const decision = await pre(ALICE);
    assert.equal(code(decision), 'pdp.cedar.error');
    assert.deepEqual(decision.consultations?.[0]?.diagnostics, ['policy `broken` cannot be evaluated']);
    assert.deepEqual(alarms, [{ alarm: 'decision_point_error', dialect: 'cedar', allowed: false }]);
  });

  const all = 'permit(principal, action, resource);';
  const given = (
    value: JsonObject[string],
    place: 'attributes' | 'context' = 'attributes',
  ): readonly [string, Partial<Operation>] => [
    policy(
      all,
      place === 'context'
        ? { ...READ, context: { v: '${args.v}' } }
        : { ...READ, resource: { type: 'D', id: 'd', attributes: { v: '${args.v}' } } },
    ),
    { ...ALICE, args: { v: value } },
  ];
  const refused: Readonly<Record<string, readonly [string, Partial<Operation>]>> = {
    'no subject': [policy(all), {}],
    'a placeholder without a value': [policy(all, { ...READ, context: { v: '${args.v}' } }), ALICE],
    'a fraction': given(1.5),
    'a fraction in the context': given(1.5, 'context'),
    'an integer beyond 64 bits': given(2n ** 63n),
    'a rounded integer': given(2 ** 60),
    'an id that is no text': [
      policy(all, { ...READ, resource: { type: 'D', id: '${args.v}' } }),
      { ...ALICE, args: { v: 5 } },
    ],
    'a type that is no name': [
      policy(all, { ...READ, resource: { type: '${args.v}', id: 'd' } }),
      { ...ALICE, args: { v: 'a b' } },
    ],
    'an action that is no entity': [policy(all, { ...READ, action: 'read' }), ALICE],
    'an entity made up by the request': given({ __entity: { type: 'User', id: 'root' } }),
    'an extension value made up by the request': given(
      { inner: [{ __extn: { fn: 'ip', arg: '10.0.0.1' } }] },
      'context',
    ),
    'attributes nested too deeply': given(
      Array.from({ length: 100 }).reduce<JsonObject>((inner) => ({ inner }), { x: 1 }),
    ),
    'text that is no Unicode': given('\ud800'),
  };
  for (const [what, [text, operation]] of Object.entries(refused)) {
    it(what, async (context) => {
      const { pre, alarms } = await start(context, text);
      assert.equal(code(await pre(operation)), 'pdp.cedar.error');
      assert.equal(alarms[0]?.alarm, 'decision_point_failure');
    });
  }

  it('no policies at all', async (context) => {
    const { pre } = await start(context, policy(''));
    assert.equal(code(await pre(ALICE)), 'cedar.default_deny');
  });
});

describe('cedar-direct: schema', () => {
  const schema_text = `
    type Level = { level: Long };
    entity User = { roles: Set<String>, claims: { dept?: String } };
    entity Document;
    action read appliesTo { principal: [User], resource: [Document], context: { meta: { entity_name: String }, extra?: Level } };`;

  it('what the request gives is cut to what the schema declares', async (context) => {
    const policy_text = `permit(principal, action, resource)
      when { principal.roles.contains("hr") && context.meta.entity_name == "t" && principal.claims has dept };`;
    const { pre } = await start(context, bundle({ policy_text, schema_text }));
    assert.equal((await pre(ALICE)).violation, null);
  });

  it('what the author gives is not', async (context) => {
    const entry = { policy_text: 'permit(principal, action, resource);', schema_text };
    const { pre } = await start(context, bundle(entry, { ...READ, context: { other: 1 } }));
    assert.equal(code(await pre(ALICE)), 'pdp.cedar.error');
    const fits = await start(context, bundle(entry, { ...READ, context: { extra: { level: 1 } } }));
    assert.equal((await fits.pre(ALICE)).violation, null);
  });

  it('requests that do not fit it are denied', async (context) => {
    const entry = { policy_text: 'permit(principal, action, resource);', schema_text };
    const { pre } = await start(context, bundle(entry, { ...READ, action: 'Action::"write"' }));
    assert.equal(code(await pre(ALICE)), 'pdp.cedar.error');
  });

  it('policies that do not fit it are errors at load, unless told otherwise', async () => {
    const entry = {
      policy_text: '@id("p1") permit(principal, action, resource) when { principal.nope == 1 };',
      schema_text,
    };
    const [error] = await findings(bundle(entry));
    assert.equal(error?.code, 'config/plugin-config');
    assert.match(error?.message ?? '', /do not fit the schema: `p1`: attribute `nope`/);
    assert.deepEqual(await findings(bundle({ ...entry, validate_policies: false })), []);
  });
});

describe('cedar-direct: what loading finds', () => {
  const nested = (depth: number): string =>
    `permit(principal, action, resource) when { ${'['.repeat(depth)}1${']'.repeat(depth)} == [] };`;
  const errors: readonly (readonly [JsonObject, RegExp])[] = [
    [{}, /`policy_text` or `policy_file` is missing/],
    [{ policy_file: 'nowhere.cedar' }, /`nowhere.cedar`: there is no such file/],
    [{ policy_text: '// é😀\npermit(principal' }, /cannot be read: unexpected end of input.*\(line 2, column 17\)/],
    [{ policy_text: 'permit(principal == ?principal, action, resource);' }, /slot such as `\?principal`/],
    [{ policy_text: '', schema_text: 'entity ;' }, /the schema cannot be read/],
    [{ policy_text: nested(41) }, /nest more than 40 levels deep/],
    [
      { policy_text: `permit(principal, action, resource) when { 1${'+1'.repeat(120)} == 2 };` },
      /`policy0` nests too many operators/,
    ],
    [{ policy_text: '', entities: [{ uid: 'x' }] }, /the entities cannot be used/],
    [{ policy_text: '', polices: 'x' }, /unknown key `polices`/],
  ];
  for (const [entry, message] of errors) {
    it(message.source, async () => {
      const found = await findings(bundle(entry));
      assert.ok(
        found.some((finding) => finding.severity === 'error' && message.test(finding.message)),
        JSON.stringify(found.map((each) => each.message)),
      );
    });
  }

  const steps: readonly (readonly [JsonObject, RegExp])[] = [
    [{ resource: READ.resource }, /`action` must be text/],
    [{ action: READ.action }, /`resource` must be a map/],
    [{ ...READ, resource: { type: 'D', id: 5 } }, /put a number in quotes/],
    [{ ...READ, context: [1] }, /`context` must be a map/],
    [{ ...READ, resouce: {} }, /unknown key `resouce`; did you mean `resource`/],
  ];
  for (const [step, message] of steps) {
    it(`a step: ${message.source}`, async () => {
      const [error] = await findings(policy('', step));
      assert.equal(error?.code, 'config/decision-point-step');
      assert.match(error?.message ?? '', message);
    });
  }

  it('files are read beside the bundle and count in its digest', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'cedar-'));
    context.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'p.cedar'), 'permit(principal, action, resource);');
    const text = bundle({ policy_file: 'p.cedar' });
    const first = await start(context, text, { baseDirectory: folder });
    assert.equal((await first.pre(ALICE)).violation, null);
    await writeFile(join(folder, 'p.cedar'), 'forbid(principal, action, resource);');
    const second = await start(context, text, { baseDirectory: folder });
    assert.equal(code(await second.pre(ALICE)), 'policy0');
    assert.equal((await first.pre(ALICE)).violation, null);
    assert.notEqual(first.digest, second.digest);
  });
});

it('a crash of the library denies nothing but the call that caused it', async (context) => {
  const { pre } = await start(context, policy('permit(principal, action, resource);'));
  assert.equal((await pre(ALICE)).violation, null);
  const generation = cedarGeneration();
  const deep = `permit(principal, action, resource) when { ${'('.repeat(2000)}true${')'.repeat(2000)} };`;
  assert.throws(() => callCedar((api) => api.policyToJson(deep)), CedarCrash);
  assert.equal(cedarGeneration(), generation + 1);
  assert.equal((await pre(ALICE)).violation, null);
});

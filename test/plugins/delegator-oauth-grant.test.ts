import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Decision } from '../../src/engine/decision.ts';
import { DEFAULTS } from '../../src/plugins/delegator-oauth/config.ts';
import { outcomeOf } from '../support/engine.ts';
import {
  HR,
  PAYROLL,
  credential,
  delegator,
  mintedToken,
  startDelegationProvider,
  userToken,
} from '../support/delegation.ts';
import type { DelegatorOptions } from '../support/delegation.ts';
import type { Exchange, IdentityProvider } from '../support/identity-provider.ts';

let provider: IdentityProvider;
before(async () => {
  provider = await startDelegationProvider();
});
afterEach(() => {
  provider.grantWith(undefined);
  provider.intercept(undefined);
});
after(() => provider.close());

async function decide(options: DelegatorOptions = {}): Promise<Decision> {
  const { run, close } = await delegator(provider, options);
  const decision = await run(await userToken(provider));
  await close();
  return decision;
}

/** The outcome when the provider grants what `change` makes of the request. */
async function outcomeWith(
  change: (exchange: Exchange) => Partial<Exchange>,
  config: DelegatorOptions['config'] = {},
): Promise<string> {
  provider.grantWith(change);
  return outcomeOf(await decide({ config }));
}

/** The outcome when the token endpoint answers `body`. */
async function outcomeOfBody(body: object, options: DelegatorOptions = {}): Promise<string> {
  provider.intercept((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  });
  return outcomeOf(await decide(options));
}

const jwt = (claims: object): string =>
  ['{"alg":"none"}', JSON.stringify(claims)].map((part) => Buffer.from(part).toString('base64url')).join('.') + '.c2ln';
const soon = (): number => Math.floor(Date.now() / 1000) + 300;
const OPAQUE = { access_token: 'opaque', token_type: 'Bearer', expires_in: 300 };

describe('delegator/oauth holds a grant against what was asked', () => {
  const grants: readonly (readonly [
    string,
    (exchange: Exchange) => Partial<Exchange>,
    DelegatorOptions['config'],
    string,
  ])[] = [
    ['another audience', () => ({ audience: PAYROLL }), {}, 'delegation.audience_mismatch'],
    [
      'another audience that is tolerated',
      () => ({ audience: PAYROLL }),
      { tolerated_audiences: [PAYROLL] },
      'delegation.audience_mismatch',
    ],
    ['no scope', () => ({ scopes: [] }), {}, 'delegation.scope_too_broad'],
    ['no scope, where less is accepted', () => ({ scopes: [] }), { accept_narrower_scopes: true }, 'allow'],
    ['another scope', () => ({ scopes: ['write'] }), {}, 'delegation.scope_excess'],
    ['a scope more', () => ({ scopes: ['read', 'write'] }), {}, 'delegation.scope_excess'],
    ['a scope more that is tolerated', () => ({ scopes: ['read', 'write'] }), { tolerated_scopes: ['write'] }, 'allow'],
    ['scopes that tell who somebody is', () => ({ scopes: ['read', ...DEFAULTS.toleratedScopes] }), {}, 'allow'],
    [
      'these, when nothing is tolerated',
      () => ({ scopes: ['read', 'openid'] }),
      { tolerated_scopes: [] },
      'delegation.scope_excess',
    ],
    ['a token that has ended', () => ({ expiresIn: -1 }), {}, 'delegation.bad_response'],
    ['what was asked', () => ({}), {}, 'allow'],
  ];
  for (const [what, change, config, outcome] of grants) {
    it(`${what}: ${outcome}`, async () => assert.equal(await outcomeWith(change, config), outcome));
  }

  it('checks the issuer of a JWT where one is configured', async () => {
    assert.equal(await outcomeWith(() => ({}), { issuer: provider.issuer }), 'allow');
    assert.equal(await outcomeWith(() => ({}), { issuer: 'https://other.example' }), 'delegation.bad_response');
  });

  const answers: readonly (readonly [string, () => object, string])[] = [
    ['an opaque token, of which nothing more is known', () => OPAQUE, 'allow'],
    ['an opaque token with fewer scopes', () => ({ ...OPAQUE, scope: '' }), 'delegation.scope_too_broad'],
    ['an opaque token with more scopes', () => ({ ...OPAQUE, scope: 'read admin' }), 'delegation.scope_excess'],
    [
      'a JWT for two audiences',
      () => ({ ...OPAQUE, access_token: jwt({ aud: [HR, PAYROLL] }) }),
      'delegation.audience_mismatch',
    ],
    ['a JWT for nobody', () => ({ ...OPAQUE, access_token: jwt({}) }), 'delegation.audience_mismatch'],
    [
      'a JWT that says less than the answer',
      () => ({ ...OPAQUE, scope: 'read', access_token: jwt({ aud: HR, scope: '' }) }),
      'delegation.scope_too_broad',
    ],
    [
      'a JWT that says more than the answer',
      () => ({ ...OPAQUE, scope: 'read', access_token: jwt({ aud: HR, scp: ['read', 'admin'] }) }),
      'delegation.scope_excess',
    ],
    [
      'a JWT that ends before the answer says',
      () => ({ ...OPAQUE, access_token: jwt({ aud: HR, exp: 1 }) }),
      'delegation.bad_response',
    ],
    [
      'a JWT of the right kind',
      () => ({ ...OPAQUE, access_token: jwt({ aud: [HR], scope: 'read', exp: soon() }) }),
      'allow',
    ],
    ['no time to live', () => ({ ...OPAQUE, expires_in: 0 }), 'delegation.bad_response'],
    ['less than no time to live', () => ({ ...OPAQUE, expires_in: -5 }), 'delegation.bad_response'],
    ['no token', () => ({ token_type: 'Bearer' }), 'delegation.bad_response'],
    ['an empty token', () => ({ ...OPAQUE, access_token: '' }), 'delegation.bad_response'],
    [
      'a token that splits the header',
      () => ({ ...OPAQUE, access_token: 'a\r\nx-admin: 1' }),
      'delegation.bad_response',
    ],
    ['no token type', () => ({ ...OPAQUE, token_type: undefined }), 'delegation.bad_response'],
    ['a token that is bound to a key', () => ({ ...OPAQUE, token_type: 'DPoP' }), 'delegation.bad_response'],
    ['what is no access token', () => ({ ...OPAQUE, token_type: 'N_A' }), 'delegation.bad_response'],
  ];
  for (const [what, body, outcome] of answers) {
    it(`${what}: ${outcome}`, async () => assert.equal(await outcomeOfBody(body()), outcome));
  }

  it('takes what is no access token for a header of its own', async () => {
    const config = { default_outbound_header: 'X-Assertion' };
    assert.equal(await outcomeOfBody({ ...OPAQUE, token_type: 'N_A' }, { config }), 'allow');
  });

  it('tells policy what was granted, not what was asked', async () => {
    provider.grantWith(() => ({ scopes: ['read', 'email'] }));
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read, write])`,
      "require(delegation.granted.permissions contains 'read', delegation.granted.permissions contains 'email')",
      "delegation.granted.permissions contains 'write': deny('r', 'told too much')",
    ];
    assert.equal(outcomeOf(await decide({ rules, config: { accept_narrower_scopes: true } })), 'allow');
  });

  it('believes no server of a token for ever', async () => {
    const { run, clock, close } = await delegator(provider, {
      rules: [
        `delegate(exchange, audience: '${HR}')`,
        "delegation.granted.expires_at == '2033-05-19T03:33:20Z': deny('r', 'a day')",
      ],
    });
    clock.now = Date.UTC(2033, 4, 18, 3, 33, 20);
    provider.intercept((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...OPAQUE, expires_in: 1e12 }));
    });
    assert.equal(outcomeOf(await run([credential('user', 'opaque')])), 'a day');
    await close();
  });
});

describe('weaknesses that delegation must not have', () => {
  it('an unknown key of a step is an error', async () => {
    await assert.rejects(
      delegator(provider, { rules: [`delegate(exchange, audience: '${HR}', scopes: [read])`] }),
      /no key `scopes`/,
    );
  });

  it('settings of a layer reach the plugin', async () => {
    const config = {
      token_endpoint: provider.tokenEndpoint,
      client_id: 'gateway',
      client_secret_source: { kind: 'env_var', name: 'SECRET' },
      accept_narrower_scopes: true,
    };
    provider.grantWith(() => ({ scopes: [] }));
    assert.equal(outcomeOf(await decide()), 'delegation.scope_too_broad');
    assert.equal(outcomeOf(await decide({ route: { plugins: { exchange: { config } } } })), 'allow');
  });

  it('a failed step leaves nothing of an earlier grant', async () => {
    let calls = 0;
    provider.grantWith(() => ((calls += 1), calls === 1 ? {} : { audience: PAYROLL }));
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read])`,
      `delegate(exchange, audience: '${HR}', permissions: [write], on_error: continue)`,
      "!delegation.granted: deny('r', 'not granted')",
    ];
    assert.equal(outcomeOf(await decide({ rules })), 'not granted');
  });

  it('a grant without scopes leaves no permissions of an earlier one', async () => {
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read])`,
      `delegate(exchange, audience: '${HR}', permissions: [write])`,
      "delegation.granted.permissions contains 'read': deny('r', 'stale')",
      'exists(delegation.granted.permissions): deny("r", "none")',
    ];
    let calls = 0;
    provider.grantWith(() => ((calls += 1), calls === 1 ? {} : { scopes: [] }));
    assert.equal(outcomeOf(await decide({ rules, config: { accept_narrower_scopes: true } })), 'allow');
  });

  for (const keys of [
    'subject: users',
    'subject: 1',
    'actor: someone',
    'actor: this_workload',
    'subject: workload, actor: user',
  ]) {
    it(`\`${keys}\` is an error at load, and no on_error passes over it`, async () => {
      const rules = [`delegate(exchange, audience: '${HR}', ${keys}, on_error: continue)`];
      await assert.rejects(delegator(provider, { rules }), /config\/delegate-step/);
    });
  }

  it('a minted token is kept, for its own subject only', async () => {
    const { run, close } = await delegator(provider);
    const [ann, bob] = [await userToken(provider, 'ann'), await userToken(provider, 'bob')];
    const tokens = [await run(ann), await run(bob), await run(ann), await run(bob)].map(mintedToken);
    assert.equal(new Set(tokens).size, 2);
    assert.deepEqual([tokens[0], tokens[1]], [tokens[2], tokens[3]]);
    await close();
  });

  it('a rule can deny what was not granted', async () => {
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read], on_error: continue)`,
      "!(delegation.granted.permissions contains 'read'): deny('r', 'not granted')",
    ];
    provider.grantWith(() => ({ scopes: [] }));
    assert.equal(outcomeOf(await decide({ rules })), 'not granted');
  });

  it('a step without an audience is an error', async () => {
    await assert.rejects(
      delegator(provider, { rules: ['delegate(exchange, permissions: [read])'] }),
      /needs an `audience`/,
    );
  });

  it('a missing credential of the actor denies', async () => {
    const rules = [`delegate(exchange, audience: '${HR}', actor: client)`];
    const earlier = provider.requestCount();
    assert.equal(outcomeOf(await decide({ rules })), 'delegation.bad_request');
    assert.equal(provider.requestCount(), earlier);
  });

  it('a missing or empty credential of the subject denies, and nobody is asked', async () => {
    const { run, close } = await delegator(provider);
    const earlier = provider.requestCount();
    for (const credentials of [[], [credential('user', '')], [credential('client', await userToken(provider))]]) {
      assert.equal(outcomeOf(await run(credentials)), 'delegation.bad_request');
    }
    assert.equal(provider.requestCount(), earlier);
    await close();
  });

  it('without the capability no credential is seen', async () => {
    assert.equal(outcomeOf(await decide({ entry: { capabilities: [] } })), 'delegation.bad_request');
  });

  it('an unattributed token is alarmed once', async () => {
    const rules = [`delegate(exchange, audience: '${HR}', permissions: [read], actor: client)`];
    const { run, alarms, close } = await delegator(provider, { rules, config: { cache_seconds: 0 } });
    const credentials = [
      credential('user', await userToken(provider)),
      credential('client', await userToken(provider, 'agent')),
    ];
    assert.equal(outcomeOf(await run(credentials)), 'allow');
    assert.deepEqual(alarms, []);
    await close();

    const { exp, aud, scope } = { exp: soon(), aud: HR, scope: 'read' };
    provider.intercept((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...OPAQUE, access_token: jwt({ exp, aud, scope }) }));
    });
    const unattributed = await delegator(provider, { rules, config: { cache_seconds: 0 } });
    await unattributed.run(credentials);
    await unattributed.run(credentials);
    assert.deepEqual(unattributed.alarms, [{ alarm: 'delegation_unattributed', plugin: 'exchange' }]);
    await unattributed.close();
  });
});

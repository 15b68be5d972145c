import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonObject } from '../../src/engine/operation.ts';
import type { Identity } from '../../src/engine/plugin.ts';
import type { IdentityRole } from '../../src/plugins/identity-jwt/config.ts';
import { inlineKey } from '../../src/plugins/identity-jwt/key-source.ts';
import { claimMapper } from '../../src/plugins/identity-jwt/map-claims.ts';
import type { TrustedIssuer } from '../../src/plugins/identity-jwt/trusted-issuer.ts';
import { keyFromSecret } from '../../src/plugins/identity-jwt/verification-key.ts';

const ISSUER: TrustedIssuer = {
  issuer: 'https://idp.example',
  audiences: ['gateway'],
  algorithms: new Set(['HS256']),
  leewaySeconds: 60,
  keys: inlineKey(keyFromSecret('x')),
  tokenTypes: new Set(['jwt']),
  untypedTokens: true,
  idTokens: false,
  trustDomains: undefined,
};
const REGISTERED = { iss: ISSUER.issuer, aud: 'gateway', exp: 2, nbf: 1, iat: 1, jti: 'j' };

const map = (
  role: IdentityRole,
  claims: JsonObject,
  mapper: 'standard' | 'keycloak' = 'standard',
  issuer = ISSUER,
): Identity | undefined => claimMapper(role, mapper)({ ...REGISTERED, ...claims }, issuer);

const user = (claims: JsonObject, mapper?: 'keycloak'): unknown =>
  map('user', { sub: 'alice', ...claims }, mapper)?.subject;

describe('claims of a user', () => {
  const alice = { id: 'alice', issuer: ISSUER.issuer, claims: {} };

  const cases: readonly (readonly [string, JsonObject, object])[] = [
    ['nothing but a subject', {}, {}],
    ['roles, of which strings count', { roles: ['hr', 7, null, ['x'], 'it'] }, { roles: ['hr', 'it'] }],
    ['roles that are no list', { roles: 'hr' }, {}],
    ['permissions before scope', { permissions: ['view'], scope: 'edit' }, { permissions: ['view'] }],
    ['empty permissions before scope', { permissions: [], scope: 'edit' }, { permissions: [] }],
    ['scope when permissions are no list', { permissions: 'x', scope: ' a  b\tc ' }, { permissions: ['a', 'b', 'c'] }],
    ['no scope list', { scope: ['a'] }, {}],
    ['teams before groups', { teams: [], groups: ['g'] }, { teams: [] }],
    ['groups', { groups: ['g', 1] }, { teams: ['g'] }],
    ['a tenant', { tenant: 't1' }, { tenant: 't1', claims: { tenant: 't1' } }],
    ['a tenant that is no string', { tenant: 5 }, { claims: { tenant: '5' } }],
    [
      'other claims as text',
      { email: 'a@x', email_verified: true, level: 3, address: { city: 'B' }, list: [1, 'a'], none: null },
      {
        claims: {
          email: 'a@x',
          email_verified: 'true',
          level: '3',
          address: '{"city":"B"}',
          list: '[1,"a"]',
          none: 'null',
        },
      },
    ],
    [
      'a token that a client got for itself',
      { client_id: 'alice' },
      { type: 'service', claims: { client_id: 'alice' } },
    ],
    ['a token that a client got for a user', { azp: 'app' }, { claims: { azp: 'app' } }],
    ['realm roles, which only `keycloak` reads', { realm_access: {} }, { claims: { realm_access: '{}' } }],
  ];
  for (const [title, claims, expected] of cases) {
    test(title, () => assert.deepEqual(user(claims), { ...alice, ...expected }));
  }

  test('a claim called __proto__ is one like any other', () => {
    const parsed = JSON.parse('{"__proto__": {"admin": true}, "constructor": "x"}') as JsonObject;
    const identity = claimMapper('user', 'standard')(Object.assign(parsed, { sub: 'alice' }), ISSUER);
    const claims = identity?.subject?.claims ?? {};
    assert.deepEqual(Object.entries(claims), [
      ['__proto__', '{"admin":true}'],
      ['constructor', 'x'],
    ]);
    assert.equal(Object.getPrototypeOf(claims), Object.prototype);
  });

  for (const sub of [undefined, null, '', 7, ['a']] as const) {
    test(`a subject of ${JSON.stringify(sub)} is nobody`, () => {
      assert.equal(claimMapper('user', 'standard')(sub === undefined ? {} : { sub }, ISSUER), undefined);
    });
  }

  test('claims of any shape are mapped or refused, and keep to the types of a subject', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (claims) => {
        const { subject } = map('user', { ...(claims as JsonObject), sub: 'a' }) ?? {};
        if (!subject) return;
        for (const value of Object.values(subject.claims ?? {})) assert.equal(typeof value, 'string');
        for (const list of [subject.roles, subject.permissions, subject.teams]) {
          for (const item of list ?? []) assert.equal(typeof item, 'string');
        }
      }),
    );
  });
});

describe('claims of a Keycloak user', () => {
  const claims: JsonObject = {
    sub: 'f:1:alice',
    typ: 'Bearer',
    azp: 'app',
    preferred_username: 'alice',
    scope: 'openid view_ssn',
    groups: ['/hr', '/hr/payroll', 'plain'],
    realm_access: { roles: ['hr', 3, 'offline_access'] },
    resource_access: { gateway: { roles: ['caller', 'hr'] }, account: { roles: ['manage-account'] } },
  };

  test('roles of the realm and of our own audience', () => {
    const subject = map('user', claims, 'keycloak')?.subject;
    assert.deepEqual(subject?.roles, ['hr', 'offline_access', 'caller']);
    assert.deepEqual(subject.teams, ['hr', 'hr/payroll', 'plain']);
    assert.deepEqual(subject.permissions, ['openid', 'view_ssn']);
    assert.equal(subject.claims?.preferred_username, 'alice');
    assert.equal(subject.type, undefined);
  });

  test('roles at other clients do not count', () => {
    const unbound = { ...ISSUER, audiences: undefined };
    assert.deepEqual(map('user', claims, 'keycloak', unbound)?.subject?.roles, ['hr', 'offline_access']);
    const inherited = { ...ISSUER, audiences: ['constructor', '__proto__'] };
    assert.deepEqual(map('user', claims, 'keycloak', inherited)?.subject?.roles, ['hr', 'offline_access']);
  });

  test('odd shapes count as no roles', () => {
    for (const odd of [null, 'hr', ['hr'], { roles: 'hr' }, { roles: { hr: true } }] as const) {
      const identity = map(
        'user',
        { sub: 'a', realm_access: odd, resource_access: { gateway: odd, roles: ['x'] } },
        'keycloak',
      );
      assert.deepEqual(identity?.subject?.roles, []);
    }
  });

  test('a service account is marked', () => {
    const account = { sub: 'f:2', preferred_username: 'service-account-app' };
    assert.equal(map('user', account, 'keycloak')?.subject?.type, 'service');
  });
});

describe('the chain of actors', () => {
  test('a token without `act` says nothing of delegation', () => {
    assert.deepEqual(Object.keys(map('user', { sub: 'alice' }) ?? {}), ['subject']);
  });

  test('the present actor and the length of the chain', () => {
    const identity = map('user', { sub: 'alice', act: { sub: 'agent-2', act: { sub: 'agent-1' } } });
    assert.deepEqual(identity?.delegation, {
      depth: 2,
      delegated: true,
      origin_subject_id: 'alice',
      actor_subject_id: 'agent-2',
    });
  });

  test('an actor without a name counts as one', () => {
    const identity = map('user', { sub: 'alice', act: { client_id: 'x' } });
    assert.deepEqual(identity?.delegation, { depth: 1, delegated: true, origin_subject_id: 'alice' });
  });

  for (const act of [null, 'agent', ['agent'], { act: 'agent' }, { act: { act: null } }] as const) {
    test(`a chain that cannot be read is refused: ${JSON.stringify(act)}`, () => {
      assert.equal(map('user', { sub: 'alice', act }), undefined);
    });
  }
});

const client = (claims: JsonObject): unknown => map('client', claims)?.client;

describe('claims of a client', () => {
  const app = { client_id: 'app', trust_level: 'third_party', authorized_audiences: ['gateway'], claims: {} };

  const cases: readonly (readonly [string, JsonObject, object])[] = [
    ['client_id', { client_id: 'app' }, {}],
    ['azp', { azp: 'app' }, {}],
    ['client_id before azp', { client_id: 'app', azp: 'other' }, {}],
    ['a name', { azp: 'app', client_name: 'App' }, { client_name: 'App' }],
    ['scopes', { azp: 'app', scope: 'a b' }, { authorized_scopes: ['a', 'b'] }],
    ['a list of scopes first', { azp: 'app', authorized_scopes: ['x'], scope: 'a' }, { authorized_scopes: ['x'] }],
    ['audiences', { azp: 'app', aud: ['gateway', 'b', 3] }, { authorized_audiences: ['gateway', 'b'] }],
    ['roles', { azp: 'app', roles: ['r'] }, { roles: ['r'] }],
    [
      'other claims as they are',
      { azp: 'app', sub: 'x', permissions: ['p'], nested: { a: [1] } },
      { claims: { permissions: ['p'], nested: { a: [1] } } },
    ],
  ];
  for (const [title, claims, expected] of cases) {
    test(title, () => assert.deepEqual(client(claims), { ...app, ...expected }));
  }

  test('a client_id that is no string is nobody, whatever azp says', () => {
    for (const id of [null, 7, '', ['app']] as const) {
      assert.equal(client({ client_id: id, azp: 'app' }), undefined);
    }
    assert.equal(client({ sub: 'app' }), undefined);
  });

  test('Keycloak roles', () => {
    const identity = map('client', { azp: 'app', realm_access: { roles: ['r'] } }, 'keycloak');
    assert.deepEqual(identity?.client?.roles, ['r']);
  });
});

const workload = (claims: JsonObject, issuer = ISSUER): unknown =>
  map('caller_workload', claims, 'standard', issuer)?.caller_workload;

describe('claims of a workload', () => {
  const api = { spiffe_id: 'spiffe://example.org/ns/api', trust_domain: 'example.org', attestor: 'jwt' };

  test('the SPIFFE id in `sub` or `spiffe_id`', () => {
    assert.deepEqual(workload({ sub: api.spiffe_id }), api);
    assert.deepEqual(workload({ sub: 'x', spiffe_id: api.spiffe_id }), api);
    assert.deepEqual(workload({ sub: api.spiffe_id, spiffe_id: 'spiffe://other.org/x' }), api);
    assert.deepEqual(workload({ sub: 'spiffe://example.org' }), {
      ...api,
      spiffe_id: 'spiffe://example.org',
    });
  });

  test('anything else is nobody', () => {
    for (const sub of ['api', 'https://example.org/api', 'spiffe://', 'spiffe:///api', 7] as const) {
      assert.equal(workload({ sub }), undefined);
    }
  });

  test('an issuer speaks for its own trust domains', () => {
    const bound = { ...ISSUER, trustDomains: new Set(['example.org']) };
    assert.deepEqual(workload({ sub: api.spiffe_id }, bound), api);
    assert.equal(workload({ sub: 'spiffe://evil.org/api' }, bound), undefined);
    assert.equal(workload({ sub: 'spiffe://example.org.evil.org/api' }, bound), undefined);
  });
});

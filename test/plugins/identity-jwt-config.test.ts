import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { exportJWK, exportPKCS8, exportSPKI } from 'jose';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import type { PluginEntryContext } from '../../src/engine/plugin.ts';
import { identityJwt } from '../../src/plugins/identity-jwt/identity-jwt.ts';
import type { Alarm } from '../../src/session/label-store.ts';
import { signToken, signingKey } from '../support/issuer.ts';
import { codeOf, identityPlugin, schemaErrors } from '../support/identity-plugin.ts';

const ISSUER = 'https://idp.example';
const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const secret = { kind: 'secret', secret: SECRET };
const trusted = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  issuer: ISSUER,
  algorithms: ['HS256'],
  decoding_key: secret,
  ...over,
});
const config = (over: Record<string, unknown> = {}, rest: Record<string, unknown> = {}): Record<string, unknown> => ({
  trusted_issuers: [trusted(over)],
  ...rest,
});
const claims = (): Record<string, unknown> => ({
  iss: ISSUER,
  sub: 'alice',
  exp: Math.floor(Date.now() / 1000) + 300,
});
const folder = mkdtempSync(join(tmpdir(), 'identity-jwt-'));
after(() => rmSync(folder, { recursive: true }));

test('it serves identity.resolve as identity/jwt', () => {
  assert.equal(identityJwt.kind, 'identity/jwt');
  assert.deepEqual(identityJwt.hooks, ['identity.resolve']);
});

describe('the schema', () => {
  test('lets the config of the tutorial bundles through, and it is usable without dialling', () => {
    const tutorial = {
      claim_mapper: 'standard',
      trusted_issuers: [
        {
          issuer: 'http://localhost:8081/realms/clinic',
          audiences: ['clinic-tools'],
          algorithms: ['RS256'],
          decoding_key: {
            kind: 'jwks_url',
            url: 'http://localhost:8081/realms/clinic/protocol/openid-connect/certs',
            insecure_http: true,
          },
          leeway_seconds: 60,
        },
      ],
    };
    assert.deepEqual(identityPlugin(tutorial).alarms, []);
  });

  const issuerPath = '/trusted_issuers/0';
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['no issuers', {}, ' required'],
    ['an empty list of issuers', { trusted_issuers: [] }, '/trusted_issuers minItems'],
    ['an unknown key', config({}, { mapper: 'standard' }), ' additionalProperties'],
    ['`audience` for `audiences`', config({ audience: ['x'] }), `${issuerPath} additionalProperties`],
    ['no algorithms', config({ algorithms: undefined }), `${issuerPath} required`],
    ['an empty list of algorithms', config({ algorithms: [] }), `${issuerPath}/algorithms minItems`],
    ['the algorithm none', config({ algorithms: ['none'] }), `${issuerPath}/algorithms/0 enum`],
    ['an unknown role', config({}, { role: 'robot' }), '/role enum'],
    ['an unknown claim mapper', config({}, { claim_mapper: 'auth0' }), '/claim_mapper enum'],
    ['an empty header', config({}, { header: '' }), '/header minLength'],
    ['a negative leeway', config({ leeway_seconds: -1 }), `${issuerPath}/leeway_seconds minimum`],
    ['an unknown kind of key', config({ decoding_key: { kind: 'pfx' } }), `${issuerPath}/decoding_key/kind enum`],
    ['a key without its kind', config({ decoding_key: { pem: 'x' } }), `${issuerPath}/decoding_key required`],
    ['a kind without its key', config({ decoding_key: { kind: 'pem' } }), `${issuerPath}/decoding_key required`],
    [
      'a key of another kind',
      config({ decoding_key: { ...secret, url: 'https://x' } }),
      `${issuerPath}/decoding_key additionalProperties`,
    ],
    [
      'a refresh time of zero',
      config({ decoding_key: { kind: 'jwks_url', url: 'https://x', refresh_secs: 0 } }),
      `${issuerPath}/decoding_key/refresh_secs minimum`,
    ],
  ];
  for (const [title, value, error] of refused) {
    test(`refuses ${title}`, () => {
      const copy: unknown = JSON.parse(JSON.stringify(value));
      assert.ok(schemaErrors(copy).includes(error), schemaErrors(copy).join('; '));
    });
  }
});

describe('create refuses', () => {
  const alarms: Alarm[] = [];
  const context: PluginEntryContext = {
    name: 'idp',
    now: Date.now,
    baseDirectory: folder,
    environment: {},
    alarm: (alarm) => void alarms.push(alarm),
    transportSessions: () => new LocalStorage(),
    mode: 'sequential',
    capabilities: new Set(),
  };
  const { publicKey: pssKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  const { publicKey: smallKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const { publicKey: oddCurve } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  const pemOf = (key: typeof pssKey): string => key.export({ type: 'spki', format: 'pem' }).toString();
  const keyOf = (decoding_key: Record<string, unknown>, algorithm = 'RS256'): Record<string, unknown> =>
    config({ decoding_key, algorithms: [algorithm] });
  const url = (text: string, rest: Record<string, unknown> = {}): Record<string, unknown> =>
    keyOf({ kind: 'jwks_url', url: text, ...rest });
  const workload = { role: 'workload' };

  const cases: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
    ['a blank issuer', config({ issuer: ' ' }), /`trusted_issuers\[0\]\.issuer` is blank/],
    ['an issuer twice', { trusted_issuers: [trusted(), trusted()] }, /`trusted_issuers\[1\]\.issuer` is listed before/],
    ['a blank header', config({}, { header: ' ' }), /`header` is not the name of a header/],
    ['a header with a colon', config({}, { header: 'X-Token:' }), /`header` is not the name of a header/],
    ['plain http', url('http://idp.example/jwks'), /is plain http; use https, or set `insecure_http: true`/],
    ['plain http in capitals', url(' HTTP://idp.example/jwks'), /is plain http/],
    ['no URL', url('idp.example/jwks', { insecure_http: true }), /is not an https URL/],
    ['a file URL', url('file:///etc/keys', { insecure_http: true }), /is not an https URL/],
    ['credentials in a URL', url('https://user:hunter2@idp.example/jwks'), /holds credentials/],
    [
      'shared-secret algorithms with a key set',
      config({ decoding_key: { kind: 'jwks_url', url: 'https://x' } }),
      /has only those of shared secrets/,
    ],
    ['an algorithm that no key fits', keyOf(secret), /no entry of `algorithms` fits the key/],
    ['no PEM', keyOf({ kind: 'pem', pem: 'hunter2' }), /is not a public key in PEM form/],
    ['an RSA-PSS key', keyOf({ kind: 'pem', pem: pemOf(pssKey) }), /neither an RSA, an EC nor an Ed25519 key/],
    ['a small RSA key', keyOf({ kind: 'pem', pem: pemOf(smallKey) }), /RSA key of 1024 bits; 2048 are the least/],
    ['an odd curve', keyOf({ kind: 'pem', pem: pemOf(oddCurve) }), /curve other than P-256, P-384 and P-521/],
    ['a missing file', keyOf({ kind: 'pem_file', path: 'no.pem' }), /cannot be read: `no\.pem` \(ENOENT\)/],
    ['no JWK', keyOf({ kind: 'jwk', jwk: { kty: 'RSA', n: 'hunter2' } }), /is not a valid JWK/],
    ['a JWK for encryption', keyOf({ kind: 'jwk', jwk: { kty: 'RSA', use: 'enc' } }), /is not meant for signatures/],
    ['a JWK without its secret', keyOf({ kind: 'jwk', jwk: { kty: 'oct' } }), /is not a valid JWK/],
    ['trust domains of a user', config({ trust_domains: ['x'] }), /for the role `caller_workload` only/],
    [
      'workload issuers without trust domains',
      { ...workload, trusted_issuers: [trusted({ trust_domains: ['x'] }), trusted({ issuer: 'https://b' })] },
      /`trusted_issuers\[1\]` needs `trust_domains`/,
    ],
  ];
  for (const [title, value, message] of cases) {
    test(title, () => {
      assert.deepEqual(schemaErrors(value), []);
      assert.throws(
        () => identityJwt.create(value, context),
        (error) => error instanceof Error && message.test(error.message) && !error.message.includes('hunter2'),
      );
      assert.deepEqual(alarms, []);
    });
  }

  test('private keys', async () => {
    const { privateKey } = await signingKey('RS256');
    const pem = await exportPKCS8(privateKey);
    const jwk = await exportJWK(privateKey);
    for (const value of [keyOf({ kind: 'pem', pem }), keyOf({ kind: 'jwk', jwk })]) {
      assert.throws(() => identityJwt.create(value, context), /is a private key; give the public one/);
    }
  });
});

describe('keys in the bundle', () => {
  for (const algorithm of ['RS256', 'RS512', 'PS256', 'PS384', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']) {
    test(`${algorithm} as PEM, PEM file and JWK, for tokens with and without a kid`, async () => {
      const { privateKey, publicKey, jwk } = await signingKey(algorithm);
      const pem = await exportSPKI(publicKey);
      writeFileSync(join(folder, 'key.pem'), pem);
      const keys = [
        { kind: 'pem', pem },
        { kind: 'pem_file', path: 'key.pem' },
        { kind: 'jwk', jwk },
      ];
      for (const key of keys) {
        const idp = identityPlugin(config({ decoding_key: key, algorithms: ['ES256', 'RS256', algorithm] }), folder);
        for (const header of [{}, { kid: 'any' }]) {
          const token = await signToken(claims(), privateKey, { alg: algorithm, ...header });
          assert.equal(codeOf(await idp.identify(token)), 'identified');
        }
        const other = await signingKey(algorithm);
        const forged = await signToken(claims(), other.privateKey, { alg: algorithm });
        assert.equal(codeOf(await idp.identify(forged)), 'auth.signature_invalid');
      }
    });
  }

  test('shared secrets', async () => {
    const bytes = Buffer.from(SECRET);
    const jwk = { kty: 'oct', k: bytes.toString('base64url') };
    for (const key of [secret, { kind: 'jwk', jwk }]) {
      const idp = identityPlugin(config({ decoding_key: key, algorithms: ['HS256'] }));
      assert.equal(codeOf(await idp.identify(await signToken(claims(), bytes, { alg: 'HS256' }))), 'identified');
      const longer = await signToken(claims(), bytes, { alg: 'HS512' });
      assert.equal(codeOf(await idp.identify(longer)), 'auth.algorithm_mismatch');
      const forged = await signToken(claims(), Buffer.from('another-secret-of-some-forty-two-bytes'), { alg: 'HS256' });
      assert.equal(codeOf(await idp.identify(forged)), 'auth.signature_invalid');
      assert.deepEqual(idp.alarms, []);
    }
  });

  test('a short secret works and is reported', async () => {
    const idp = identityPlugin(config({ decoding_key: { kind: 'secret', secret: 'short' } }));
    assert.deepEqual(idp.alarms, [
      { alarm: 'identity_weak_secret', plugin: 'idp', issuer: ISSUER, bytes: 5, needed: 32 },
    ]);
    const token = await signToken(claims(), Buffer.from('short'), { alg: 'HS256' });
    assert.equal(codeOf(await idp.identify(token)), 'identified');
  });
});

const sign = (over: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> =>
  signToken({ ...claims(), ...over }, Buffer.from(SECRET), { alg: 'HS256', ...header });

describe('options of an issuer', () => {
  test('a leeway of zero is zero', async () => {
    const idp = identityPlugin(config({ leeway_seconds: 0 }));
    const seconds = Math.floor(idp.clock.now / 1000);
    assert.equal(codeOf(await idp.identify(await sign({ exp: seconds }))), 'auth.token_expired');
    assert.equal(codeOf(await idp.identify(await sign({ nbf: seconds + 2 }))), 'auth.token_not_yet_valid');
    assert.equal(codeOf(await idp.identify(await sign({ exp: seconds + 2 }))), 'identified');
  });

  test('named token types, and no others', async () => {
    const idp = identityPlugin(config({ token_types: ['at+JWT'] }));
    assert.equal(codeOf(await idp.identify(await sign({}, { typ: 'application/at+jwt' }))), 'identified');
    for (const typ of ['JWT', undefined, 7, ['at+jwt']]) {
      assert.equal(codeOf(await idp.identify(await sign({}, { typ }))), 'auth.token_invalid');
    }
  });

  test('ID tokens on request, refresh tokens never', async () => {
    const idp = identityPlugin(config({ accept_id_tokens: true }));
    assert.equal(codeOf(await idp.identify(await sign({ typ: 'ID', at_hash: 'x' }))), 'identified');
    assert.equal(codeOf(await idp.identify(await sign({ typ: 'Refresh' }))), 'auth.token_invalid');
  });

  test('without audiences any will do', async () => {
    for (const over of [{}, { audiences: [] }]) {
      const idp = identityPlugin(config(over));
      assert.equal(codeOf(await idp.identify(await sign())), 'identified');
      assert.equal(codeOf(await idp.identify(await sign({ aud: 'x' }))), 'identified');
    }
  });

  test('the roles client and workload', async () => {
    const client = identityPlugin(config({}, { role: 'client', header: 'X-Client' }));
    const outcome = await client.identify({ 'x-client': await sign({ azp: 'app' }) });
    assert.ok(outcome.outcome === 'identified');
    assert.deepEqual(Object.keys(outcome.identity), ['client']);
    assert.deepEqual([outcome.credential?.role, outcome.credential?.header], ['client', 'X-Client']);
    for (const role of ['workload', 'caller_workload']) {
      const workload = identityPlugin(config({ trust_domains: ['example.org'] }, { role }));
      const good = await workload.identify(await sign({ sub: 'spiffe://example.org/api' }, { typ: 'JOSE' }));
      assert.ok(good.outcome === 'identified');
      assert.equal(good.identity.caller_workload?.trust_domain, 'example.org');
      assert.equal(good.credential?.role, 'caller_workload');
      const bad = await workload.identify(await sign({ sub: 'spiffe://evil.org/api' }));
      assert.equal(codeOf(bad), 'auth.mapping_failed');
    }
  });

  test('equal subjects of two issuers are told apart', async () => {
    const idp = identityPlugin({ trusted_issuers: [trusted(), trusted({ issuer: 'https://b.example' })] });
    const issuers: unknown[] = [];
    for (const iss of [ISSUER, 'https://b.example']) {
      const outcome = await idp.identify(await sign({ iss }));
      issuers.push(outcome.outcome === 'identified' && outcome.identity.subject?.issuer);
    }
    assert.deepEqual(issuers, [ISSUER, 'https://b.example']);
  });
});

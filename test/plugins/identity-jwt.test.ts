import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { CompactSign, exportSPKI } from 'jose';
import { signToken, signingKey, startIssuer } from '../support/issuer.ts';
import type { TestIssuer } from '../support/issuer.ts';
import { codeOf, identityPlugin } from '../support/identity-plugin.ts';
import type { IdentityPlugin } from '../support/identity-plugin.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const ISSUER = 'https://idp.example';
const now = (): number => Math.floor(Date.now() / 1000);
const SECRET = 'a-secret-of-at-least-thirty-two-bytes';

describe('tokens of an issuer with a key set', () => {
  let issuer: TestIssuer;
  let idp: IdentityPlugin;
  const seconds = (): number => Math.floor(idp.clock.now / 1000);

  before(async () => {
    issuer = await startIssuer('RS256');
    idp = identityPlugin({
      trusted_issuers: [
        {
          issuer: issuer.issuer,
          audiences: ['gateway', 'other'],
          algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
          decoding_key: { kind: 'jwks_url', url: issuer.keySetUrl, insecure_http: true },
        },
      ],
    });
  });
  after(async () => {
    await idp.plugin.close?.();
    await issuer.close();
  });

  test('a good token identifies its subject', async () => {
    const outcome = await idp.identify(await issuer.sign({ sub: 'alice', aud: 'gateway', roles: ['hr'] }));
    assert.equal(outcome.outcome, 'identified');
    assert.deepEqual(outcome.outcome === 'identified' && outcome.identity, {
      subject: { id: 'alice', issuer: issuer.issuer, roles: ['hr'], claims: {} },
    });
  });

  test('an audience in a list counts', async () => {
    assert.equal(codeOf(await idp.identify(await issuer.sign({ sub: 'a', aud: ['x', 'other'] }))), 'identified');
  });

  const claimCases: readonly (readonly [string, () => Record<string, unknown>, string])[] = [
    ['another audience', () => ({ aud: 'elsewhere' }), 'auth.audience_mismatch'],
    ['no audience', () => ({ aud: undefined }), 'auth.audience_mismatch'],
    ['an empty audience list', () => ({ aud: [] }), 'auth.audience_mismatch'],
    ['an audience that is no string', () => ({ aud: { gateway: true } }), 'auth.audience_mismatch'],
    ['an expiry in the past', () => ({ exp: now() - 120 }), 'auth.token_expired'],
    ['no expiry', () => ({ exp: undefined }), 'auth.token_invalid'],
    ['an expiry that is no number', () => ({ exp: 'never' }), 'auth.token_invalid'],
    ['a start in the future', () => ({ nbf: now() + 120 }), 'auth.token_not_yet_valid'],
    ['a start that is no number', () => ({ nbf: 'now' }), 'auth.token_invalid'],
    ['another issuer', () => ({ iss: 'https://evil.example' }), 'auth.untrusted_issuer'],
    ['an issuer with one more slash', () => ({ iss: `${issuer.issuer}/` }), 'auth.untrusted_issuer'],
    ['no issuer', () => ({ iss: undefined }), 'auth.malformed_header'],
    ['an issuer list', () => ({ iss: [issuer.issuer] }), 'auth.malformed_header'],
    ['no subject', () => ({ sub: undefined }), 'auth.mapping_failed'],
    ['a subject that is no string', () => ({ sub: 7 }), 'auth.mapping_failed'],
    ['an empty subject', () => ({ sub: '' }), 'auth.mapping_failed'],
    ['the mark of a Keycloak ID token', () => ({ typ: 'ID' }), 'auth.token_invalid'],
    ['the mark of a Keycloak refresh token', () => ({ typ: 'Refresh' }), 'auth.token_invalid'],
    ['the mark of a Cognito ID token', () => ({ token_use: 'id' }), 'auth.token_invalid'],
    ['the hash of an access token', () => ({ at_hash: 'abc' }), 'auth.token_invalid'],
  ];
  for (const [title, claims, code] of claimCases) {
    test(`${title}: ${code}`, async () => {
      const outcome = await idp.identify(await issuer.sign({ sub: 'alice', aud: 'gateway', ...claims() }));
      assert.equal(codeOf(outcome), code);
    });
  }

  test('expiry and start are forgiven a minute of clock difference', async () => {
    const at = seconds();
    const claims = { sub: 'a', aud: 'gateway' };
    assert.equal(codeOf(await idp.identify(await issuer.sign({ ...claims, exp: at - 55 }))), 'identified');
    assert.equal(codeOf(await idp.identify(await issuer.sign({ ...claims, nbf: at + 55 }))), 'identified');
    assert.equal(codeOf(await idp.identify(await issuer.sign({ ...claims, exp: at - 60 }))), 'auth.token_expired');
  });

  const headerCases: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['type at+jwt', { typ: 'at+jwt' }, 'identified'],
    ['type application/at+JWT', { typ: 'application/at+JWT' }, 'identified'],
    ['no type', { typ: undefined }, 'identified'],
    ['type of a logout token', { typ: 'logout+jwt' }, 'auth.token_invalid'],
    ['type of a DPoP proof', { typ: 'dpop+jwt' }, 'auth.token_invalid'],
    ['a key that the token brings along', { jwk: { kty: 'oct', k: 'AAAA' }, kid: undefined }, 'identified'],
    ['a key id that nobody published', { kid: 'nobody' }, 'auth.unknown_kid'],
  ];
  for (const [title, header, code] of headerCases) {
    test(`header with ${title}: ${code}`, async () => {
      assert.equal(codeOf(await idp.identify(await issuer.sign({ sub: 'a', aud: 'gateway' }, { header }))), code);
    });
  }

  test('an extension that must be understood and is not', async () => {
    const token = await issuer.sign({ sub: 'a', aud: 'gateway' });
    const [, payload, signature] = token.split('.');
    const header = encode({ alg: 'RS256', kid: issuer.current().kid, crit: ['x'], x: 1 });
    assert.equal(codeOf(await idp.identify(`${header}.${payload}.${signature}`)), 'auth.token_invalid');
  });

  test('a key that the token brings along never verifies it', async () => {
    const own = await signingKey('ES256');
    const header = { jwk: own.jwk, jku: 'http://127.0.0.1:1/' };
    for (const kid of [issuer.current().kid, null]) {
      const token = await issuer.sign(
        { sub: 'a', aud: 'gateway' },
        { algorithm: 'ES256', key: own.privateKey, kid, header },
      );
      assert.notEqual(codeOf(await idp.identify(token)), 'identified');
    }
  });

  test('a changed payload or signature', async () => {
    const [header, , signature] = (await issuer.sign({ sub: 'a', aud: 'gateway' })).split('.');
    const payload = encode({ iss: issuer.issuer, sub: 'admin', aud: 'gateway', exp: seconds() + 60 });
    assert.equal(codeOf(await idp.identify(`${header}.${payload}.${signature}`)), 'auth.signature_invalid');
    assert.equal(codeOf(await idp.identify(`${header}.${payload}.`)), 'auth.signature_invalid');
    assert.equal(codeOf(await idp.identify(`${header}.${payload}.AAAA`)), 'auth.signature_invalid');
  });

  test('unsigned tokens', async () => {
    const payload = encode({ iss: issuer.issuer, sub: 'admin', aud: 'gateway', exp: seconds() + 60 });
    for (const alg of ['none', 'None', 'NONE', '', 'RS255', undefined, null, 1, 'constructor']) {
      for (const signature of ['', 'AAAA']) {
        const token = `${encode({ alg, kid: issuer.current().kid })}.${payload}.${signature}`;
        assert.equal(codeOf(await idp.identify(token)), 'auth.malformed_header');
      }
    }
  });

  test('the public key as shared secret', async () => {
    const { publicKey, kid, jwk } = issuer.current();
    const payload = encode({ iss: issuer.issuer, sub: 'admin', aud: 'gateway', exp: seconds() + 60 });
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? '']) {
      const signed = `${encode({ alg: 'HS256', kid })}.${payload}`;
      const signature = createHmac('sha256', secret).update(signed).digest('base64url');
      assert.equal(codeOf(await idp.identify(`${signed}.${signature}`)), 'auth.algorithm_mismatch');
    }
  });

  test('an algorithm that does not fit the key', async () => {
    const { kid } = issuer.current();
    const other = await signingKey('ES256');
    const token = await issuer.sign({ sub: 'a' }, { algorithm: 'ES256', key: other.privateKey, kid });
    assert.equal(codeOf(await idp.identify(token)), 'auth.algorithm_mismatch');
    const unlisted = await signingKey('RS512');
    const listed = await issuer.sign({ sub: 'a' }, { algorithm: 'RS512', key: unlisted.privateKey });
    assert.equal(codeOf(await idp.identify(listed)), 'auth.algorithm_mismatch');
  });

  test('claims nested too deeply to be walked', async () => {
    const key = issuer.current();
    const deep = `${'['.repeat(5500)}${']'.repeat(5500)}`;
    const claims = `{"iss":"${issuer.issuer}","sub":"a","aud":"gateway","exp":${seconds() + 60},"deep":${deep}}`;
    const token = await new CompactSign(Buffer.from(claims))
      .setProtectedHeader({ alg: 'RS256', kid: key.kid })
      .sign(key.privateKey);
    assert.equal(codeOf(await idp.identify(token)), 'auth.mapping_failed');
  });
});

describe('where the token is read from', () => {
  let token = '';
  const secretIssuer = {
    issuer: ISSUER,
    algorithms: ['HS256'],
    decoding_key: { kind: 'secret', secret: SECRET },
  };
  const idp = identityPlugin({ trusted_issuers: [secretIssuer] });
  before(async () => {
    const claims = { iss: ISSUER, sub: 'alice', exp: Math.floor(Date.now() / 1000) + 600 };
    token = await signToken(claims, Buffer.from(SECRET), { alg: 'HS256' });
  });

  const accepted: readonly (readonly [string, (token: string) => string | string[]])[] = [
    ['the Bearer scheme', (t) => `Bearer ${t}`],
    ['the scheme in lower case', (t) => `bearer ${t}`],
    ['the scheme in capitals and two spaces', (t) => `BEARER  ${t}`],
    ['no scheme', (t) => t],
    ['a list of one value', (t) => [`Bearer ${t}`]],
  ];
  for (const [title, value] of accepted) {
    test(`${title} is fine`, async () => {
      assert.equal(codeOf(await idp.identify({ authorization: value(token) })), 'identified');
    });
  }

  const malformed: readonly (readonly [string, (token: string) => string | string[] | undefined])[] = [
    ['no header', () => undefined],
    ['an empty header', () => ''],
    ['a scheme alone', () => 'Bearer '],
    ['another scheme', (t) => `DPoP ${t}`],
    ['basic credentials', () => 'Basic YTpi'],
    ['the header sent twice', (t) => [`Bearer ${t}`, `Bearer ${t}`]],
    ['an empty list', () => []],
    ['two values joined', (t) => `Bearer ${t}, Bearer ${t}`],
    ['text after the token', (t) => `Bearer ${t} x`],
    ['a line break after the token', (t) => `Bearer ${t}\n`],
    ['space before the scheme', (t) => ` Bearer ${t}`],
    ['two parts', (t) => `Bearer ${t.split('.').slice(0, 2).join('.')}`],
    ['four parts', (t) => `Bearer ${t}.AAAA`],
    ['padding', (t) => `Bearer ${t}=`],
    ['parts that are no JSON', () => 'Bearer AAAA.AAAA.AAAA'],
    ['parts that are JSON but no objects', () => `Bearer ${encode('a')}.${encode(1)}.AAAA`],
    ['a token that is too long', (t) => `Bearer ${t}${'A'.repeat(16 * 1024)}`],
    ['a header that is too long', (t) => `Bearer${' '.repeat(100_000)}${t}`],
  ];
  for (const [title, value] of malformed) {
    test(`${title} is malformed`, async () => {
      assert.equal(codeOf(await idp.identify({ authorization: value(token) })), 'auth.malformed_header');
    });
  }

  test('no other header is read', async () => {
    const other = identityPlugin({ trusted_issuers: [secretIssuer], header: 'X-User-Token' });
    assert.equal(codeOf(await other.identify({ authorization: `Bearer ${token}` })), 'auth.malformed_header');
    assert.equal(codeOf(await other.identify({ 'x-user-token': token })), 'identified');
  });

  test('the credential goes along, out of sight of loggers', async () => {
    const outcome = await idp.identify(token);
    assert.ok(outcome.outcome === 'identified');
    assert.equal(outcome.credential?.token, token);
    assert.equal(outcome.credential.role, 'user');
    assert.equal(outcome.credential.header, 'Authorization');
    for (const shown of [JSON.stringify(outcome), inspect(outcome, { depth: 9 }), JSON.stringify({ ...outcome })]) {
      assert.ok(!shown.includes(token.slice(0, 20)));
    }
  });

  test('no header value makes it throw', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const credential = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.tuple(part, part, part).map((parts) => `Bearer ${parts.join('.')}`),
      fc
        .record({ alg: fc.constantFrom('HS256', 'RS256', 'none'), kid: fc.jsonValue(), b64: fc.jsonValue() })
        .map((header) => `${encode(header)}.${encode({ iss: ISSUER })}.AAAA`),
    );
    await fc.assert(
      fc.asyncProperty(credential, async (authorization) => {
        assert.equal((await idp.identify({ authorization })).outcome, 'denied');
      }),
      { numRuns: 300 },
    );
  });
});

test('nothing of a token gets into what is said about it', async () => {
  const issuer = await startIssuer();
  const idp = identityPlugin({
    trusted_issuers: [
      {
        issuer: issuer.issuer,
        audiences: ['gateway'],
        algorithms: ['ES256'],
        decoding_key: { kind: 'jwks_url', url: issuer.keySetUrl, insecure_http: true },
      },
    ],
  });
  const mark = 'tell-tale';
  const claims = { sub: mark, aud: 'gateway', secret: mark };
  const own = await signingKey();
  const tokens = [
    await issuer.sign({ ...claims, aud: mark }),
    await issuer.sign({ ...claims, iss: `https://${mark}` }),
    await issuer.sign({ ...claims, exp: 1 }),
    await issuer.sign({ ...claims, exp: mark }),
    await issuer.sign({ ...claims, nbf: 1e12 }),
    await issuer.sign({ ...claims, sub: [mark] }),
    await issuer.sign(claims, { kid: mark }),
    await issuer.sign(claims, { header: { typ: mark } }),
    await issuer.sign(claims, { key: own.privateKey }),
    `${encode({ alg: mark })}.${encode({ iss: mark })}.AAAA`,
    mark,
  ];
  const said: string[] = [];
  for (const token of tokens) {
    const outcome = await idp.identify(token);
    assert.equal(outcome.outcome, 'denied');
    said.push(inspect(outcome, { depth: 9, showHidden: true }));
  }
  issuer.answerWith({ kind: 'body', body: mark });
  idp.clock.now += 3600 * 1000;
  await idp.identify(await issuer.sign(claims, { kid: mark, now: idp.clock.now }));
  assert.equal(idp.alarms.length, 1);
  said.push(inspect(idp.alarms));
  assert.ok(!said.join('\n').includes(mark));
  for (const token of tokens.slice(0, -1)) assert.ok(!said.join('\n').includes(token.slice(-40)));
  await idp.plugin.close?.();
  await issuer.close();
});

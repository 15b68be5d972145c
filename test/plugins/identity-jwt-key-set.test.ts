import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import { MAX_KEY_SET_BYTES } from '../../src/plugins/identity-jwt/fetch-key-set.ts';
import { RETRY_MS, UNKNOWN_KID_COOLDOWN_MS } from '../../src/plugins/identity-jwt/remote-key-set.ts';
import { signingKey, startIssuer } from '../support/issuer.ts';
import type { KeySetAnswer, TestIssuer } from '../support/issuer.ts';
import { codeOf, identityPlugin } from '../support/identity-plugin.ts';
import type { IdentityPlugin } from '../support/identity-plugin.ts';

const REFRESH_MS = 600_000;
const MAX_STALE_MS = 3_600_000;

describe('key sets', () => {
  let issuer: TestIssuer;
  let idp: IdentityPlugin;
  let serial = 0;

  /** The code for a token that was never seen before. */
  const tryToken = async (kid?: string | null): Promise<string> => {
    serial += 1;
    const options = { now: idp.clock.now, ...(kid !== undefined && { kid }) };
    return codeOf(await idp.identify(await issuer.sign({ sub: 'alice', jti: `${serial}` }, options)));
  };
  const plugin = (decodingKey: Record<string, unknown> = {}): IdentityPlugin =>
    identityPlugin({
      trusted_issuers: [
        {
          issuer: issuer.issuer,
          algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256'],
          decoding_key: { kind: 'jwks_url', url: issuer.keySetUrl, insecure_http: true, ...decodingKey },
        },
      ],
    });

  beforeEach(async () => {
    issuer = await startIssuer();
    idp = plugin();
  });
  afterEach(async () => {
    await idp.plugin.close?.();
    await issuer.close();
  });

  test('nothing is fetched before the first token, and then once for all that wait', async () => {
    await idp.plugin.initialize?.();
    assert.equal(issuer.fetches(), 0);
    const codes = await Promise.all([tryToken(), tryToken(), tryToken(), tryToken()]);
    assert.deepEqual(codes, ['identified', 'identified', 'identified', 'identified']);
    assert.equal(issuer.fetches(), 1);
  });

  for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519']) {
    test(`${algorithm} in a list of several families`, async () => {
      await issuer.rotate({ algorithm, keep: true });
      assert.equal(await tryToken(), 'identified');
    });
  }

  test('a new key is found at once, tokens of the old one are refused', async () => {
    assert.equal(await tryToken(), 'identified');
    const old = issuer.current();
    idp.clock.now += UNKNOWN_KID_COOLDOWN_MS;
    await issuer.rotate();
    assert.equal(await tryToken(), 'identified');
    assert.equal(issuer.fetches(), 2);
    const token = await issuer.sign({ sub: 'alice' }, { key: old.privateKey, kid: old.kid, now: idp.clock.now });
    assert.equal(codeOf(await idp.identify(token)), 'auth.unknown_kid');
  });

  test('unknown keys cause one fetch per cooldown, whoever asks', async () => {
    assert.equal(await tryToken(), 'identified');
    idp.clock.now += UNKNOWN_KID_COOLDOWN_MS;
    const codes = await Promise.all(['a', 'b', 'c'].map((kid) => tryToken(kid)));
    assert.deepEqual(codes, ['auth.unknown_kid', 'auth.unknown_kid', 'auth.unknown_kid']);
    assert.equal(issuer.fetches(), 2);
    idp.clock.now += UNKNOWN_KID_COOLDOWN_MS - 1;
    assert.equal(await tryToken('d'), 'auth.unknown_kid');
    assert.equal(issuer.fetches(), 2);
    idp.clock.now += 1;
    assert.equal(await tryToken('e'), 'auth.unknown_kid');
    assert.equal(issuer.fetches(), 3);
    assert.equal(await tryToken(), 'identified');
  });

  test('without a kid a set that leaves no choice answers', async () => {
    assert.equal(await tryToken(null), 'identified');
    await issuer.rotate({ algorithm: 'ES384', keep: true });
    idp.clock.now += UNKNOWN_KID_COOLDOWN_MS;
    assert.equal(await tryToken(null), 'identified');
    await issuer.rotate({ algorithm: 'ES384', keep: true });
    idp.clock.now += REFRESH_MS;
    assert.equal(await tryToken(null), 'auth.unknown_kid');
  });

  test('members that are no public signature keys are left out', async () => {
    const { current } = issuer;
    const small = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
    const { privateKey } = await signingKey();
    const others: readonly unknown[] = [
      null,
      'text',
      [],
      {},
      { kty: 'PQ', kid: current().kid },
      { kty: 'oct', k: 'c2VjcmV0', kid: current().kid },
      { ...current().jwk, kid: 7 },
      { ...current().jwk, use: 'enc' },
      { ...current().jwk, key_ops: ['sign'] },
      { ...current().jwk, alg: 'ECDH-ES' },
      { ...current().jwk, x: 'AAAA' },
      { ...(await exportJWK(privateKey)), kid: current().kid },
      { ...(await exportJWK(small.publicKey)), n: 'AQAB', kid: current().kid },
    ];
    issuer.answerWith({ kind: 'body', body: JSON.stringify({ keys: [current().jwk, ...others] }) });
    assert.equal(await tryToken(), 'identified');
    idp.clock.now += REFRESH_MS + MAX_STALE_MS;
    issuer.answerWith({ kind: 'body', body: JSON.stringify({ keys: others }) });
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
    assert.equal(idp.alarms.at(-1)?.reason, 'no_usable_key');
  });

  const failures: readonly (readonly [string, KeySetAnswer, string])[] = [
    ['an error status', { kind: 'status', status: 503 }, 'status'],
    ['a not-found', { kind: 'status', status: 404 }, 'status'],
    ['a redirect', { kind: 'redirect', location: '/jwks' }, 'status'],
    ['no JSON', { kind: 'body', body: '<html>' }, 'malformed'],
    ['nothing', { kind: 'body', body: '' }, 'malformed'],
    ['JSON that is no key set', { kind: 'body', body: '{"keys":{}}' }, 'malformed'],
    ['null', { kind: 'body', body: 'null' }, 'malformed'],
    ['an empty key set', { kind: 'body', body: '{"keys":[]}' }, 'no_usable_key'],
    ['too much', { kind: 'body', body: `{"keys":[]${' '.repeat(MAX_KEY_SET_BYTES)}}` }, 'too_large'],
  ];
  for (const [title, answer, reason] of failures) {
    test(`an issuer that answers with ${title}: no keys, an alarm, and recovery`, async () => {
      issuer.answerWith(answer);
      assert.equal(await tryToken(), 'auth.jwks_unavailable');
      const [alarm] = idp.alarms;
      assert.deepEqual([alarm?.alarm, alarm?.plugin, alarm?.issuer], ['jwks_fetch_failed', 'idp', issuer.issuer]);
      assert.equal(alarm?.reason, reason);
      assert.equal(alarm.failures, 1);
      issuer.answerWith({ kind: 'keys' });
      idp.clock.now += RETRY_MS.first;
      assert.equal(await tryToken(), 'identified');
      assert.equal(idp.alarms.length, 1);
    });
  }

  test('the target of a redirect is not asked', async () => {
    let asked = 0;
    const target = createServer((_request, response) => {
      asked += 1;
      response.end(JSON.stringify({ keys: issuer.published }));
    });
    target.listen(0, '127.0.0.1');
    await once(target, 'listening');
    const address = target.address();
    assert.ok(typeof address === 'object' && address);
    issuer.answerWith({ kind: 'redirect', location: `http://127.0.0.1:${address.port}/jwks` });
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
    assert.equal(asked, 0);
    target.close();
  });

  test('an issuer that is down at first is asked again, less and less often', async () => {
    await issuer.stop();
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
    assert.equal(idp.alarms.length, 1);
    assert.equal(idp.alarms[0]?.reason, 'network');
    for (const wait of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const before: number = idp.alarms.length;
      idp.clock.now += wait - 1;
      assert.equal(await tryToken(), 'auth.jwks_unavailable');
      assert.equal(idp.alarms.length, before);
      idp.clock.now += 1;
      assert.equal(await tryToken(), 'auth.jwks_unavailable');
      assert.equal(idp.alarms.length, before + 1);
    }
    await issuer.start();
    idp.clock.now += RETRY_MS.most;
    assert.equal(await tryToken(), 'identified');
  });

  for (const kind of ['hang', 'stall'] as const) {
    test(`a caller does not wait for an issuer that ${kind}s longer than it may`, async () => {
      issuer.answerWith({ kind });
      const call = new AbortController();
      const token = await issuer.sign({ sub: 'alice' });
      const asked = issuer.nextFetch();
      const outcome = idp.identify(token, call.signal);
      const patient = idp.identify(token);
      await asked;
      call.abort();
      assert.equal(codeOf(await outcome), 'auth.jwks_unavailable');
      assert.equal(codeOf(await idp.identify(token, AbortSignal.abort())), 'auth.jwks_unavailable');
      assert.equal(issuer.fetches(), 1);
      await idp.plugin.close?.();
      assert.equal(codeOf(await patient), 'auth.jwks_unavailable');
      assert.equal(codeOf(await idp.identify(token)), 'auth.jwks_unavailable');
      assert.deepEqual(idp.alarms, []);
      assert.equal(issuer.fetches(), 1);
    });
  }

  test('a hanging fetch ends by its own time limit', async () => {
    issuer.answerWith({ kind: 'hang' });
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
    assert.equal(idp.alarms[0]?.reason, 'timeout');
  });

  test('a set that has grown old is fetched before it is used: a withdrawn key ends there', async () => {
    assert.equal(await tryToken(), 'identified');
    const old = issuer.current();
    await issuer.rotate();
    const withOldKey = async (): Promise<string> =>
      codeOf(
        await idp.identify(
          await issuer.sign({ sub: 'alice' }, { key: old.privateKey, kid: old.kid, now: idp.clock.now }),
        ),
      );
    idp.clock.now += REFRESH_MS - 1;
    assert.equal(await withOldKey(), 'identified');
    assert.equal(issuer.fetches(), 1);
    idp.clock.now += 1;
    assert.equal(await withOldKey(), 'auth.unknown_kid');
    assert.equal(issuer.fetches(), 2);
  });

  test('while it cannot be fetched an old set goes on to count, but not for ever', async () => {
    assert.equal(await tryToken(), 'identified');
    const { now } = idp.clock;
    issuer.answerWith({ kind: 'status', status: 500 });
    idp.clock.now = now + REFRESH_MS;
    assert.equal(await tryToken(), 'identified');
    assert.equal(idp.alarms.length, 1);
    idp.clock.now = now + REFRESH_MS + MAX_STALE_MS - 1;
    const asked = issuer.nextFetch();
    assert.equal(await tryToken(), 'identified');
    await asked;
    idp.clock.now = now + REFRESH_MS + MAX_STALE_MS;
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
    issuer.answerWith({ kind: 'keys' });
    idp.clock.now += RETRY_MS.most;
    assert.equal(await tryToken(), 'identified');
  });

  test('the times are those of the config', async () => {
    await idp.plugin.close?.();
    idp = plugin({ refresh_secs: 5, max_stale_secs: 0 });
    assert.equal(await tryToken(), 'identified');
    issuer.answerWith({ kind: 'status', status: 500 });
    idp.clock.now += 4999;
    assert.equal(await tryToken(), 'identified');
    idp.clock.now += 1;
    assert.equal(await tryToken(), 'auth.jwks_unavailable');
  });

  test('a clock that was set back does not keep keys for longer', async () => {
    assert.equal(await tryToken(), 'identified');
    idp.clock.now += REFRESH_MS - 1;
    assert.equal(await tryToken(), 'identified');
    idp.clock.now -= 100 * REFRESH_MS;
    assert.equal(await tryToken(), 'identified');
    assert.equal(issuer.fetches(), 1);
    idp.clock.now += 1;
    assert.equal(await tryToken(), 'identified');
    assert.equal(issuer.fetches(), 2);
  });
});

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { types } from 'node:util';
import type { IdentityOutcome } from '../../src/engine/plugin.ts';
import { MAX_AGE_MS } from '../../src/plugins/identity-jwt/token-cache.ts';
import { startIssuer } from '../support/issuer.ts';
import type { TestIssuer } from '../support/issuer.ts';
import { codeOf, identityPlugin } from '../support/identity-plugin.ts';
import type { IdentityPlugin } from '../support/identity-plugin.ts';

const REFRESH_MS = 3_600_000;

const identityOf = (outcome: IdentityOutcome): unknown =>
  outcome.outcome === 'identified' ? outcome.identity : outcome.violation.code;

describe('verified tokens', () => {
  let issuer: TestIssuer;
  let idp: IdentityPlugin;
  /** Whether a token's answer came without verifying it. */
  const isRemembered = (token: string): boolean => {
    const input = { entity: { type: 'tool' as const, name: 'any' }, headers: { authorization: `Bearer ${token}` } };
    return !types.isPromise(idp.plugin.resolveIdentity?.(input, { signal: new AbortController().signal }));
  };

  beforeEach(async () => {
    issuer = await startIssuer();
    idp = identityPlugin({
      trusted_issuers: [
        {
          issuer: issuer.issuer,
          algorithms: ['ES256'],
          decoding_key: {
            kind: 'jwks_url',
            url: issuer.keySetUrl,
            insecure_http: true,
            refresh_secs: REFRESH_MS / 1000,
            max_stale_secs: 0,
          },
        },
      ],
    });
  });
  afterEach(async () => {
    await idp.plugin.close?.();
    await issuer.close();
  });

  test('are remembered for a minute', async () => {
    const token = await issuer.sign({ sub: 'alice', nested: { list: ['x'] } });
    assert.ok(!isRemembered(token));
    const first = await idp.identify(token);
    assert.equal(codeOf(first), 'identified');
    assert.ok(isRemembered(token));
    assert.deepEqual(identityOf(await idp.identify(token)), identityOf(first));
    idp.clock.now += MAX_AGE_MS - 1;
    assert.ok(isRemembered(token));
    idp.clock.now += 1;
    assert.ok(!isRemembered(token));
    assert.equal(codeOf(await idp.identify(token)), 'identified');
  });

  test('carry the credential of the request', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    for (const outcome of [await idp.identify(token), await idp.identify(token)]) {
      assert.equal(outcome.outcome === 'identified' && outcome.credential?.token, token);
    }
  });

  test('are not remembered past their expiry, not even for the leeway', async () => {
    const exp = Math.floor(idp.clock.now / 1000) + 10;
    const token = await issuer.sign({ sub: 'alice', exp });
    assert.equal(codeOf(await idp.identify(token)), 'identified');
    idp.clock.now = exp * 1000 - 1;
    assert.ok(isRemembered(token));
    idp.clock.now = exp * 1000;
    assert.ok(!isRemembered(token));
    assert.equal(codeOf(await idp.identify(token)), 'identified');
    assert.ok(!isRemembered(token));
    idp.clock.now = exp * 1000 + 60_000;
    assert.equal(codeOf(await idp.identify(token)), 'auth.token_expired');
  });

  test('are forgotten when the keys of their issuer change', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    assert.equal(codeOf(await idp.identify(token)), 'identified');
    await issuer.rotate();
    idp.clock.now += 30_000;
    assert.ok(isRemembered(token));
    assert.equal(codeOf(await idp.identify(await issuer.sign({ sub: 'bob' }))), 'identified');
    assert.equal(codeOf(await idp.identify(token)), 'auth.unknown_kid');
  });

  test('are forgotten when the keys of their issuer have grown too old', async () => {
    assert.equal(codeOf(await idp.identify(await issuer.sign({ sub: 'alice' }))), 'identified');
    idp.clock.now += REFRESH_MS - 1;
    const token = await issuer.sign({ sub: 'alice' }, { now: idp.clock.now });
    assert.equal(codeOf(await idp.identify(token)), 'identified');
    issuer.answerWith({ kind: 'status', status: 500 });
    assert.ok(isRemembered(token));
    idp.clock.now += 1;
    assert.equal(codeOf(await idp.identify(token)), 'auth.jwks_unavailable');
  });

  test('are verified anew when the clock was set back', async () => {
    const token = await issuer.sign({ sub: 'alice', nbf: Math.floor(idp.clock.now / 1000) });
    assert.equal(codeOf(await idp.identify(token)), 'identified');
    idp.clock.now -= 3000;
    assert.ok(!isRemembered(token));
    idp.clock.now -= 120_000;
    assert.equal(codeOf(await idp.identify(token)), 'auth.token_not_yet_valid');
  });

  test('differ from tokens that share a beginning', async () => {
    const token = await issuer.sign({ sub: 'alice' });
    assert.equal(codeOf(await idp.identify(token)), 'identified');
    const forged = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    assert.equal(codeOf(await idp.identify(forged)), 'auth.signature_invalid');
  });

  test('that were refused are not remembered', async () => {
    const token = await issuer.sign({ sub: 'alice', exp: 1 });
    assert.equal(codeOf(await idp.identify(token)), 'auth.token_expired');
    assert.ok(!isRemembered(token));
  });

  test('give an identity that nobody can change for the next request', async () => {
    const token = await issuer.sign({ sub: 'alice', roles: ['user'], act: { sub: 'agent' } });
    const outcome = await idp.identify(token);
    assert.ok(outcome.outcome === 'identified');
    const { subject, delegation } = outcome.identity;
    for (const part of [outcome.identity, subject, subject?.roles, subject?.claims, delegation]) {
      assert.ok(part && Object.isFrozen(part));
    }
  });
});

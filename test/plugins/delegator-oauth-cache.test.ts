import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import type { Grant } from '../../src/plugins/delegator-oauth/grant.ts';
import { EXPIRY_MARGIN_MS, GrantCache } from '../../src/plugins/delegator-oauth/grant-cache.ts';
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
import type { Delegator, DelegatorOptions } from '../support/delegation.ts';
import type { IdentityProvider } from '../support/identity-provider.ts';

let provider: IdentityProvider;
let open: Delegator | undefined;
before(async () => {
  provider = await startDelegationProvider();
});
afterEach(async () => {
  provider.grantWith(undefined);
  provider.intercept(undefined);
  await open?.close();
  open = undefined;
});
after(() => provider.close());

const start = async (options?: DelegatorOptions): Promise<Delegator> => (open = await delegator(provider, options));

/** How many requests `use` leads to. */
async function requestsOf(use: () => Promise<unknown>): Promise<number> {
  const earlier = provider.requestCount();
  await use();
  return provider.requestCount() - earlier;
}

describe('minted tokens', () => {
  it('are used again for the same credential and target', async () => {
    const { run } = await start();
    const token = await userToken(provider);
    const first = await run(token);
    assert.equal(await requestsOf(async () => assert.equal(mintedToken(await run(token)), mintedToken(first))), 0);
  });

  it('of one subject never serve another', async () => {
    const { run } = await start();
    const accounts = ['ann', 'bob', 'carl', 'ann', 'bob', 'carl'];
    const tokens = new Map<string, string>();
    for (const account of accounts) if (!tokens.has(account)) tokens.set(account, await userToken(provider, account));
    const minted = await Promise.all(accounts.map((account) => run(tokens.get(account))));
    assert.deepEqual(
      minted.map((decision) => decodeJwt(mintedToken(decision)).sub),
      accounts,
    );
  });

  it('of one role never serve another that has the same credential', async () => {
    const token = await userToken(provider);
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read])`,
      `delegate(exchange, audience: '${HR}', permissions: [read], subject: client)`,
      `delegate(exchange, audience: '${HR}', permissions: [read], actor: client)`,
      `delegate(exchange, audience: '${HR}', permissions: [read], subject: this_workload)`,
    ];
    const { run } = await start({ rules });
    const credentials = [credential('user', token), credential('client', token)];
    assert.equal(await requestsOf(() => run(credentials)), 4);
    assert.equal(await requestsOf(() => run(credentials)), 0);
  });

  it('are for one audience, one set of scopes and one resource', async () => {
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read, write])`,
      `delegate(exchange, audience: '${HR}', permissions: [write, read])`,
      `delegate(exchange, audience: '${HR}', permissions: [read])`,
      `delegate(exchange, audience: '${HR}')`,
      `delegate(exchange, audience: '${PAYROLL}', permissions: [read])`,
      `delegate(exchange, audience: '${PAYROLL}', permissions: [read], resource: 'https://payroll.example/v1')`,
    ];
    const { run } = await start({ rules });
    assert.equal(await requestsOf(async () => run(await userToken(provider))), 5);
  });

  it('are not handed out near their end', async () => {
    provider.grantWith(() => ({ expiresIn: 100 }));
    const { run, clock } = await start();
    const token = await userToken(provider);
    await run(token);
    clock.now += 100_000 - EXPIRY_MARGIN_MS - 2000;
    assert.equal(await requestsOf(() => run(token)), 0);
    clock.now += 2000;
    assert.equal(await requestsOf(() => run(token)), 1);
  });

  it('do not outlive the credential that they were minted for', async () => {
    provider.grantWith(() => ({ expiresIn: 3000 }));
    const { run, clock } = await start({ config: { cache_seconds: 3600 } });
    const token = await userToken(provider, 'ann', 100);
    await run(token);
    clock.now += 98_000;
    assert.equal(await requestsOf(() => run(token)), 0);
    clock.now += 2000;
    assert.equal(outcomeOf(await run(token)), 'delegation.subject_expired');
  });

  it('are kept no longer than configured, and not when the clock was set back', async () => {
    const { run, clock } = await start({ config: { cache_seconds: 60 } });
    const token = await userToken(provider);
    await run(token);
    clock.now += 59_999;
    assert.equal(await requestsOf(() => run(token)), 0);
    clock.now += 1;
    assert.equal(await requestsOf(() => run(token)), 1);
    clock.now -= 1;
    assert.equal(await requestsOf(() => run(token)), 1);
  });

  it('are not kept with `cache_seconds: 0`', async () => {
    const { run } = await start({ config: { cache_seconds: 0 } });
    const token = await userToken(provider);
    await run(token);
    assert.equal(await requestsOf(() => run(token)), 1);
  });

  it('are asked for once by all that want them at the same time', async () => {
    const { run } = await start({ config: { cache_seconds: 0 } });
    const token = await userToken(provider);
    const outcomes: string[] = [];
    const count = await requestsOf(async () => {
      const decisions = await Promise.all(Array.from({ length: 20 }, () => run(token)));
      outcomes.push(...new Set(decisions.map(mintedToken)));
    });
    assert.deepEqual([count, outcomes.length], [1, 1]);
  });

  it('of one plugin are not those of another', async () => {
    const token = await userToken(provider);
    const one = await start();
    const other = await delegator(provider);
    assert.equal(await requestsOf(() => Promise.all([one.run(token), other.run(token)])), 2);
    await other.close();
  });
});

describe('the cache of minted tokens', () => {
  const grant = (token: string): Grant => ({ token, permissions: [], expiresAt: Infinity, claims: undefined });
  const cache = (): GrantCache => new GrantCache({ maxAgeMs: 1000, now: () => 0 });
  const never = new AbortController().signal;

  it('keeps no failure', async () => {
    const grants = cache();
    const fail = (): Promise<Grant> => Promise.reject(new Error('refused'));
    await assert.rejects(grants.get('a', fail, never), /refused/);
    assert.equal((await grants.get('a', async () => grant('later'), never)).token, 'later');
  });

  it('shares a failure with those who wait for it', async () => {
    const grants = cache();
    const { promise, reject } = deferred<Grant>();
    let minted = 0;
    const mint = (): Promise<Grant> => ((minted += 1), promise);
    const waiting = [grants.get('a', mint, never), grants.get('a', mint, never)];
    reject(new Error('refused'));
    for (const each of waiting) await assert.rejects(each, /refused/);
    assert.equal(minted, 1);
  });

  it('goes on for the others when one gives up, and gives up with the last', async () => {
    const grants = cache();
    const { promise, resolve } = deferred<Grant>();
    const signals: AbortSignal[] = [];
    const mint = (signal: AbortSignal): Promise<Grant> => (signals.push(signal), promise);
    const [one, two] = [new AbortController(), new AbortController()];
    const first = grants.get('a', mint, one.signal);
    const second = grants.get('a', mint, two.signal);
    one.abort();
    await assert.rejects(first, { name: 'AbortError' });
    assert.equal(signals[0]?.aborted, false);
    two.abort();
    await assert.rejects(second, { name: 'AbortError' });
    assert.equal(signals[0]?.aborted, true);
    const third = grants.get('a', async () => grant('anew'), never);
    resolve(grant('too late'));
    assert.equal((await third).token, 'anew');
    assert.equal((await grants.get('a', async () => grant('no more'), never)).token, 'anew');
  });

  it('starts nothing for who has given up', async () => {
    const grants = cache();
    let minted = 0;
    const mint = async (): Promise<Grant> => ((minted += 1), grant('a'));
    await assert.rejects(grants.get('a', mint, AbortSignal.abort()), { name: 'AbortError' });
    assert.equal(minted, 0);
  });

  it('is bounded', async () => {
    const grants = cache();
    let minted = 0;
    const mint = async (): Promise<Grant> => ((minted += 1), grant('x'.repeat(1024 * 1024)));
    for (let i = 0; i < 40; i++) await grants.get(`${i}`, mint, never);
    assert.equal(minted, 40);
    await grants.get('39', mint, never);
    assert.equal(minted, 40);
    await grants.get('0', mint, never);
    assert.equal(minted, 41);
  });

  it('gives up what is under way when it is cleared', async () => {
    const grants = cache();
    const given: AbortSignal[] = [];
    const mint = (signal: AbortSignal): Promise<Grant> =>
      new Promise((_, reject) => {
        given.push(signal);
        signal.addEventListener('abort', () => reject(new Error('given up')));
      });
    const waiting = grants.get('a', mint, never);
    grants.clear();
    await assert.rejects(waiting, /given up/);
    assert.equal(given[0]?.aborted, true);
  });
});

function deferred<Value>(): {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
} {
  let settle: { resolve: (value: Value) => void; reject: (error: Error) => void } | undefined;
  const promise = new Promise<Value>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, resolve: (value) => settle?.resolve(value), reject: (error) => settle?.reject(error) };
}

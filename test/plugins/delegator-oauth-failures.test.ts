import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { inspect, promisify } from 'node:util';
import { DelegationError } from '../../src/plugins/delegator-oauth/failures.ts';
import { MAX_ANSWER_BYTES, AuthorizationServerError } from '../../src/plugins/oauth-client/authorization-server.ts';
import { outcomeOf } from '../support/engine.ts';
import { HR, PAYROLL, SECRET, delegator, startDelegationProvider, userToken } from '../support/delegation.ts';
import type { DelegatorOptions } from '../support/delegation.ts';
import { startPeer } from '../support/http-peer.ts';
import type { IdentityProvider, Interceptor } from '../support/identity-provider.ts';

/** Text that a provider puts into its answers and that nobody may ever see. */
const CANARY = 'canary-of-the-provider';

let provider: IdentityProvider;
before(async () => {
  provider = await startDelegationProvider();
});
afterEach(async () => {
  provider.grantWith(undefined);
  provider.intercept(undefined);
  await provider.stop();
  await provider.start();
});
after(() => provider.close());

const answerWith =
  (
    status: number,
    body: string,
    headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  ): Interceptor =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };
const oauthError = (error: string): string =>
  JSON.stringify({ error, error_description: `${CANARY} ${SECRET}`, error_uri: `https://${CANARY}.example` });

interface Failure {
  readonly what: string;
  readonly arrange: () => void | Promise<void>;
  readonly code: string;
  /** What the alarm tells besides; undefined when the caller brought the failure about, so that nobody is alarmed. */
  readonly alarm?: Readonly<Record<string, unknown>>;
  readonly options?: DelegatorOptions;
  readonly expiresIn?: number;
}

const intercepted = (what: string, interceptor: Interceptor, code: string, alarm?: Failure['alarm']): Failure => ({
  what,
  arrange: () => provider.intercept(interceptor),
  code,
  ...(alarm === undefined ? {} : { alarm }),
});
const slow = { config: { timeout_seconds: 1 } };

const FAILURES: readonly Failure[] = [
  { what: 'is down', arrange: () => provider.stop(), code: 'delegation.idp_unreachable', alarm: {} },
  { ...intercepted('never answers', () => undefined, 'delegation.idp_timeout', {}), options: slow },
  {
    ...intercepted(
      'stops in the middle',
      (_, response) => void response.write(`{"access_token":"${CANARY}`),
      'delegation.idp_timeout',
      {},
    ),
    options: slow,
  },
  intercepted('breaks the connection', (request) => void request.socket.destroy(), 'delegation.idp_unreachable', {}),
  intercepted('fails', answerWith(500, oauthError('invalid_grant')), 'delegation.idp_error', { status: 500 }),
  intercepted('is overloaded', answerWith(503, CANARY), 'delegation.idp_error', { status: 503 }),
  intercepted('asks for patience', answerWith(429, oauthError('slow_down')), 'delegation.idp_error', { status: 429 }),
  intercepted(
    'sends a page',
    answerWith(200, `<html>${CANARY}</html>`, { 'content-type': 'text/html' }),
    'delegation.bad_response',
    { status: 200 },
  ),
  intercepted('sends broken JSON', answerWith(200, `{"access_token": "${CANARY}`), 'delegation.bad_response', {
    status: 200,
  }),
  intercepted('sends a list', answerWith(200, `["${CANARY}"]`), 'delegation.bad_response', { status: 200 }),
  intercepted('sends nothing', answerWith(204, ''), 'delegation.bad_response', { status: 204 }),
  intercepted(
    'sends too much',
    answerWith(200, `"${CANARY}${'x'.repeat(MAX_ANSWER_BYTES)}"`),
    'delegation.bad_response',
    { status: 200 },
  ),
  intercepted(
    'refuses with too much',
    answerWith(400, CANARY.repeat(MAX_ANSWER_BYTES / 8)),
    'delegation.bad_response',
    { status: 400 },
  ),
  intercepted('knows no such client', answerWith(401, oauthError('invalid_client')), 'delegation.invalid_client', {
    status: 401,
    error: 'invalid_client',
  }),
  intercepted(
    'challenges the client',
    answerWith(401, CANARY, { 'www-authenticate': `Basic realm="${CANARY}"` }),
    'delegation.invalid_client',
    { status: 401, error: 'invalid_client' },
  ),
  intercepted('does not take the token', answerWith(400, oauthError('invalid_grant')), 'delegation.invalid_grant'),
  intercepted('does not know the target', answerWith(400, oauthError('invalid_target')), 'delegation.idp_rejected', {
    status: 400,
    error: 'invalid_target',
  }),
  intercepted('refuses with an error of its own', answerWith(400, oauthError(CANARY)), 'delegation.idp_rejected', {
    status: 400,
  }),
  intercepted(
    'refuses with a page',
    answerWith(403, CANARY, { 'content-type': 'text/html' }),
    'delegation.idp_rejected',
    { status: 403 },
  ),
  {
    what: 'gives a token for another audience',
    arrange: () => provider.grantWith(() => ({ audience: PAYROLL })),
    code: 'delegation.audience_mismatch',
    alarm: {},
  },
  {
    what: 'grants less',
    arrange: () => provider.grantWith(() => ({ scopes: [] })),
    code: 'delegation.scope_too_broad',
    alarm: {},
  },
  {
    what: 'grants more',
    arrange: () => provider.grantWith(() => ({ scopes: ['read', 'write'] })),
    code: 'delegation.scope_excess',
    alarm: {},
  },
  {
    what: 'would get a token that has ended',
    arrange: () => undefined,
    code: 'delegation.subject_expired',
    expiresIn: -1,
  },
  {
    what: 'is given a wrong secret',
    arrange: () => undefined,
    code: 'delegation.invalid_client',
    alarm: { status: 401, error: 'invalid_client' },
    options: { environment: { SECRET: 'not-the-secret' } },
  },
  {
    what: 'does not know the audience',
    arrange: () => undefined,
    code: 'delegation.idp_rejected',
    alarm: { status: 400, error: 'invalid_target' },
    options: { rules: ["delegate(exchange, target: hr, audience: 'https://unknown.example')"] },
  },
];

describe('an identity provider that', () => {
  for (const { what, arrange, code, alarm, options = {}, expiresIn } of FAILURES) {
    it(`${what}: ${code}`, async () => {
      const token = await userToken(provider, 'ann', expiresIn);
      const { run, alarms, close } = await delegator(provider, options);
      await arrange();
      const decision = await run(token);
      assert.equal(outcomeOf(decision), code);
      assert.equal(decision.delegatedTokens, undefined);
      const target = options.rules === undefined ? HR : 'hr';
      const expected = {
        alarm: 'delegation_failed',
        plugin: 'exchange',
        code,
        target,
        status: undefined,
        error: undefined,
      };
      assert.deepEqual(alarms, alarm === undefined ? [] : [{ ...expected, ...alarm }]);
      const told = inspect([decision, alarms], { depth: 9, showHidden: true }) + JSON.stringify([decision, alarms]);
      for (const secret of [CANARY, SECRET, token]) assert.ok(!told.includes(secret));
      await close();
    });
  }

  it('has failed is asked again at the next operation', async () => {
    const { run, close } = await delegator(provider);
    const token = await userToken(provider);
    provider.intercept(answerWith(503, ''));
    assert.equal(outcomeOf(await run(token)), 'delegation.idp_error');
    provider.intercept(undefined);
    assert.equal(outcomeOf(await run(token)), 'allow');
    await close();
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`redirects with ${status} is not followed, and no token goes elsewhere`, async () => {
      const elsewhere = await startPeer((_, response) => void response.end('{}'), '/token');
      provider.intercept(answerWith(status, '', { location: elsewhere.url }));
      const { run, close } = await delegator(provider);
      assert.equal(outcomeOf(await run(await userToken(provider))), 'delegation.idp_error');
      assert.deepEqual(elsewhere.requests, []);
      await close();
      await elsewhere.close();
    });
  }

  it('fails goes on where the step says so, without a token', async () => {
    provider.intercept(answerWith(503, ''));
    const rules = [
      `delegate(exchange, audience: '${HR}', on_error: continue)`,
      "delegation.granted: deny('r', 'granted')",
    ];
    const { run, close } = await delegator(provider, { rules });
    const decision = await run(await userToken(provider));
    assert.equal(outcomeOf(decision), 'allow');
    assert.equal(decision.delegatedTokens, undefined);
    await close();
  });

  it('has a certificate that nobody vouches for is sent nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'delegator-tls-'));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
    await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', cert]);
    let requests = 0;
    const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (_, response) => {
      requests += 1;
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { run, close } = await delegator(provider, {
      config: { token_endpoint: `https://127.0.0.1:${address.port}/token`, insecure_http: true },
    });
    assert.equal(outcomeOf(await run(await userToken(provider))), 'delegation.idp_unreachable');
    assert.equal(requests, 0);
    await close();
    server.close();
    await rm(folder, { recursive: true });
  });

  it('is slower than the plugin may be is given up', async () => {
    const { run, close } = await delegator(provider, { settings: { plugin_timeout: 1 } });
    const gone = new Promise<void>((resolve) => {
      provider.intercept((request) => void request.socket.once('close', () => resolve()));
    });
    assert.equal(outcomeOf(await run(await userToken(provider))), 'plugin.exchange.error');
    await gone;
    await close();
  });
});

describe('errors of delegation', () => {
  it('hold nothing of a request or an answer', () => {
    const refused = new AuthorizationServerError('refused', 400, 'invalid_grant');
    assert.equal(refused.message, 'the authorization server gave nothing: refused 400 invalid_grant');
    assert.equal(
      JSON.stringify(refused),
      '{"name":"AuthorizationServerError","failure":"refused","status":400,"error":"invalid_grant"}',
    );
    assert.equal(refused.cause, undefined);
    assert.match(new DelegationError('delegation.scope_excess').message, /^the identity provider granted more/);
  });
});

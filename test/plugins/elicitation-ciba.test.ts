import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { SignJWT, generateKeyPair, exportJWK } from 'jose';
import { bindingMessage } from '../../src/plugins/elicitation-ciba/binding-message.ts';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { pendingId } from '../support/asked-engine.ts';
import {
  SECRET,
  answeringAt,
  cibaEngine,
  startCibaProvider,
  type BackchannelRequest,
  type CibaEngine,
  type CibaOptions,
  type CibaProvider,
} from '../support/ciba.ts';
import { findingsOf, outcomeOf } from '../support/engine.ts';

let provider: CibaProvider;
before(async () => {
  provider = await startCibaProvider();
});
after(() => provider.close());

/** A clock ahead of the real one by as much as the test lets pass. */
function movable(): { readonly now: () => number; pass(milliseconds: number): void } {
  let ahead = 0;
  return { now: () => Date.now() + ahead, pass: (milliseconds) => void (ahead += milliseconds) };
}

interface Asked {
  readonly ciba: CibaEngine;
  readonly id: string;
  readonly request: BackchannelRequest;
  /** Lets the polling interval pass. */
  readonly wait: (milliseconds?: number) => void;
}

/** A question that was put. */
async function asked(options: CibaOptions = {}): Promise<Asked> {
  const clock = movable();
  const ciba = await cibaEngine(provider, { now: clock.now, ...options });
  const id = pendingId(await ciba.pre());
  const request = provider.asked.at(-1);
  assert.ok(request);
  return { ciba, id, request, wait: (milliseconds = 5001) => clock.pass(milliseconds) };
}

function polls(): number {
  return provider.tokenRequests.length;
}

describe('elicitation/ciba', () => {
  it('asks the provider to ask the person, by what the step says', async () => {
    const { ciba, request } = await asked();
    const { binding_message, login_hint, requested_expiry, scope, acr_values } = request.parameters;
    assert.deepEqual(
      { binding_message, login_hint, requested_expiry, scope, acr_values },
      {
        binding_message: 'Pay-12-to-bob-now',
        login_hint: 'eve',
        requested_expiry: '120',
        scope: 'openid',
        acr_values: undefined,
      },
    );
    await ciba.close();
  });

  it('polls at the pace that the provider asks for, and goes on when the person approved', async () => {
    const { ciba, id, request, wait } = await asked();
    const polled = polls();
    assert.equal(await ciba.retry(id), 'elicitation.pending');
    assert.equal(polls(), polled);
    wait();
    assert.equal(await ciba.retry(id), 'elicitation.pending');
    assert.equal(await ciba.retry(id), 'elicitation.pending');
    assert.equal(polls(), polled + 1);
    await provider.approve(request);
    assert.equal(await ciba.retry(id), 'elicitation.pending');
    wait();
    assert.equal(await ciba.retry(id), 'allow');
    assert.equal(polls(), polled + 2);
    assert.equal(await ciba.retry(id), 'elicitation.used');
    await ciba.close();
  });

  it('takes the answer of the provider on any replica, once', async () => {
    const storage = new LocalStorage();
    const { ciba, id, request, wait } = await asked({ storage });
    await provider.approve(request);
    wait();
    const clock = movable();
    clock.pass(6000);
    const replica = await cibaEngine(provider, { storage, now: clock.now });
    const peek = await replica.pre(undefined, { elicitation: { id, peek: true } });
    assert.equal(outcomeOf(peek), 'elicitation.approved');
    const outcomes = await Promise.all([ciba.retry(id), replica.retry(id)]);
    assert.deepEqual(outcomes.toSorted(), ['allow', 'elicitation.used']);
    await ciba.close();
    await replica.close();
  });

  it('denies what the person refuses', async () => {
    const { ciba, id, request, wait } = await asked();
    await provider.refuse(request);
    wait();
    assert.equal(await ciba.retry(id), 'elicitation.denied');
    assert.equal(await ciba.retry(id), 'elicitation.denied');
    await ciba.close();
  });

  it('does not take the answer of another person than was asked', async () => {
    const { ciba, id, wait } = await asked({ config: { approver_claim: 'sub' } });
    const request = provider.asked.at(-1);
    assert.ok(request);
    await provider.approve(request);
    wait();
    assert.equal(await ciba.retry(id), 'elicitation.wrong_approver');
    await ciba.close();
  });

  it('proves a fresh sign-in of the class that the step names', async () => {
    const rule = "require_step_up(phone, from: 'ann', acr: 'urn:mfa', timeout: 2m)";
    const cases = [
      [{ acr: 'urn:mfa', authTime: Math.floor(Date.now() / 1000) + 5 }, 'allow'],
      [{ acr: 'urn:mfa', authTime: Math.floor(Date.now() / 1000) - 60 }, 'elicitation.not_fresh'],
      [{ authTime: Math.floor(Date.now() / 1000) + 5 }, 'elicitation.not_fresh'],
    ] as const;
    for (const [how, outcome] of cases) {
      const { ciba, id, request, wait } = await asked({ rule });
      assert.equal(request.parameters['acr_values'], 'urn:mfa');
      await provider.approve(request, how);
      wait();
      assert.equal(await ciba.retry(id), outcome);
      await ciba.close();
    }
  });

  it('cannot bring information back', async () => {
    const ciba = await cibaEngine(provider, { rule: "request_info(phone, from: 'eve')" });
    assert.equal(outcomeOf(await ciba.pre()), 'elicitation.unsupported_verb');
    await ciba.close();
  });

  it('asks nobody whom the provider does not know', async () => {
    const ciba = await cibaEngine(provider, { rule: "require_approval(phone, from: 'nobody', on_error: continue)" });
    assert.equal(outcomeOf(await ciba.pre()), 'elicitation.unknown_approver');
    await ciba.close();
  });

  it('is not served with a wrong secret', async () => {
    const config = { client_secret_source: { kind: 'literal', secret: 'wrong' } };
    const ciba = await cibaEngine(provider, { config });
    assert.equal(outcomeOf(await ciba.pre()), 'elicitation.invalid_client');
    await ciba.close();
  });
});

const LEAK = 'secret-of-the-provider';

function json(status: number, body: unknown): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

type Failure = readonly [how: string, respond: (response: ServerResponse) => void, code: string];

const FAILURES: readonly Failure[] = [
  ['a status of its own', json(503, { error: LEAK }), 'elicitation.op_error'],
  [
    'a redirect',
    (response) => void response.writeHead(302, { location: `https://${LEAK}.test` }).end(),
    'elicitation.op_error',
  ],
  ['no JSON', (response) => void response.writeHead(200).end(`<p>${LEAK}</p>`), 'elicitation.bad_response'],
  ['JSON of another kind', json(200, [LEAK]), 'elicitation.bad_response'],
  ['a refusal of its own', json(400, { error: 'invalid_request', error_description: LEAK }), 'elicitation.op_rejected'],
  ['a broken connection', (response) => void response.destroy(), 'elicitation.op_unreachable'],
  ['nothing', () => undefined, 'elicitation.op_timeout'],
];

describe('when the provider answers with', () => {
  for (const [how, respond, code] of FAILURES) {
    it(`${how}, while it is asked: ${code}`, async () => {
      const through = answeringAt(provider, '/backchannel', (_, response) => respond(response));
      const ciba = await cibaEngine(provider, { config: { http_timeout_seconds: 1 } });
      const decision = await ciba.pre();
      through();
      assert.equal(outcomeOf(decision), code);
      assert.doesNotMatch(JSON.stringify([decision.violation, ciba.alarms]), new RegExp(`${LEAK}|${SECRET}`));
      assert.equal(ciba.alarms[0]?.alarm, 'elicitation_failed');
      await ciba.close();
    });

    it(`${how}, while it is polled: ${code}, and the question stays`, async () => {
      const { ciba, id, request, wait } = await asked({ config: { http_timeout_seconds: 1 } });
      wait();
      assert.equal(await ciba.retry(id), 'elicitation.pending');
      wait();
      const through = answeringAt(provider, '/token', (_, response) => respond(response));
      assert.equal(await ciba.retry(id), code);
      through();
      await provider.approve(request);
      assert.equal(await ciba.retry(id), 'allow');
      assert.doesNotMatch(JSON.stringify(ciba.alarms), new RegExp(`${LEAK}|${SECRET}|${request.id}`));
      await ciba.close();
    });
  }

  it('no connection at all', async () => {
    const { ciba, id, wait } = await asked();
    wait();
    await provider.stop();
    assert.equal(await ciba.retry(id), 'elicitation.keys_unavailable');
    const lenient = await cibaEngine(provider, { rule: "require_approval(phone, from: 'eve', on_error: continue)" });
    assert.equal(outcomeOf(await lenient.pre()), 'allow');
    await provider.start();
    assert.equal(await ciba.retry(id), 'elicitation.pending');
    await ciba.close();
    await lenient.close();
  });

  it('slow_down: polls less often', async () => {
    const { ciba, id, wait } = await asked();
    let count = 0;
    const through = answeringAt(provider, '/token', (_, response) => {
      count += 1;
      json(400, { error: 'slow_down' })(response);
    });
    wait();
    for (const [passing, expected] of [
      [0, 1],
      [5001, 1],
      [5001, 2],
      [10_001, 2],
      [5001, 3],
    ] as const) {
      wait(passing);
      assert.equal(await ciba.retry(id), 'elicitation.pending');
      assert.equal(count, expected);
    }
    through();
    await ciba.close();
  });

  it('expired_token: the question is over', async () => {
    const { ciba, id, wait } = await asked();
    wait();
    const through = answeringAt(provider, '/token', (_, response) => json(400, { error: 'expired_token' })(response));
    assert.equal(await ciba.retry(id), 'elicitation.expired');
    through();
    await ciba.close();
  });
});

describe('an ID token', () => {
  const signing = generateKeyPair('ES256', { extractable: true });

  /** What comes of the call when the provider's token endpoint answers with this token, signed with the published key. */
  async function withToken(
    change: (claims: Record<string, unknown>, request: BackchannelRequest) => void,
    options: { readonly alg?: 'none' | 'HS256'; readonly unpublished?: true } = {},
  ): Promise<string> {
    const { privateKey, publicKey } = await signing;
    const jwks = json(200, { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] });
    const { ciba, id, request, wait } = await asked({
      config: { issuer: provider.issuer, jwks_url: `${provider.issuer}/keys` },
    });
    const now = Math.floor(Date.now() / 1000);
    const claims: Record<string, unknown> = {
      iss: provider.issuer,
      aud: 'gateway',
      sub: 'u-eve',
      preferred_username: 'eve',
      iat: now,
      exp: now + 300,
      at_hash: 'gguFCRHN2V05ul0JKLfC9w',
    };
    change(claims, request);
    const key = options.unpublished ? (await generateKeyPair('ES256')).privateKey : privateKey;
    let token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(key);
    if (options.alg === 'none') {
      token = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`;
    } else if (options.alg === 'HS256') {
      token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k' }).sign(Buffer.from(SECRET));
    }
    const handle = provider.provider.callback();
    provider.intercept((incoming, response) => {
      if (incoming.url === '/keys') jwks(response);
      else if (incoming.url === '/token')
        json(200, { access_token: 'a', token_type: 'Bearer', id_token: token })(response);
      else void handle(incoming, response);
    });
    wait();
    const outcome = await ciba.retry(id);
    provider.intercept(undefined);
    await ciba.close();
    return outcome;
  }

  const accessHash = createHash('sha256').update('a').digest().subarray(0, 16).toString('base64url');
  const good = (claims: Record<string, unknown>): void => void (claims['at_hash'] = accessHash);

  it('that is in order counts', async () => {
    assert.equal(await withToken(good), 'allow');
    assert.equal(
      await withToken((claims, { id }) => {
        delete claims['at_hash'];
        claims['urn:openid:params:jwt:claim:auth_req_id'] = id;
        claims['azp'] = 'gateway';
        claims['aud'] = ['gateway', 'x'];
      }),
      'allow',
    );
  });

  const bad: readonly (readonly [string, (claims: Record<string, unknown>) => void])[] = [
    ['of another issuer', (claims) => (claims['iss'] = 'https://evil.test')],
    ['for another client', (claims) => (claims['aud'] = 'other')],
    ['for several, of another party', (claims) => Object.assign(claims, { aud: ['gateway', 'x'], azp: 'x' })],
    ['for several, of no party', (claims) => (claims['aud'] = ['gateway', 'x'])],
    ['that is over', (claims) => (claims['exp'] = 1)],
    ['without an end', (claims) => delete claims['exp']],
    ['without a subject', (claims) => delete claims['sub']],
    ['without a name', (claims) => delete claims['preferred_username']],
    ['of another request', (claims) => (claims['urn:openid:params:jwt:claim:auth_req_id'] = 'x')],
    ['of another access token', (claims) => (claims['at_hash'] = 'gguFCRHN2V05ul0JKLfC9w')],
  ];
  for (const [what, change] of bad) {
    it(`${what} counts for nothing`, async () => {
      const changed = (claims: Record<string, unknown>): void => {
        good(claims);
        change(claims);
      };
      assert.equal(await withToken(changed), 'elicitation.invalid_id_token');
    });
  }

  it('that nobody, or somebody else, signed counts for nothing', async () => {
    assert.equal(await withToken(good, { alg: 'none' }), 'elicitation.invalid_id_token');
    assert.equal(await withToken(good, { alg: 'HS256' }), 'elicitation.invalid_id_token');
    assert.equal(await withToken(good, { unpublished: true }), 'elicitation.invalid_id_token');
  });
});

describe('the config of elicitation/ciba', () => {
  const config = {
    backchannel_endpoint: 'https://op.test/backchannel',
    token_endpoint: 'https://op.test/token',
    client_id: 'gateway',
    client_secret_source: { kind: 'env_var', name: 'SECRET' },
  };
  const findings = async (over: Readonly<Record<string, unknown>>): Promise<readonly (readonly string[])[]> =>
    findingsOf(
      JSON.stringify({
        plugins: [{ name: 'phone', kind: 'elicitation/ciba', hooks: ['elicit'], config: { ...config, ...over } }],
        routes: [{ tool: 't', pre_invocation: ["require_approval(phone, from: 'eve')"] }],
      }),
      { environment: { SECRET } },
    );
  const codes = async (over: Readonly<Record<string, unknown>>): Promise<readonly (string | undefined)[]> =>
    (await findings(over)).map(([code]) => code);

  it('of an existing bundle loads', async () => {
    assert.deepEqual(await findings({}), []);
    assert.deepEqual(
      await findings({
        scope: 'openid',
        default_requested_expiry_seconds: 300,
        http_timeout_seconds: 5,
        approver_claim: 'preferred_username',
        insecure_http: false,
      }),
      [],
    );
    assert.deepEqual(await codes({ token_endpoint: 'http://op.test/token', insecure_http: true }), [
      'config/plugin-doubt',
    ]);
  });

  it('is refused when it cannot work', async () => {
    for (const over of [
      { token_endpoint: 'http://op.test/token' },
      { backchannel_endpoint: 'ftp://op.test' },
      { backchannel_endpoint: ' ' },
      { client_id: '' },
      { scope: 'profile' },
      { client_secret_source: { kind: 'env_var', name: 'NOWHERE' } },
      { jwks_url: 'https://op.test/keys' },
      { approver_clam: 'sub' },
    ]) {
      assert.ok((await codes(over)).length > 0, JSON.stringify(over));
    }
  });
});

describe('a binding message', () => {
  it('keeps letters and digits, and is cut', () => {
    assert.equal(bindingMessage("Pay O'Neil  $1,200 now"), 'Pay-ONeil-1200-now');
    assert.equal(bindingMessage(' é€ '), undefined);
    assert.equal(bindingMessage(`${'a'.repeat(49)} b`), 'a'.repeat(49));
  });
});

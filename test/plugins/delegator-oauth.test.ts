import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeJwt, exportJWK, exportPKCS8, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { outcomeOf } from '../support/engine.ts';
import {
  GATEWAY,
  HR,
  PAYROLL,
  SECRET,
  credential,
  delegator,
  mintedToken,
  startDelegationProvider,
  userToken,
} from '../support/delegation.ts';
import type { DelegatorOptions } from '../support/delegation.ts';
import { TOKEN_EXCHANGE } from '../support/identity-provider.ts';
import type { IdentityProvider } from '../support/identity-provider.ts';
import type { Decision } from '../../src/engine/decision.ts';

const AGENT = 'spiffe://example.com/agent';
const ODD_SECRET = 'a:b/c?d=e&f+g h%41~';

const keys = {
  ES256: await generateKeyPair('ES256', { extractable: true }),
  RS256: await generateKeyPair('RS256', { extractable: true }),
  Ed25519: await generateKeyPair('Ed25519', { extractable: true }),
};
const workload = await generateKeyPair('ES256', { extractable: true });
const folder = await mkdtemp(join(tmpdir(), 'delegator-'));
let provider: IdentityProvider;

before(async () => {
  provider = await startDelegationProvider([
    { client_id: 'posting', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' },
    { client_id: 'odd', client_secret: ODD_SECRET },
    { client_id: 'public', token_endpoint_auth_method: 'none' },
    ...(await Promise.all(
      Object.entries(keys).map(async ([algorithm, { publicKey }]) => ({
        client_id: `signing-${algorithm}`,
        token_endpoint_auth_method: 'private_key_jwt' as const,
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: algorithm }] },
      })),
    )),
    {
      client_id: AGENT,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(workload.publicKey)), kid: 'svid' }] },
    },
  ]);
});
after(async () => {
  await provider.close();
  await rm(folder, { recursive: true });
});

/** One operation on an engine of its own, and the token requests that it made. */
async function runOnce(
  options: DelegatorOptions,
  credentials?: Parameters<Awaited<ReturnType<typeof delegator>>['run']>[0],
): Promise<{ readonly decision: Decision; readonly requests: IdentityProvider['tokenRequests'] }> {
  const earlier = provider.tokenRequests.length;
  const { run, close } = await delegator(provider, options);
  const decision = await run(credentials ?? (await userToken(provider)));
  await close();
  return { decision, requests: provider.tokenRequests.slice(earlier) };
}

describe('delegator/oauth asks', () => {
  it('for a user: exchanges the token that came in', async () => {
    const token = await userToken(provider);
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read])`,
      'require(delegation.granted)',
      "require(delegation.granted.permissions contains 'read', !(delegation.granted.permissions contains 'write'))",
      `require(delegation.granted.audience == '${HR}', exists(delegation.granted.expires_at))`,
    ];
    const { decision, requests } = await runOnce({ rules }, token);
    assert.equal(outcomeOf(decision), 'allow');
    const { sub, aud, scope } = decodeJwt(mintedToken(decision));
    assert.deepEqual({ sub, aud, scope }, { sub: 'ann', aud: HR, scope: 'read' });
    assert.equal(decision.delegatedTokens?.[0]?.header, 'Authorization');
    assert.deepEqual(requests, [
      {
        parameters: {
          grant_type: TOKEN_EXCHANGE,
          subject_token: token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          audience: HR,
          scope: 'read',
        },
        authorization: `Basic ${Buffer.from(`gateway:${SECRET}`).toString('base64')}`,
        status: 200,
      },
    ]);
  });

  it('without permissions: leaves the scopes to the provider', async () => {
    const { decision, requests } = await runOnce({ rules: [`delegate(exchange, audience: '${HR}')`] });
    assert.equal(decodeJwt(mintedToken(decision))['scope'], 'read write');
    assert.ok(!('scope' in (requests[0]?.parameters ?? {})));
  });

  it('for a client, with its token', async () => {
    const token = await provider.mint({ account: 'agent', client: 'gateway', audience: GATEWAY });
    const rules = [`delegate(exchange, audience: '${HR}', permissions: [read], subject: client)`];
    const credentials = [credential('user', await userToken(provider)), credential('client', token)];
    const { decision } = await runOnce({ rules }, credentials);
    assert.equal(decodeJwt(mintedToken(decision)).sub, 'agent');
  });

  it('with the token of an actor', async () => {
    const actor = await provider.mint({ account: 'agent', client: 'gateway', audience: GATEWAY });
    const rules = [`delegate(exchange, audience: '${HR}', permissions: [read], actor: client)`];
    const credentials = [credential('user', await userToken(provider)), credential('client', actor)];
    const { decision, requests } = await runOnce({ rules }, credentials);
    const { sub, act } = decodeJwt(mintedToken(decision));
    assert.deepEqual({ sub, act }, { sub: 'ann', act: { sub: 'agent' } });
    assert.equal(requests[0]?.parameters['actor_token_type'], 'urn:ietf:params:oauth:token-type:jwt');
  });

  for (const subject of ['this_workload', 'gateway']) {
    it(`for itself (${subject}): client credentials, and no credential of the caller`, async () => {
      const rules = [`delegate(exchange, audience: '${HR}', permissions: [read], subject: ${subject})`];
      const { decision, requests } = await runOnce({ rules });
      assert.equal(decodeJwt(mintedToken(decision)).sub, 'gateway');
      const [request] = requests;
      assert.deepEqual(request?.parameters, { grant_type: 'client_credentials', audience: HR, scope: 'read' });
    });
  }

  it('for a workload: its assertion first, and then an exchange of what that gave', async () => {
    const now = Math.floor(Date.now() / 1000);
    const svid = await new SignJWT({ jti: 'one' })
      .setProtectedHeader({ alg: 'ES256', kid: 'svid' })
      .setIssuer(AGENT)
      .setSubject(AGENT)
      .setAudience(provider.issuer)
      .setExpirationTime(now + 60)
      .sign(workload.privateKey);
    const { decision, requests } = await runOnce(
      {
        config: { workload_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' },
        rules: [`delegate(exchange, audience: '${HR}', permissions: [read], subject: workload)`],
      },
      [credential('caller_workload', svid)],
    );
    assert.deepEqual(
      requests.map(({ parameters, authorization }) => [Object.keys(parameters), authorization !== undefined]),
      [
        [['grant_type', 'client_assertion_type', 'client_assertion'], false],
        [['audience', 'scope', 'subject_token', 'subject_token_type', 'grant_type'], true],
      ],
    );
    assert.equal(decodeJwt(mintedToken(decision)).sub, AGENT);
    assert.notEqual(requests[1]?.parameters['subject_token'], svid);
  });

  it('for a resource', async () => {
    const rules = [`delegate(exchange, audience: '${HR}', permissions: [read], resource: 'https://hr.example/v1')`];
    const { requests } = await runOnce({ rules });
    assert.equal(requests[0]?.parameters['resource'], 'https://hr.example/v1');
  });

  it('with other token types and another header', async () => {
    const config = {
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      default_outbound_header: 'X-HR-Token',
    };
    const { decision, requests } = await runOnce({ config });
    assert.equal(requests[0]?.parameters['subject_token_type'], config.subject_token_type);
    assert.equal(decision.delegatedTokens?.[0]?.header, 'X-HR-Token');
  });

  it('for two upstreams in one operation', async () => {
    const rules = [
      `delegate(exchange, audience: '${HR}', permissions: [read])`,
      `delegate(exchange, audience: '${PAYROLL}', permissions: [pay])`,
      `require(delegation.granted.audience == '${PAYROLL}', !(delegation.granted.permissions contains 'read'))`,
    ];
    const { decision } = await runOnce({ rules });
    const audiences = decision.delegatedTokens?.map(({ token }) => decodeJwt(token).aud);
    assert.deepEqual(audiences, [HR, PAYROLL]);
  });
});

describe('delegator/oauth proves who it is', () => {
  const works = (what: string, config: () => Promise<DelegatorOptions>): void => {
    it(what, async () => {
      const { decision } = await runOnce({ baseDirectory: folder, ...(await config()) });
      assert.equal(outcomeOf(decision), 'allow');
    });
  };

  works('with its secret in the body', async () => ({
    config: { client_id: 'posting', client_authentication: 'client_secret_post' },
  }));
  works('with a secret of any characters', async () => ({
    config: { client_id: 'odd' },
    environment: { SECRET: ODD_SECRET },
  }));
  works('with no secret at all', async () => ({
    config: { client_id: 'public', client_authentication: 'none', client_secret_source: undefined },
  }));
  for (const [algorithm, { privateKey }] of Object.entries(keys)) {
    const forms = {
      PEM: () => exportPKCS8(privateKey),
      JWK: async () => JSON.stringify(await exportJWK(privateKey)),
      'JWK with a kid': async () => JSON.stringify({ ...(await exportJWK(privateKey)), kid: algorithm }),
    };
    for (const [form, write] of Object.entries(forms)) {
      works(`with a ${algorithm} key as ${form}`, async () => {
        await writeFile(join(folder, 'key'), await write());
        return {
          config: {
            client_id: `signing-${algorithm}`,
            client_authentication: 'private_key_jwt',
            client_secret_source: undefined,
            client_key_source: { kind: 'file', path: 'key' },
          },
        };
      });
    }
  }

  it('with a secret that was changed in its file', async () => {
    const file = join(folder, 'secret');
    await writeFile(file, 'an-old-secret');
    const config = { client_secret_source: { kind: 'file', path: file } };
    const { run, close } = await delegator(provider, { config });
    assert.equal(outcomeOf(await run(await userToken(provider))), 'delegation.invalid_client');
    await writeFile(file, ` ${SECRET}\n`);
    assert.equal(outcomeOf(await run(await userToken(provider))), 'allow');
    await rm(file);
    assert.equal(outcomeOf(await run(await userToken(provider))), 'plugin.exchange.error');
    await close();
  });

  it('never with a public key', async () => {
    await writeFile(join(folder, 'key'), await exportSPKI(keys.RS256.publicKey));
    const config = {
      client_authentication: 'private_key_jwt',
      client_secret_source: undefined,
      client_key_source: { kind: 'file', path: 'key' },
    };
    await assert.rejects(delegator(provider, { config, baseDirectory: folder }), /is no private key/);
  });
});

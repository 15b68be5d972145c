import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { once } from 'node:events';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { z } from 'zod';
import { AUDIENCE, PERSONAS, startIssuer, type Issuer } from '../../examples/hr/issuer.ts';

async function withIssuer(algorithm: 'ES256' | 'RS256' | 'EdDSA', use: (issuer: Issuer) => Promise<void>) {
  const issuer = await startIssuer(0, algorithm);
  try {
    await use(issuer);
  } finally {
    await issuer.close();
  }
}

function requestToken(issuer: Issuer, persona: string): Promise<Response> {
  return fetch(`${issuer.url}/token`, { method: 'POST', body: new URLSearchParams({ persona }) });
}

describe('the token issuer of the HR example', () => {
  for (const algorithm of ['ES256', 'RS256', 'EdDSA'] as const) {
    it(`signs tokens with ${algorithm} that its published key verifies`, async () => {
      await withIssuer(algorithm, async (issuer) => {
        const keys = createRemoteJWKSet(new URL(`${issuer.url}/jwks.json`));
        const { payload, protectedHeader } = await jwtVerify(await issuer.sign('hanna'), keys, {
          issuer: issuer.url,
          audience: AUDIENCE,
          algorithms: [algorithm],
          requiredClaims: ['exp', 'iat', 'jti'],
        });
        assert.equal(protectedHeader.alg, algorithm);
        assert.equal(payload.sub, 'hanna');
        assert.deepEqual(payload['roles'], ['hr']);
        assert.deepEqual(payload['permissions'], ['view_ssn']);
      });
    });
  }

  it('hands out a token for each persona', async () => {
    await withIssuer('ES256', async (issuer) => {
      for (const [persona, claims] of Object.entries(PERSONAS)) {
        const response = await requestToken(issuer, persona);
        const body = z
          .object({ access_token: z.string(), token_type: z.literal('Bearer') })
          .parse(await response.json());
        const { sub, roles } = decodeJwt(body.access_token);
        assert.deepEqual({ sub, roles }, { sub: persona, roles: claims.roles });
      }
    });
  });

  it('knows nobody else, not even by a name that every object has', async () => {
    await withIssuer('ES256', async (issuer) => {
      for (const persona of ['mallory', 'constructor', ''])
        assert.equal((await requestToken(issuer, persona)).status, 400);
    });
  });

  it('exchanges a token for the gateway, and for nobody else', async () => {
    await withIssuer('ES256', async (issuer) => {
      const form = {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: await issuer.sign('hanna'),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'hr-server',
      };
      const secret = (await readFile(new URL('../../examples/hr/gateway-secret.txt', import.meta.url), 'utf8')).trim();
      const ask = async (change: object, password = secret): Promise<readonly unknown[]> => {
        const response = await fetch(`${issuer.url}/token`, {
          method: 'POST',
          headers: { authorization: `Basic ${btoa(`hr-gateway:${password}`)}` },
          body: new URLSearchParams({ ...form, ...change }),
        });
        const { error, access_token: token } = z
          .object({ error: z.string().optional(), access_token: z.string().optional() })
          .parse(await response.json());
        return [response.status, error ?? decodeJwt(token ?? '')['scope']];
      };
      assert.deepEqual(await ask({}), [200, 'compensation.read']);
      assert.deepEqual(await ask({ scope: 'compensation.read' }), [200, 'compensation.read']);
      assert.deepEqual(await ask({}, 'guess'), [401, 'invalid_client']);
      assert.deepEqual(await ask({ audience: 'payroll' }), [400, 'invalid_target']);
      assert.deepEqual(await ask({ scope: 'compensation.write' }), [400, 'invalid_scope']);
      assert.deepEqual(await ask({ subject_token_type: 'x' }), [400, 'invalid_request']);
      for (const claims of [{ aud: 'hr-server' }, { exp: 1 }]) {
        assert.deepEqual(await ask({ subject_token: await issuer.sign('hanna', claims) }), [400, 'invalid_request']);
      }
    });
  });

  it('refuses to be called by a foreign name', async () => {
    await withIssuer('ES256', async (issuer) => {
      const call = request(`${issuer.url}/token`, { method: 'POST', headers: { host: 'evil.example' } });
      call.end('persona=hanna');
      const [response] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }];
      response.resume();
      assert.equal(response.statusCode, 403);
    });
  });
});

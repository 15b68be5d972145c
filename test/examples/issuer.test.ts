import assert from 'node:assert/strict';
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

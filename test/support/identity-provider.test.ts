import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import { TOKEN_EXCHANGE, startIdentityProvider } from './identity-provider.ts';
import type { IdentityProvider, IdentityProviderOptions } from './identity-provider.ts';

const GATEWAY = 'https://gateway.example';
const PAYROLL = 'https://payroll.example';
const CIBA = 'urn:openid:params:grant-type:ciba';
const CLIENT: oauth.Client = { client_id: 'gateway' };
const SECRET = oauth.ClientSecretBasic('a-secret-of-the-gateway');
const INSECURE = { [oauth.allowInsecureRequests]: true };

async function withProvider(
  features: IdentityProviderOptions['features'],
  use: (server: oauth.AuthorizationServer, provider: IdentityProvider) => Promise<void>,
): Promise<void> {
  const provider = await startIdentityProvider({
    clients: [
      {
        client_id: 'gateway',
        client_secret: 'a-secret-of-the-gateway',
        grant_types: ['client_credentials', TOKEN_EXCHANGE, ...(features?.ciba === undefined ? [] : [CIBA])],
        ...(features?.ciba === undefined ? {} : { backchannel_token_delivery_mode: 'poll' }),
      },
    ],
    resources: { [GATEWAY]: [], [PAYROLL]: ['read', 'write'] },
    features,
  });
  try {
    const issuer = new URL(provider.issuer);
    const discovered = await oauth.discoveryRequest(issuer, INSECURE);
    await use(await oauth.processDiscoveryResponse(issuer, discovered), provider);
  } finally {
    await provider.close();
  }
}

describe('the identity provider of the tests', () => {
  it('exchanges a token and grants client credentials', async () => {
    await withProvider({}, async (server, provider) => {
      const parameters = {
        subject_token: await provider.mint({ account: 'ann', client: 'gateway', audience: GATEWAY }),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: PAYROLL,
        scope: 'read',
      };
      const exchanged = await oauth.processGenericTokenEndpointResponse(
        server,
        CLIENT,
        await oauth.genericTokenEndpointRequest(server, CLIENT, SECRET, TOKEN_EXCHANGE, parameters, INSECURE),
      );
      const { sub, aud, scope } = decodeJwt(exchanged.access_token);
      assert.deepEqual({ sub, aud, scope }, { sub: 'ann', aud: PAYROLL, scope: 'read' });

      const own = { audience: PAYROLL, scope: 'write' };
      const granted = await oauth.processClientCredentialsResponse(
        server,
        CLIENT,
        await oauth.clientCredentialsGrantRequest(server, CLIENT, SECRET, own, INSECURE),
      );
      assert.equal(decodeJwt(granted.access_token).aud, PAYROLL);
      assert.deepEqual(
        provider.tokenRequests.map(({ status, parameters: { audience } }) => [status, audience]),
        [
          [200, PAYROLL],
          [200, PAYROLL],
        ],
      );
    });
  });

  it('asks a person who approves on another device (CIBA, poll)', async () => {
    const ciba: NonNullable<IdentityProviderOptions['features']>['ciba'] = {
      enabled: true,
      processLoginHint: (_, hint) => hint,
      validateBindingMessage: () => undefined,
      validateRequestContext: () => undefined,
      verifyUserCode: () => undefined,
      triggerAuthenticationDevice: () => undefined,
    };
    await withProvider({ ciba }, async (server, { provider }) => {
      const asked = await oauth.processBackchannelAuthenticationResponse(
        server,
        CLIENT,
        await oauth.backchannelAuthenticationRequest(
          server,
          CLIENT,
          SECRET,
          { scope: 'openid', login_hint: 'bob', binding_message: 'pay 100' },
          INSECURE,
        ),
      );
      const poll = async (): Promise<oauth.TokenEndpointResponse> =>
        oauth.processBackchannelAuthenticationGrantResponse(
          server,
          CLIENT,
          await oauth.backchannelAuthenticationGrantRequest(server, CLIENT, SECRET, asked.auth_req_id, INSECURE),
        );
      await assert.rejects(poll, { error: 'authorization_pending' });
      const grant = new provider.Grant({ accountId: 'bob', clientId: 'gateway' });
      grant.addOIDCScope('openid');
      await grant.save();
      await provider.backchannelResult(asked.auth_req_id, grant);
      assert.equal(oauth.getValidatedIdTokenClaims(await poll())?.sub, 'bob');
    });
  });
});

import { FIELD_NAME } from '../../engine/credential-header.ts';
import { withHiddenToken } from '../../engine/hidden-token.ts';
import type { JsonObject } from '../../engine/operation.ts';
import type { Identity, IdentityInput, IdentityOutcome, Plugin, PluginContext } from '../../engine/plugin.ts';
import { definePlugin } from '../define-plugin.ts';
import { identityJwtConfigSchema } from './config.ts';
import type { IdentityJwtConfig } from './config.ts';
import { denied } from './failures.ts';
import { claimMapper } from './map-claims.ts';
import { peek, tokenOf } from './token.ts';
import { tokenCache } from './token-cache.ts';
import { trustedIssuers } from './trusted-issuer.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';
import { verifyToken } from './verify-token.ts';

/** Identities are shared by all requests with the same token. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}

function create(config: Readonly<IdentityJwtConfig>, context: PluginContext): Plugin {
  const header = config.header ?? 'Authorization';
  if (!FIELD_NAME.test(header)) throw new Error('`header` is not the name of a header');
  const headerKey = header.toLowerCase();
  const role = config.role === 'workload' ? 'caller_workload' : (config.role ?? 'user');
  const issuers = trustedIssuers(config.trusted_issuers, role, context);
  const mapClaims = claimMapper(role, config.claim_mapper ?? 'standard');
  const cache = tokenCache();

  const identityOf = (claims: JsonObject, issuer: TrustedIssuer): Identity | undefined => {
    try {
      return freeze(mapClaims(claims, issuer));
    } catch (error) {
      // Claims nested so deeply that they cannot be walked.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  };

  const identified = (identity: Identity, token: string): IdentityOutcome => ({
    outcome: 'identified',
    identity,
    credential: withHiddenToken({ role, header }, token),
  });

  const verify = async (token: string, signal: AbortSignal): Promise<IdentityOutcome> => {
    const claimed = peek(token);
    if (!claimed) return denied('auth.malformed_header');
    const issuer = issuers.get(claimed.issuer);
    if (!issuer) return denied('auth.untrusted_issuer');
    if (!issuer.algorithms.has(claimed.algorithm)) return denied('auth.algorithm_mismatch');
    const found = await issuer.keys.find(claimed.algorithm, claimed.kid, signal);
    if ('failure' in found) return denied(found.failure);
    const verifiedAt = context.now();
    const verified = await verifyToken(token, claimed.algorithm, found.key, issuer, verifiedAt);
    if ('failure' in verified) return denied(verified.failure);
    const { claims, expiresAt } = verified;
    const identity = identityOf(claims, issuer);
    if (!identity) return denied('auth.mapping_failed');
    cache.add({ token, identity, verifiedAt, expiresAt, keys: issuer.keys, generation: found.generation });
    return identified(identity, token);
  };

  return {
    resolveIdentity: (input: IdentityInput, call) => {
      const token = tokenOf(input.headers[headerKey]);
      if (token === undefined) return denied('auth.malformed_header');
      const known = cache.find(token, context.now());
      return known ? identified(known, token) : verify(token, call.signal);
    },
    close: () => {
      for (const { keys } of issuers.values()) keys.close();
    },
  };
}

/**
 * Identifies the bearer of a signed token (RFC 7519) in one header. The answer for a token that was verified lately comes
 * at once; `credential.token` does not enumerate.
 */
export const identityJwt = definePlugin<IdentityJwtConfig>({
  kind: 'identity/jwt',
  configSchema: identityJwtConfigSchema,
  hooks: ['identity.resolve'],
  create,
  lint: ({ trusted_issuers: issuers }) =>
    issuers
      .filter(({ audiences }) => audiences === undefined || audiences.length === 0)
      .map(({ issuer }) => ({
        message: `tokens of \`${issuer}\` are accepted whatever audience they were issued for`,
        help: 'name the audiences of this gateway in `audiences`',
      })),
});

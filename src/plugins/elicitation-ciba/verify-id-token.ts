import { createHash } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose';
import type { Authentication } from '../../engine/elicitation/question.ts';
import { isAlgorithm } from '../identity-jwt/algorithms.ts';
import { CibaError } from './failures.ts';
import type { ProviderKeys } from './provider-keys.ts';

/** Who answered, as the provider vouches for. */
export interface VouchedAnswer {
  readonly approver: string;
  readonly authentication: Authentication;
}

export interface IdTokenRules {
  readonly clientId: string;
  readonly approverClaim: string;
  readonly authReqId: string;
  readonly accessToken: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/** `auth_req_id` of the request that an ID token answers (CIBA Core 1.0, 10.3.1). */
const AUTH_REQ_ID = 'urn:openid:params:jwt:claim:auth_req_id';
const LEEWAY_SECONDS = 60;

/**
 * Checks signature, issuer, audience, authorised party, times, and what binds the token to its request, where it is there:
 * `auth_req_id` and `at_hash`. Rejects with `CibaError`. Source: OpenID Connect Core 1.0, 3.1.3.7 and 3.1.3.6.
 */
export async function verifyIdToken(
  token: string,
  { issuer, keys }: ProviderKeys,
  rules: IdTokenRules,
  signal: AbortSignal,
): Promise<VouchedAnswer> {
  const { algorithm, kid } = headerOf(token);
  // A shared secret proves nothing to us: whoever knows ours could sign.
  if (!isAlgorithm(algorithm) || algorithm.startsWith('HS')) throw invalid();
  const found = await keys.find(algorithm, kid, signal);
  if ('failure' in found) {
    throw found.failure === 'auth.jwks_unavailable' ? new CibaError('elicitation.keys_unavailable') : invalid();
  }
  let claims: JWTPayload;
  try {
    const verified = await jwtVerify(token, found.key.key, {
      algorithms: [algorithm],
      issuer,
      audience: rules.clientId,
      requiredClaims: ['sub', 'exp', 'iat'],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(rules.now),
    });
    claims = verified.payload;
  } catch {
    throw invalid();
  }
  const { sub, azp, auth_time: at, acr, at_hash: accessHash } = claims;
  const approver = claims[rules.approverClaim];
  if (typeof sub !== 'string' || sub === '' || typeof approver !== 'string' || approver === '') throw invalid();
  const party = azp ?? (Array.isArray(claims.aud) && claims.aud.length > 1 ? undefined : rules.clientId);
  if (party !== rules.clientId) throw invalid();
  if (claims[AUTH_REQ_ID] !== undefined && claims[AUTH_REQ_ID] !== rules.authReqId) throw invalid();
  if (accessHash !== undefined && accessHash !== hashOf(rules.accessToken, algorithm)) throw invalid();
  return {
    approver,
    authentication: {
      subject: { issuer, id: sub },
      ...(typeof at === 'number' && Number.isFinite(at) ? { at } : {}),
      ...(typeof acr === 'string' ? { acr } : {}),
    },
  };
}

function headerOf(token: string): { readonly algorithm: unknown; readonly kid: string | undefined } {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return { algorithm: alg, kid };
  } catch {
    throw invalid();
  }
}

/** The left half of the hash that the signature algorithm uses. */
function hashOf(accessToken: string, algorithm: string): string {
  const bits = algorithm.startsWith('Ed') ? '512' : algorithm.slice(2);
  const hash = createHash(`sha${bits}`).update(accessToken).digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}

function invalid(): CibaError {
  return new CibaError('elicitation.invalid_id_token');
}

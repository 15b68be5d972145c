import { errors, jwtVerify } from 'jose';
import type { JsonObject } from '../../engine/operation.ts';
import type { Algorithm } from './algorithms.ts';
import type { IdentityFailure } from './failures.ts';
import { isIdToken, isReturnedToIssuer, normalizeTokenType } from './token-type.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';
import type { VerificationKey } from './verification-key.ts';

export type Verification =
  | { readonly claims: JsonObject; readonly expiresAt: number }
  | { readonly failure: IdentityFailure };

function failureOf(error: unknown): IdentityFailure {
  if (error instanceof errors.JWTExpired) return 'auth.token_expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'auth.audience_mismatch';
    if (error.claim === 'iss') return 'auth.untrusted_issuer';
    if (error.claim === 'nbf' && error.reason === 'check_failed') return 'auth.token_not_yet_valid';
    return 'auth.token_invalid';
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'auth.signature_invalid';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'auth.algorithm_mismatch';
  return 'auth.token_invalid';
}

function isTypeAccepted(issuer: TrustedIssuer, type: unknown, claims: JsonObject): boolean {
  const typed =
    type === undefined
      ? issuer.untypedTokens
      : typeof type === 'string' && issuer.tokenTypes.has(normalizeTokenType(type));
  return typed && !isReturnedToIssuer(claims) && (issuer.idTokens || !isIdToken(claims));
}

/**
 * Checks a token's signature with `key` and then its claims: `iss`, `aud` when the issuer has audiences, `exp` (which
 * must be there), `nbf`, and that it is an access token. `now` is in Unix milliseconds; `expiresAt` is `exp` in the same
 * unit, without leeway. Never rejects.
 */
export async function verifyToken(
  token: string,
  algorithm: Algorithm,
  key: VerificationKey,
  issuer: TrustedIssuer,
  now: number,
): Promise<Verification> {
  try {
    const { payload, protectedHeader } = await jwtVerify<JsonObject>(token, key.key, {
      algorithms: [algorithm],
      issuer: issuer.issuer,
      requiredClaims: ['exp'],
      clockTolerance: issuer.leewaySeconds,
      currentDate: new Date(now),
      ...(issuer.audiences && { audience: [...issuer.audiences] }),
    });
    const claims: JsonObject = payload;
    if (typeof claims.exp !== 'number' || !isTypeAccepted(issuer, protectedHeader.typ, claims)) {
      return { failure: 'auth.token_invalid' };
    }
    return { claims, expiresAt: claims.exp * 1000 };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

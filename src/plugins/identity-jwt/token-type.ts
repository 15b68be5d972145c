import type { JsonObject } from '../../engine/operation.ts';

/** Values of the header `typ` that access tokens bear. Source: RFC 7519 section 5.1, RFC 9068 section 2.1. */
export const ACCESS_TOKEN_TYPES = ['JWT', 'at+jwt'] as const;

/** JWT-SVIDs may bear `JOSE` too. Source: SPIFFE JWT-SVID section 2.3. */
export const WORKLOAD_TOKEN_TYPES = ['JWT', 'JOSE'] as const;

/** Keycloak's payload claim `typ` on tokens that go back to the issuer only. */
const RETURNED_TYPES: ReadonlySet<unknown> = new Set(['Refresh', 'Offline', 'Logout']);

/** A media type with or without its `application/`, for comparison. Source: RFC 7515 section 4.1.9. */
export function normalizeTokenType(type: string): string {
  const lower = type.toLowerCase();
  return lower.startsWith('application/') ? lower.slice('application/'.length) : lower;
}

/** Whether claims are those of a Keycloak refresh or logout token. */
export function isReturnedToIssuer(claims: JsonObject): boolean {
  return RETURNED_TYPES.has(claims.typ);
}

/**
 * Whether claims are those of an OpenID Connect ID token: by the mark of Keycloak or Cognito, or by the hash of a code or
 * access token (OpenID Connect Core section 3.3.2.11).
 */
export function isIdToken(claims: JsonObject): boolean {
  return (
    claims.typ === 'ID' || claims.token_use === 'id' || claims.at_hash !== undefined || claims.c_hash !== undefined
  );
}

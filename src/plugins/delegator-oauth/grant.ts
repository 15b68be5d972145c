import { decodeJwt } from 'jose';
import type { JWTPayload } from 'jose';
import type { TokenEndpointResponse } from 'oauth4webapi';
import { isHeaderToken } from '../../engine/credential-header.ts';
import { DelegationError } from './failures.ts';
import type { DelegateStep } from './delegate-step.ts';

/** Assumed when a server does not say how long its token lasts. */
const DEFAULT_LIFETIME_MS = 300_000;
/** Most that is believed of a server's word. */
const MAX_LIFETIME_MS = 24 * 3600 * 1000;

/** What a minted token may be like. */
export interface GrantRules {
  readonly issuer: string | undefined;
  readonly acceptNarrowerScopes: boolean;
  readonly toleratedScopes: ReadonlySet<string>;
  readonly toleratedAudiences: ReadonlySet<string>;
  /** Whether the outbound header is `Authorization`, where the token goes by the `Bearer` scheme. */
  readonly asBearer: boolean;
}

export interface Grant {
  readonly token: string;
  readonly permissions: readonly string[];
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** Of a JWT; undefined when the token is opaque. */
  readonly claims: JWTPayload | undefined;
}

/** The claims of a JWT, which nobody has verified; undefined for any other token. */
export function claimsOf(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

/** When a JWT says that it ends, in Unix milliseconds; undefined when it does not or the token is opaque. */
export function expiryOf(claims: JWTPayload | undefined): number | undefined {
  return typeof claims?.exp === 'number' ? claims.exp * 1000 : undefined;
}

/**
 * Holds a token endpoint's answer against what was asked for; an opaque token is believed what the answer says of it.
 * `now` is in Unix milliseconds. Throws `DelegationError`.
 */
export function readGrant(answer: TokenEndpointResponse, step: DelegateStep, rules: GrantRules, now: number): Grant {
  const { access_token: token } = answer;
  const type: string = answer.token_type;
  if (!isHeaderToken(token) || (type !== 'bearer' && (type !== 'n_a' || rules.asBearer))) {
    throw new DelegationError('delegation.bad_response');
  }
  const claims = claimsOf(token);
  if (claims !== undefined) {
    if (rules.issuer !== undefined && claims.iss !== rules.issuer) throw new DelegationError('delegation.bad_response');
    checkAudience(claims, step, rules);
  }
  const expiresAt = Math.min(
    now + (answer.expires_in === undefined ? DEFAULT_LIFETIME_MS : answer.expires_in * 1000),
    now + MAX_LIFETIME_MS,
    expiryOf(claims) ?? Infinity,
  );
  if (!(expiresAt > now)) throw new DelegationError('delegation.bad_response');
  const stated = [wordsOf(answer.scope), scopesOf(claims)].filter((scopes) => scopes !== undefined);
  return { token, permissions: permissionsOf(stated, step.permissions, rules), expiresAt, claims };
}

function checkAudience({ aud }: JWTPayload, { audience, resource }: DelegateStep, rules: GrantRules): void {
  const audiences = typeof aud === 'string' ? [aud] : (aud ?? []);
  const known = (name: string): boolean => name === audience || name === resource || rules.toleratedAudiences.has(name);
  const named = audiences.some((name) => name === audience || name === resource);
  if (!named || !audiences.every(known)) throw new DelegationError('delegation.audience_mismatch');
}

/** What of `asked` each statement about the token's scopes grants. Where nothing is asked for, the server decides. */
function permissionsOf(
  stated: readonly (readonly string[])[],
  asked: readonly string[],
  rules: GrantRules,
): readonly string[] {
  const [first = asked, ...others] = stated;
  if (asked.length > 0) {
    const excess = (scope: string): boolean => !asked.includes(scope) && !rules.toleratedScopes.has(scope);
    if (stated.some((scopes) => scopes.some(excess))) throw new DelegationError('delegation.scope_excess');
    const missing = asked.some((scope) => !stated.every((scopes) => scopes.includes(scope)));
    if (missing && !rules.acceptNarrowerScopes) throw new DelegationError('delegation.scope_too_broad');
  }
  return first.filter((scope) => others.every((scopes) => scopes.includes(scope)));
}

function wordsOf(scope: string | undefined): readonly string[] | undefined {
  return scope?.split(/\s+/).filter((word) => word !== '');
}

/** `scope` of RFC 9068 section 2.2.3, or `scp`, which some servers write in its place. */
function scopesOf(claims: JWTPayload | undefined): readonly string[] | undefined {
  const scope = claims?.['scope'] ?? claims?.['scp'];
  if (typeof scope === 'string') return wordsOf(scope);
  return Array.isArray(scope) ? scope.filter((each) => typeof each === 'string') : undefined;
}

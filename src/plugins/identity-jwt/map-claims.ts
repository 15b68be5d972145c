import type { Client, Delegation, JsonObject, JsonValue, Subject, Workload } from '../../engine/operation.ts';
import type { Identity } from '../../engine/plugin.ts';
import { isObject, otherClaims, strings, text, words } from './claim-values.ts';
import type { IdentityRole } from './config.ts';
import { keycloakRoles, keycloakTeams } from './keycloak.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

/** Makes an identity of verified claims; undefined when they identify nobody. */
export type ClaimMapper = (claims: JsonObject, issuer: TrustedIssuer) => Identity | undefined;

const SUBJECT_CLAIMS: ReadonlySet<string> = new Set(
  'sub roles permissions scope teams groups iss aud exp nbf iat jti'.split(' '),
);
const CLIENT_CLAIMS: ReadonlySet<string> = new Set(
  'client_id azp client_name authorized_scopes scope aud roles iss exp nbf iat jti sub'.split(' '),
);

const asText = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));
const asIs = (value: JsonValue): JsonValue => value;

/**
 * The actors a token was handed on through, the present one first (RFC 8693 section 4.1); undefined without `act`, null
 * when a link of the chain cannot be read.
 */
function delegationOf(claims: JsonObject, subjectId: string): Delegation | undefined | null {
  if (claims.act === undefined) return undefined;
  if (!isObject(claims.act)) return null;
  const presentActor = text(claims.act.sub);
  let depth = 1;
  for (let prior = claims.act.act; prior !== undefined; depth += 1) {
    if (!isObject(prior)) return null;
    prior = prior.act;
  }
  return {
    depth,
    delegated: true,
    origin_subject_id: subjectId,
    ...(presentActor !== undefined && { actor_subject_id: presentActor }),
  };
}

/** A token that a client got for itself has the client as its subject (RFC 9068 section 2.2). */
function isServiceAccount(claims: JsonObject, id: string): boolean {
  return (
    id === claims.client_id ||
    id === claims.azp ||
    (text(claims.preferred_username)?.startsWith('service-account-') ?? false)
  );
}

function mapUser(claims: JsonObject, issuer: TrustedIssuer, keycloak: boolean): Identity | undefined {
  const id = text(claims.sub);
  if (id === undefined) return undefined;
  const delegation = delegationOf(claims, id);
  if (delegation === null) return undefined;
  const roles = keycloak ? keycloakRoles(claims, issuer.audiences) : strings(claims.roles);
  const permissions = strings(claims.permissions) ?? words(claims.scope);
  const teams = strings(claims.teams) ?? (keycloak ? keycloakTeams(claims) : strings(claims.groups));
  const tenant = text(claims.tenant);
  const subject: Subject = {
    id,
    issuer: issuer.issuer,
    ...(isServiceAccount(claims, id) && { type: 'service' }),
    ...(tenant !== undefined && { tenant }),
    ...(roles && { roles }),
    ...(permissions && { permissions }),
    ...(teams && { teams }),
    claims: otherClaims(claims, SUBJECT_CLAIMS, asText),
  };
  return delegation ? { subject, delegation } : { subject };
}

function mapClient(claims: JsonObject, issuer: TrustedIssuer, keycloak: boolean): Identity | undefined {
  const id = text(claims.client_id === undefined ? claims.azp : claims.client_id);
  if (id === undefined) return undefined;
  const name = text(claims.client_name);
  const scopes = strings(claims.authorized_scopes) ?? words(claims.scope);
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : strings(claims.aud);
  const roles = keycloak ? keycloakRoles(claims, issuer.audiences) : strings(claims.roles);
  const client: Client = {
    client_id: id,
    trust_level: 'third_party',
    ...(name !== undefined && { client_name: name }),
    ...(scopes && { authorized_scopes: scopes }),
    ...(audiences && { authorized_audiences: audiences }),
    ...(roles && { roles }),
    claims: otherClaims(claims, CLIENT_CLAIMS, asIs),
  };
  return { client };
}

const SPIFFE = 'spiffe://';

function mapWorkload(claims: JsonObject, issuer: TrustedIssuer): Identity | undefined {
  const id = [claims.sub, claims.spiffe_id].find((claim) => typeof claim === 'string' && claim.startsWith(SPIFFE));
  if (typeof id !== 'string') return undefined;
  const [trustDomain = ''] = id.slice(SPIFFE.length).split('/', 1);
  if (trustDomain === '' || (issuer.trustDomains && !issuer.trustDomains.has(trustDomain))) return undefined;
  const workload: Workload = { spiffe_id: id, trust_domain: trustDomain, attestor: 'jwt' };
  return { caller_workload: workload };
}

/** Source: reference facts on the built-in kinds, identity/jwt, claim mapping; `keycloak` is ours. */
export function claimMapper(role: IdentityRole, name: 'standard' | 'keycloak'): ClaimMapper {
  const keycloak = name === 'keycloak';
  switch (role) {
    case 'user':
      return (claims, issuer) => mapUser(claims, issuer, keycloak);
    case 'client':
      return (claims, issuer) => mapClient(claims, issuer, keycloak);
    case 'caller_workload':
      return mapWorkload;
  }
}

import type { JsonObject } from '../../engine/operation.ts';
import { isObject, strings } from './claim-values.ts';

function rolesIn(holder: JsonObject, name: string): readonly string[] {
  const member = Object.hasOwn(holder, name) ? holder[name] : undefined;
  return (isObject(member) && strings(member.roles)) || [];
}

/**
 * Roles of a Keycloak access token: those of the realm, a mapped `roles` claim, and the client roles of our own
 * `audiences`. Roles that the bearer has at other clients say nothing here and are left out.
 */
export function keycloakRoles(claims: JsonObject, audiences: readonly string[] | undefined): readonly string[] {
  const roles = new Set(strings(claims.roles));
  for (const role of rolesIn(claims, 'realm_access')) roles.add(role);
  const access = claims.resource_access;
  if (!isObject(access)) return [...roles];
  for (const client of audiences ?? []) {
    for (const role of rolesIn(access, client)) roles.add(role);
  }
  return [...roles];
}

/** Groups of a Keycloak access token; its full paths begin with a slash that is left out: `/hr/payroll` is `hr/payroll`. */
export function keycloakTeams(claims: JsonObject): readonly string[] | undefined {
  return strings(claims.groups)?.map((group) => (group.startsWith('/') ? group.slice(1) : group));
}

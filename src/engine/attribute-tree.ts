import { elicitationId } from './attributes.ts';
import type { Frame } from './frame.ts';
import type { JsonObject, JsonValue, Workload } from './operation.ts';
import { overlayOf, type OverlayNode } from './overlay.ts';
import { isObject } from './values.ts';

type Members = Readonly<Record<string, JsonValue | undefined>>;

/**
 * Everything under one first name as nested data, raw attributes laid over it; undefined when there is nothing. Where a
 * name is both a value and the beginning of longer names, the longer names win.
 */
export function attributeTree(name: string, frame: Frame, data: JsonObject): JsonValue | undefined {
  const derived = Object.hasOwn(TREES, name) ? TREES[name]?.(frame, data) : undefined;
  const raw = frame.overlay?.children.get(name);
  return raw === undefined ? derived : laidOver(raw, derived);
}

/** By first name; holds the same attributes as the accessors of single paths. */
const TREES: Readonly<Record<string, (frame: Frame, data: JsonObject) => JsonValue | undefined>> = {
  args: (frame) => frame.args,
  result: (frame) => frame.result,
  data: (_, data) => data,
  role: ({ subject }) => flags(subject?.roles),
  perm: ({ subject }) => flags(subject?.permissions),
  team: ({ subject }) => flags(subject?.teams),
  claim: ({ subject }) => claims(subject?.claims),
  subject: ({ subject }) =>
    subject &&
    known({
      id: subject.id,
      issuer: subject.issuer,
      type: subject.type,
      tenant: subject.tenant ?? subject.claims?.['tenant'],
      roles: subject.roles,
      permissions: subject.permissions,
      teams: subject.teams,
    }),
  authenticated: ({ subject }) => (subject?.id ? true : undefined),
  client: ({ extensions: { client } }) =>
    client &&
    known({
      client_id: client.client_id,
      client_name: client.client_name,
      trust_level: client.trust_level ?? 'third_party',
      authorized_scopes: client.authorized_scopes,
      authorized_audiences: client.authorized_audiences,
      roles: client.roles,
      permissions: client.permissions,
      teams: client.teams,
      role: flags(client.roles),
      perm: flags(client.permissions),
      claim: client.claims,
    }),
  caller_workload: ({ extensions }) => workload(extensions.caller_workload),
  this_workload: ({ extensions }) => workload(extensions.this_workload),
  delegation: delegationTree,
  delegated: ({ extensions }) => extensions.delegation?.delegated,
  auth_method: ({ extensions }) => extensions.auth_method,
  security: (frame) => known({ labels: sorted(frame.labels), classification: frame.extensions.classification }),
  session: (frame) => known({ labels: sorted(frame.labels), id: frame.session?.id, source: frame.session?.source }),
  agent: ({ extensions: { agent } }) =>
    agent && known({ ...agent, conversation: agent.conversation && known({ ...agent.conversation }) }),
  meta: ({ operation: { entity }, extensions }) =>
    known({
      entity_type: entity.type,
      entity_name: entity.name,
      scope: entity.scope,
      tags: entity.tags,
      properties: extensions.meta?.properties,
    }),
  http: ({ extensions: { http } }) =>
    http &&
    known({
      method: http.method,
      path: http.path,
      host: http.host,
      scheme: http.scheme,
      request_headers: lowerCaseNames(http.request_headers),
      response_headers: lowerCaseNames(http.response_headers),
    }),
  request: ({ extensions }) => extensions.request,
  llm: ({ extensions }) => extensions.llm,
  mcp: ({ extensions }) => extensions.mcp,
  completion: ({ extensions }) => extensions.completion,
  provenance: ({ extensions }) => extensions.provenance,
  framework: ({ extensions }) => extensions.framework,
  custom: ({ extensions }) => extensions.custom,
  route: ({ routeKey }) => known({ key: routeKey }),
  time: ({ tenure }) => ({ now: Math.floor(tenure.now() / 1000) }),
  operation: ({ operation }) => known({ id: operation.id }),
  elicitation: (frame) => known({ id: elicitationId(frame), ...frame.elicitation?.latest }),
};

/** The members that are there; undefined without any. Keys become own members, whatever their names. */
function known(members: Members): JsonObject | undefined {
  const entries: [string, JsonValue][] = [];
  for (const key of Object.keys(members)) {
    const value = members[key];
    if (value !== undefined) entries.push([key, value]);
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function sorted(labels: ReadonlySet<string>): readonly string[] | undefined {
  return labels.size === 0 ? undefined : [...labels].toSorted();
}

/** `role.hr`: names with dots are paths. */
function flags(names: readonly string[] | undefined): JsonValue | undefined {
  if (names === undefined || names.length === 0) return undefined;
  return laidOver(overlayOf(Object.fromEntries(names.map((name) => [name, true]))), undefined);
}

/** Claims are text whatever they were in the token; names with dots are paths. */
function claims(given: Readonly<Record<string, JsonValue>> | undefined): JsonValue | undefined {
  if (given === undefined) return undefined;
  const entries: [string, string][] = [];
  for (const key of Object.keys(given)) {
    const value = given[key];
    if (value === undefined || value === null) continue;
    entries.push([key, typeof value === 'string' ? value : JSON.stringify(value)]);
  }
  return laidOver(overlayOf(Object.fromEntries(entries)), undefined);
}

function workload(given: Workload | undefined): JsonObject | undefined {
  return given && known({ ...given });
}

/** `granted` has members once a `delegate` step was granted something; a grant without any is just true. */
function delegationTree({ extensions: { delegation }, grant }: Frame): JsonObject | undefined {
  const granted =
    grant &&
    known({
      permissions: grant.permissions.size === 0 ? undefined : sorted(grant.permissions),
      audience: grant.audience,
      expires_at: grant.expiresAt,
    });
  return known({ ...delegation, granted: granted ?? (grant === undefined ? undefined : true) });
}

function lowerCaseNames(headers: Readonly<Record<string, string | readonly string[]>> | undefined): Members[string] {
  if (headers === undefined) return undefined;
  return Object.fromEntries(Object.keys(headers).map((name) => [name.toLowerCase(), headers[name] ?? '']));
}

/** Raw attributes over derived ones, segment by segment. */
function laidOver(raw: OverlayNode, base: JsonValue | undefined): JsonValue | undefined {
  if (raw.children.size === 0) return isObject(base) && Object.keys(base).length > 0 ? base : (raw.value ?? base);
  const members = new Map<string, JsonValue>(isObject(base) ? Object.entries(base) : []);
  for (const [segment, child] of raw.children) {
    const value = laidOver(child, members.get(segment));
    if (value !== undefined) members.set(segment, value);
  }
  return Object.fromEntries(members);
}

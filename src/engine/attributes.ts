import type { Path, Segment } from '../language/ast.ts';
import { interned } from '../text/interned.ts';
import { stringifyJson } from '../text/json.ts';
import type { Frame } from './frame.ts';
import type { JsonObject, JsonValue, Workload } from './operation.ts';
import { readOverlay } from './overlay.ts';
import type { CompiledPredicate } from './predicates.ts';
import { isInheritedName, isNativeSet, isObject, isPresent, type AttributeValue } from './values.ts';

/** Reads one attribute; undefined (or a value that `isPresent` denies) when it is absent. Never throws. */
export type Accessor = (frame: Frame) => AttributeValue | undefined;

/** What paths are compiled against. */
export interface AttributeScope {
  /** The merged `data` tree of the bundle. */
  readonly data: JsonObject;
  /** Predicates compiled so far by their printed text: the same condition on many routes is one closure. */
  readonly predicates?: Map<string, CompiledPredicate>;
}

/**
 * A path in both its ways: predicates choose by `frame.overlay`, which spares requests without raw attributes a call
 * for each read.
 */
export interface CompiledPath {
  /** For any frame. */
  readonly read: Accessor;
  /** For frames without an overlay. */
  readonly direct: Accessor;
  /** What `direct` answers for every frame; undefined when that depends on the frame. */
  readonly constant: { readonly value: AttributeValue | undefined } | undefined;
  /** Where `direct` is true exactly when a list of the subject holds a name. */
  readonly membership: Membership | undefined;
}

/** `role.hr`, `perm.pay` and `team.people`. */
interface Membership {
  readonly list: 'roles' | 'permissions' | 'teams';
  readonly name: string;
}

/** One segment at decision time; undefined makes the whole path missing. */
type Key = string | ((frame: Frame) => string | undefined);

/**
 * Compiles a path to a direct read of the typed request. Raw attributes lie over everything else. A bracket's value is
 * one segment whatever it contains. Source: policy language section 1; attribute names of the plugin specification.
 */
export function compilePath(path: Path, scope: AttributeScope): Accessor {
  return compileBothWays(path, scope).read;
}

/** Like `compilePath`, for those who read often. */
export function compileBothWays(path: Path, scope: AttributeScope): CompiledPath {
  const keys = path.segments.map((segment) => compileSegment(segment, scope));
  const direct = derivedAccessor(keys, scope);
  if (!keys.every((key) => typeof key === 'string')) {
    return {
      read: (frame) => readWithLookups(keys, direct, frame),
      direct,
      constant: undefined,
      membership: undefined,
    };
  }
  return {
    read: (frame) => {
      const raw = frame.overlay === undefined ? undefined : readOverlay(frame.overlay, keys);
      return raw === undefined ? direct(frame) : raw;
    },
    direct,
    constant: keys[0] === 'data' ? { value: dataAt(keys.slice(1), scope.data) } : undefined,
    membership: membershipOf(keys),
  };
}

function readWithLookups(keys: readonly Key[], direct: Accessor, frame: Frame): AttributeValue | undefined {
  if (frame.overlay === undefined) return direct(frame);
  const resolved = resolveAll(keys, frame);
  if (resolved === undefined) return undefined;
  const raw = readOverlay(frame.overlay, resolved);
  return raw === undefined ? direct(frame) : raw;
}

function compileSegment(segment: Segment, scope: AttributeScope): Key {
  if (segment.kind !== 'lookup') return interned(segment.text);
  const inner = compilePath(segment.path, scope);
  return (frame) => {
    const value = inner(frame);
    switch (typeof value) {
      case 'string':
        return value;
      case 'number':
      case 'boolean':
      case 'bigint':
        return String(value);
      default:
        return undefined;
    }
  };
}

function resolve(key: Key, frame: Frame): string | undefined {
  return typeof key === 'string' ? key : key(frame);
}

function resolveAll(keys: readonly Key[], frame: Frame): readonly string[] | undefined {
  const resolved: string[] = [];
  for (const key of keys) {
    const text = resolve(key, frame);
    if (text === undefined) return undefined;
    resolved.push(text);
  }
  return resolved;
}

const MISSING: Accessor = () => undefined;

/** Namespaces that need more than walking an object of the request. Each gets the keys after its own name. */
const NAMESPACES: Readonly<Record<string, (rest: readonly Key[], scope: AttributeScope) => Accessor>> = {
  args: (rest) => walk((frame) => frame.args, rest),
  result: (rest) => walk((frame) => frame.result, rest),
  data: (rest, scope) => dataAccessor(rest, scope.data),
  role: (rest) => memberFlag(rest, (name) => (frame) => flagOf(isListed(frame.subject?.roles, name))),
  perm: (rest) => memberFlag(rest, (name) => (frame) => flagOf(isListed(frame.subject?.permissions, name))),
  team: (rest) => memberFlag(rest, (name) => (frame) => flagOf(isListed(frame.subject?.teams, name))),
  claim: (rest) => claimAccessor(rest),
  subject: (rest) => subjectAccessor(rest),
  authenticated: (rest) => only(rest, (frame) => (frame.subject?.id ? true : undefined)),
  client: (rest) => clientAccessor(rest),
  caller_workload: (rest) => workloadAccessor((frame) => frame.extensions.caller_workload, rest),
  this_workload: (rest) => workloadAccessor((frame) => frame.extensions.this_workload, rest),
  delegation: (rest) => delegationAccessor(rest),
  delegated: (rest) => only(rest, (frame) => frame.extensions.delegation?.delegated),
  auth_method: (rest) => only(rest, (frame) => frame.extensions.auth_method),
  security: (rest) => securityAccessor(rest),
  session: (rest) => sessionAccessor(rest),
  agent: (rest) => walk((frame) => frame.extensions.agent, rest),
  meta: (rest) => metaAccessor(rest),
  http: (rest) => httpAccessor(rest),
  request: (rest) => walk((frame) => frame.extensions.request, rest),
  llm: (rest) => walk((frame) => frame.extensions.llm, rest),
  mcp: (rest) => walk((frame) => frame.extensions.mcp, rest),
  completion: (rest) => walk((frame) => frame.extensions.completion, rest),
  provenance: (rest) => walk((frame) => frame.extensions.provenance, rest),
  framework: (rest) => walk((frame) => frame.extensions.framework, rest),
  custom: (rest) => walk((frame) => frame.extensions.custom, rest),
  route: (rest) => member(rest, { key: (frame) => frame.routeKey }),
  time: (rest) => member(rest, { now: (frame) => Math.floor(frame.tenure.now() / 1000) }),
  operation: (rest) => member(rest, { id: (frame) => frame.operation.id }),
  elicitation: (rest) => elicitationAccessor(rest),
};

/** First names of all attributes that a request can have without raw attributes. */
export const ATTRIBUTE_NAMESPACES: ReadonlySet<string> = new Set(Object.keys(NAMESPACES));

/** The id of a human question that a retried request echoes. Source: gateway specification, "Answers". */
export function elicitationId(frame: Frame): string | undefined {
  const { elicitation } = frame.operation;
  if (elicitation !== undefined) return elicitation.id;
  const value = headerOf(frame.extensions.http?.request_headers, 'x-policy-elicitation-id');
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Whether the request only asks what became of its question. */
export function isPeek(frame: Frame): boolean {
  const { elicitation } = frame.operation;
  if (elicitation !== undefined) return elicitation.peek === true;
  const value = headerOf(frame.extensions.http?.request_headers, 'x-policy-elicitation-peek');
  return value !== undefined && isTruthyHeader(value);
}

/** Anything but an empty value, `0` or `false`. Source: gateway specification, "Answers". */
export function isTruthyHeader(value: string | readonly string[]): boolean {
  return typeof value !== 'string' || !['', '0', 'false'].includes(value.trim().toLowerCase());
}

/** What the latest question of the phase came to. */
function elicitationAccessor(keys: readonly Key[]): Accessor {
  return member(keys, {
    id: (frame) => frame.elicitation?.latest?.id ?? elicitationId(frame),
    status: (frame) => frame.elicitation?.latest?.status,
    outcome: (frame) => frame.elicitation?.latest?.outcome,
    approver: (frame) => frame.elicitation?.latest?.approver,
    channel: (frame) => frame.elicitation?.latest?.channel,
    expires_at: (frame) => frame.elicitation?.latest?.expires_at,
    answer: (frame) => frame.elicitation?.latest?.answer,
  });
}

function derivedAccessor(keys: readonly Key[], scope: AttributeScope): Accessor {
  const [root, ...rest] = keys;
  if (typeof root !== 'string' || !Object.hasOwn(NAMESPACES, root)) return MISSING;
  return NAMESPACES[root]?.(rest, scope) ?? MISSING;
}

/** An attribute without members. */
function only(rest: readonly Key[], read: Accessor): Accessor {
  return rest.length === 0 ? read : MISSING;
}

/** A namespace of which only the members listed exist. */
function member(rest: readonly Key[], members: Readonly<Record<string, Accessor>>): Accessor {
  const [key] = rest;
  if (rest.length !== 1 || key === undefined) return MISSING;
  if (typeof key === 'string') return Object.hasOwn(members, key) ? (members[key] ?? MISSING) : MISSING;
  return (frame) => {
    const name = key(frame);
    return name !== undefined && Object.hasOwn(members, name) ? members[name]?.(frame) : undefined;
  };
}

function isPlainName(key: Key): key is string {
  return typeof key === 'string' && !isInheritedName(key);
}

/** Steps through objects, own members only; arrays and scalars have none. */
function walk(base: (frame: Frame) => JsonValue | undefined, keys: readonly Key[]): Accessor {
  const [first, second] = keys;
  if (first === undefined) return base;
  if (keys.every(isPlainName)) {
    const names = keys;
    if (second === undefined) {
      const name = names[0] ?? '';
      return (frame) => {
        const object = base(frame);
        return isObject(object) ? object[name] : undefined;
      };
    }
    return (frame) => {
      let value = base(frame);
      for (const name of names) {
        if (!isObject(value)) return undefined;
        value = value[name];
      }
      return value;
    };
  }
  return (frame) => {
    let value = base(frame);
    for (const key of keys) {
      const name = resolve(key, frame);
      if (name === undefined) return undefined;
      value = ownMember(value, name);
    }
    return value;
  };
}

function ownMember(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** Static paths into the data tree are read once, here. */
function dataAccessor(keys: readonly Key[], data: JsonObject): Accessor {
  const lookup = keys.findIndex((key) => typeof key !== 'string');
  const fixed = lookup === -1 ? keys : keys.slice(0, lookup);
  const base = dataAt(
    fixed.filter((key) => typeof key === 'string'),
    data,
  );
  const rest = keys.slice(fixed.length);
  return rest.length === 0 ? () => base : walk(() => base, rest);
}

function dataAt(names: readonly string[], data: JsonObject): JsonValue | undefined {
  let value: JsonValue | undefined = data;
  for (const name of names) value = ownMember(value, name);
  return value;
}

/**
 * The one name that keys after a flat namespace spell. Names written with dots join (`perm.pay.read` is the permission
 * `pay.read`); a value from the request never joins with anything.
 */
function flatName(keys: readonly Key[]): Key | undefined {
  const [first] = keys;
  if (first === undefined) return undefined;
  if (keys.length === 1) return first;
  if (keys.every((key) => typeof key === 'string')) return interned(keys.join('.'));
  return (frame) => {
    const resolved = resolveAll(keys, frame);
    if (resolved === undefined) return undefined;
    const dotted = resolved.some((text, i) => typeof keys[i] !== 'string' && text.includes('.'));
    return dotted ? undefined : resolved.join('.');
  };
}

/** `role.hr`: `named` makes the read of one name, in which nothing but the list is left to look up. */
function memberFlag(keys: readonly Key[], named: (name: string) => Accessor): Accessor {
  const name = flatName(keys);
  if (name === undefined) return MISSING;
  if (typeof name === 'string') return named(name);
  return (frame) => {
    const text = name(frame);
    return text === undefined ? undefined : named(text)(frame);
  };
}

/** What is not listed is absent, not false. */
function flagOf(listed: boolean): true | undefined {
  return listed ? true : undefined;
}

export function isListed(list: readonly string[] | undefined, name: string): boolean {
  return list !== undefined && list.includes(name);
}

const LISTS: Readonly<Record<string, Membership['list']>> = { role: 'roles', perm: 'permissions', team: 'teams' };

function membershipOf([namespace, ...rest]: readonly Key[]): Membership | undefined {
  const list = typeof namespace === 'string' && Object.hasOwn(LISTS, namespace) ? LISTS[namespace] : undefined;
  const name = flatName(rest);
  return list === undefined || typeof name !== 'string' ? undefined : { list, name };
}

/** Subject claims are text whatever they were in the token. */
function claimAccessor(keys: readonly Key[]): Accessor {
  const name = flatName(keys);
  if (name === undefined) return MISSING;
  if (isPlainName(name)) return (frame) => claimText(frame.subject?.claims?.[name]);
  return (frame) => {
    const text = resolve(name, frame);
    const claims = frame.subject?.claims;
    return text === undefined || claims === undefined || !Object.hasOwn(claims, text)
      ? undefined
      : claimText(claims[text]);
  };
}

function claimText(value: JsonValue | undefined): string | null | undefined {
  return value === undefined || value === null || typeof value === 'string' ? value : stringifyJson(value);
}

function subjectAccessor(keys: readonly Key[]): Accessor {
  return member(keys, {
    id: (frame) => frame.subject?.id,
    issuer: (frame) => frame.subject?.issuer,
    type: (frame) => frame.subject?.type,
    tenant: (frame) => frame.subject?.tenant ?? frame.subject?.claims?.['tenant'],
    roles: (frame) => frame.subject?.roles,
    permissions: (frame) => frame.subject?.permissions,
    teams: (frame) => frame.subject?.teams,
  });
}

function clientAccessor(keys: readonly Key[]): Accessor {
  const [first, ...rest] = keys;
  switch (first) {
    case 'role':
      return memberFlag(rest, (name) => (frame) => flagOf(isListed(frame.extensions.client?.roles, name)));
    case 'perm':
      return memberFlag(rest, (name) => (frame) => flagOf(isListed(frame.extensions.client?.permissions, name)));
    case 'claim':
      return walk((frame) => frame.extensions.client?.claims, rest);
    default:
      return member(keys, {
        client_id: (frame) => frame.extensions.client?.client_id,
        client_name: (frame) => frame.extensions.client?.client_name,
        trust_level: (frame) => frame.extensions.client && (frame.extensions.client.trust_level ?? 'third_party'),
        authorized_scopes: (frame) => frame.extensions.client?.authorized_scopes,
        authorized_audiences: (frame) => frame.extensions.client?.authorized_audiences,
        roles: (frame) => frame.extensions.client?.roles,
        permissions: (frame) => frame.extensions.client?.permissions,
        teams: (frame) => frame.extensions.client?.teams,
      });
  }
}

function workloadAccessor(workload: (frame: Frame) => Workload | undefined, keys: readonly Key[]): Accessor {
  return member(keys, {
    spiffe_id: (frame) => workload(frame)?.spiffe_id,
    trust_domain: (frame) => workload(frame)?.trust_domain,
    attestor: (frame) => workload(frame)?.attestor,
    client_id: (frame) => workload(frame)?.client_id,
    selectors: (frame) => workload(frame)?.selectors,
  });
}

function delegationAccessor(keys: readonly Key[]): Accessor {
  const [first, ...rest] = keys;
  if (first === 'granted') {
    if (rest.length === 0) return (frame) => (frame.grant === undefined ? undefined : true);
    return member(rest, {
      permissions: (frame) => frame.grant?.permissions,
      audience: (frame) => frame.grant?.audience,
      expires_at: (frame) => frame.grant?.expiresAt,
    });
  }
  return member(keys, {
    depth: (frame) => frame.extensions.delegation?.depth,
    delegated: (frame) => frame.extensions.delegation?.delegated,
    age_seconds: (frame) => frame.extensions.delegation?.age_seconds,
    origin_subject_id: (frame) => frame.extensions.delegation?.origin_subject_id,
    actor_subject_id: (frame) => frame.extensions.delegation?.actor_subject_id,
  });
}

function securityAccessor(keys: readonly Key[]): Accessor {
  return member(keys, {
    labels: (frame) => frame.labelSet,
    classification: (frame) => frame.extensions.classification,
  });
}

/** `session.labels` is another name of `security.labels`. */
function sessionAccessor(keys: readonly Key[]): Accessor {
  return member(keys, {
    labels: (frame) => frame.labelSet,
    id: (frame) => frame.session?.id,
    source: (frame) => frame.session?.source,
  });
}

function metaAccessor(keys: readonly Key[]): Accessor {
  const [first, ...rest] = keys;
  if (first === 'properties') {
    const name = flatName(rest);
    if (name === undefined) return MISSING;
    return (frame) => {
      const text = resolve(name, frame);
      if (text === undefined) return undefined;
      return ownMember(frame.extensions.meta?.properties, text) ?? ownMember(frame.routeMeta?.properties, text);
    };
  }
  return member(keys, {
    entity_type: (frame) => frame.operation.entity.type,
    entity_name: (frame) => frame.operation.entity.name,
    scope: (frame) => frame.operation.entity.scope,
    tags: tagsOf,
  });
}

/** Tags of the route and those known only at run time. */
function tagsOf({ operation, routeMeta }: Frame): readonly string[] | undefined {
  const { tags } = operation.entity;
  if (tags === undefined || routeMeta === undefined) return tags ?? routeMeta?.tags;
  return [...routeMeta.tags, ...tags];
}

function httpAccessor(keys: readonly Key[]): Accessor {
  const [first, ...rest] = keys;
  if (first === 'request_headers' || first === 'response_headers') {
    const name = flatName(rest);
    if (name === undefined) return MISSING;
    const lower = typeof name === 'string' ? name.toLowerCase() : undefined;
    return (frame) => {
      const text = lower ?? resolve(name, frame)?.toLowerCase();
      return text === undefined ? undefined : headerOf(frame.extensions.http?.[first], text);
    };
  }
  return member(keys, {
    method: (frame) => frame.extensions.http?.method,
    path: (frame) => frame.extensions.http?.path,
    host: (frame) => frame.extensions.http?.host,
    scheme: (frame) => frame.extensions.http?.scheme,
  });
}

/** A header by lower-case name, however the host spelt it. */
function headerOf(
  headers: Readonly<Record<string, string | readonly string[]>> | undefined,
  lower: string,
): string | readonly string[] | undefined {
  if (headers === undefined) return undefined;
  if (Object.hasOwn(headers, lower)) return headers[lower];
  for (const name of Object.keys(headers)) if (name.toLowerCase() === lower) return headers[name];
  return undefined;
}

/** The attribute as plain JSON, for traces and decision points; undefined when absent. Sets come sorted. */
export function toJson(value: AttributeValue | undefined): JsonValue | undefined {
  if (!isPresent(value) || value === undefined) return undefined;
  if (typeof value === 'bigint') return String(value);
  return isNativeSet(value) ? [...value].toSorted() : value;
}

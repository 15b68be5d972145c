import type { Extensions, JsonValue, Subject } from '../engine/operation.ts';
import type { Capability, PluginInput } from '../engine/plugin.ts';
import { isRecord } from '../text/shape.ts';

const NO_LABELS: ReadonlySet<string> = new Set();

/** Capabilities that reveal a slot besides the one that names it: writing a slot implies reading it. */
const IMPLIED: Readonly<Partial<Record<Capability, Capability>>> = {
  write_headers: 'read_headers',
  write_custom: 'read_custom',
  write_delegated_tokens: 'read_delegated_tokens',
  append_labels: 'read_labels',
  append_delegation: 'read_delegation',
};

/** The capabilities of an entry with those they imply. */
export function withImplied(capabilities: Iterable<Capability>): ReadonlySet<Capability> {
  const all = new Set<Capability>();
  for (const capability of capabilities) {
    all.add(capability);
    const implied = IMPLIED[capability];
    if (implied !== undefined) all.add(implied);
  }
  return all;
}

/**
 * What a plugin with these capabilities sees: a frozen copy without the slots that none of them reveals.
 * Source: plugin specification, "Plugins"; visibility table of the plugin runtime.
 */
export function viewOf(input: PluginInput, capabilities: ReadonlySet<Capability>): PluginInput {
  const copy = (value: JsonValue | undefined): JsonValue | undefined =>
    value === undefined ? undefined : frozenCopy(value);
  return Object.freeze({
    hook: input.hook,
    phase: input.phase,
    entity: Object.freeze({ ...input.entity }),
    args: copy(input.args),
    result: copy(input.result),
    extensions: viewOfExtensions(input.extensions, capabilities),
    labels: capabilities.has('read_labels') ? new Set(input.labels) : NO_LABELS,
    ...(input.field === undefined
      ? {}
      : { field: Object.freeze({ path: input.field.path, value: frozenCopy(input.field.value) }) }),
  });
}

/** The extensions that these capabilities reveal, frozen. */
export function viewOfExtensions(extensions: Extensions, capabilities: ReadonlySet<Capability>): Extensions {
  const has = (capability: Capability): boolean => capabilities.has(capability);
  const subject = subjectView(extensions.subject, has);
  const { client, agent, http, delegation, labels } = extensions;
  const { request, llm, mcp, completion, provenance, framework, custom, meta } = extensions;
  const visible: Extensions = {
    ...(request === undefined ? {} : { request }),
    ...(llm === undefined ? {} : { llm }),
    ...(mcp === undefined ? {} : { mcp }),
    ...(completion === undefined ? {} : { completion }),
    ...(provenance === undefined ? {} : { provenance }),
    ...(framework === undefined ? {} : { framework }),
    ...(custom === undefined ? {} : { custom }),
    ...(meta === undefined ? {} : { meta }),
    ...(extensions.auth_method === undefined ? {} : { auth_method: extensions.auth_method }),
    ...(extensions.classification === undefined ? {} : { classification: extensions.classification }),
    ...(subject === undefined ? {} : { subject }),
    ...(client === undefined || !has('read_client') ? {} : { client }),
    ...(has('read_workload') && extensions.caller_workload ? { caller_workload: extensions.caller_workload } : {}),
    ...(has('read_workload') && extensions.this_workload ? { this_workload: extensions.this_workload } : {}),
    ...(agent === undefined || !has('read_agent') ? {} : { agent }),
    ...(http === undefined || !has('read_headers') ? {} : { http }),
    ...(delegation === undefined || !has('read_delegation') ? {} : { delegation }),
    ...(labels === undefined || !has('read_labels') ? {} : { labels }),
  };
  return frozenCopy(visible);
}

function subjectView(subject: Subject | undefined, has: (capability: Capability) => boolean): Subject | undefined {
  const reveals = ['read_subject', 'read_roles', 'read_permissions', 'read_teams', 'read_claims'] as const;
  if (subject === undefined || !reveals.some(has)) return undefined;
  return {
    ...(subject.id === undefined ? {} : { id: subject.id }),
    ...(subject.issuer === undefined ? {} : { issuer: subject.issuer }),
    ...(subject.type === undefined ? {} : { type: subject.type }),
    ...(subject.tenant === undefined ? {} : { tenant: subject.tenant }),
    ...(has('read_roles') && subject.roles ? { roles: subject.roles } : {}),
    ...(has('read_permissions') && subject.permissions ? { permissions: subject.permissions } : {}),
    ...(has('read_teams') && subject.teams ? { teams: subject.teams } : {}),
    ...(has('read_claims') && subject.claims ? { claims: subject.claims } : {}),
  };
}

/** A deep copy that nobody can change. Depth is bounded by what parsed the data. */
export function frozenCopy<Value>(value: Value): Value;
export function frozenCopy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const copy = plainCopy(value, MAX_PLAIN_DEPTH);
  return copy === NOT_PLAIN ? freezeDeep(structuredClone(value)) : copy;
}

/** Deeper than requests usually are. */
const MAX_PLAIN_DEPTH = 32;
const NOT_PLAIN = Symbol('not plain');

/** A frozen copy of what is made of records, lists and primitive values alone; else `NOT_PLAIN`. */
function plainCopy(value: unknown, depth: number): unknown {
  if (typeof value === 'function' || typeof value === 'symbol' || depth === 0) return NOT_PLAIN;
  if (typeof value !== 'object' || value === null) return value;
  if (isRecord(value)) return plainRecord(value, depth);
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  const copy: unknown[] = [];
  for (const item of list) {
    const copied = plainCopy(item, depth - 1);
    if (copied === NOT_PLAIN) return NOT_PLAIN;
    copy.push(copied);
  }
  return Object.freeze(copy);
}

function plainRecord(value: Readonly<Record<string, unknown>>, depth: number): unknown {
  if (Object.getPrototypeOf(value) !== Object.prototype) return NOT_PLAIN;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const copied = plainCopy(member, depth - 1);
    // To set this one would be to set the prototype.
    if (copied === NOT_PLAIN || key === '__proto__') return NOT_PLAIN;
    copy[key] = copied;
  }
  return Object.freeze(copy);
}

function freezeDeep<Value>(root: Value): Value {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    Object.freeze(value);
    for (const member of Object.values(value)) open.push(member);
  }
  return root;
}

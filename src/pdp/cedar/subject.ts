import type { AttributeReader, DecisionQuestion, StepContext } from '../../engine/decision-point.ts';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { isObject } from '../../engine/values.ts';

const READ = [
  'subject.id',
  'subject.type',
  'subject.teams',
  'delegation.depth',
  'delegation.delegated',
  'meta.entity_type',
  'meta.entity_name',
  'meta.scope',
  'meta.tags',
  'security.labels',
  'security.classification',
  'authenticated',
] as const;
type Name = (typeof READ)[number];

export type SubjectReaders = ReadonlyMap<string, AttributeReader>;

/** The reads that principal and context take, compiled for one step. */
export function subjectReaders(context: StepContext): SubjectReaders {
  return new Map(READ.map((name) => [name, context.reader(name)]));
}

/**
 * The subject as a principal: its type without a namespace, its id as found, and the attributes that every principal has.
 * Source: reference facts on `cedar-direct`, principal.
 */
export function subjectAttributes(
  readers: SubjectReaders,
  question: DecisionQuestion,
): { readonly type: string; readonly id: JsonValue | undefined; readonly attributes: JsonObject } {
  const read = (name: Name): JsonValue | undefined => readers.get(name)?.(question);
  const id = read('subject.id');
  const kind = read('subject.type');
  const type = typeof kind === 'string' && kind !== '' ? capitalised(kind) : 'User';
  const { subject } = question.extensions;
  const attributes = {
    ...(id === undefined ? {} : { id }),
    type,
    roles: union(subject?.roles, question.namespace('role')),
    permissions: union(subject?.permissions, question.namespace('perm')),
    teams: read('subject.teams') ?? [],
    claims: { ...claimsOf(subject?.claims), ...Object.fromEntries(leavesOf(question.namespace('claim'))) },
  };
  return { type, id, attributes };
}

/** What every context has, as far as it is known. Source: reference facts on `cedar-direct`, context. */
export function requestContext(readers: SubjectReaders, question: DecisionQuestion): JsonObject {
  const read = (name: Name): JsonValue | undefined => readers.get(name)?.(question);
  const depth = read('delegation.depth');
  return present({
    delegation: present({
      depth: Number.isSafeInteger(depth) ? depth : undefined,
      delegated: read('delegation.delegated'),
    }),
    meta: present({
      entity_type: read('meta.entity_type'),
      entity_name: read('meta.entity_name'),
      scope: read('meta.scope'),
      tags: read('meta.tags'),
    }),
    security: present({ labels: read('security.labels'), classification: read('security.classification') }),
    authenticated: read('authenticated'),
  });
}

/** Types are capitalised in policies and lower case in requests. */
function capitalised(kind: string): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1);
}

function present(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const found: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(members)) {
    if (value === undefined || (isObject(value) && Object.keys(value).length === 0)) continue;
    found.push([key, value]);
  }
  return Object.fromEntries(found);
}

/** Names of a list and of the flags that raw attributes may add, each once, sorted. */
function union(names: readonly string[] | undefined, flags: JsonValue | undefined): readonly string[] {
  const all = new Set(names);
  for (const [name, value] of leavesOf(flags)) if (value === true) all.add(name);
  return [...all].toSorted();
}

function claimsOf(claims: Readonly<Record<string, string>> | undefined): JsonObject {
  return claims === undefined
    ? {}
    : Object.fromEntries(leavesOf(claims).filter(([, value]) => typeof value === 'string'));
}

/** The scalars of nested data under their dotted names. */
function leavesOf(value: JsonValue | undefined, prefix = ''): readonly (readonly [string, JsonValue])[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) return [[prefix, value]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, prefix === '' ? key : `${prefix}.${key}`));
}

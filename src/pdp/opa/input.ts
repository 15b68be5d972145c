import type { DecisionQuestion } from '../../engine/decision-point.ts';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { isObject, setMembers } from '../../engine/values.ts';

const MAX_DEPTH = 64;
/** Headers that carry credentials: they are for the gateway, not for another server. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
]);

/**
 * The attributes of a request as one document, all but `data`: sets are sorted lists, what is absent to policy is left
 * out. With `remote`, headers that carry credentials are too. Throws for attributes nested too deeply.
 * Source: reference facts on the decision point `opa`, input document.
 */
export function inputDocument(question: DecisionQuestion, remote: boolean): JsonObject {
  const members: [string, JsonValue][] = [];
  for (const name of question.namespaces()) {
    if (name === 'data') continue;
    const given = question.namespace(name);
    const value = present(remote && name === 'http' ? withoutCredentials(given) : given, 0);
    if (value !== undefined) members.push([name, value]);
  }
  return Object.fromEntries(members);
}

function withoutCredentials(http: JsonValue | undefined): JsonValue | undefined {
  if (!isObject(http)) return http;
  return Object.fromEntries(
    Object.entries(http).map(([key, value]) => {
      if (!isObject(value)) return [key, value];
      return [key, Object.fromEntries(Object.entries(value).filter(([name]) => !CREDENTIAL_HEADERS.has(name)))];
    }),
  );
}

function present(value: JsonValue | undefined, depth: number): JsonValue | undefined {
  if (depth > MAX_DEPTH) throw new Error('the attributes are nested too deeply');
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'object') return value;
  if (isObject(value)) {
    const members: [string, JsonValue][] = [];
    for (const key of Object.keys(value)) {
      const inner = present(value[key], depth + 1);
      if (inner !== undefined) members.push([key, inner]);
    }
    return members.length === 0 ? undefined : Object.fromEntries(members);
  }
  if (value.some((item) => typeof item === 'object' && item !== null)) {
    const items = value.map((item) => present(item, depth + 1)).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  const texts = setMembers(value);
  return texts.length === 0 ? undefined : texts.toSorted();
}

import type { Extensions, JsonObject, RoutedEntityType } from '../engine/operation.ts';
import { HTTP_ENTITY } from './caller.ts';
import type { Decider } from './decide.ts';
import { memberSpan, rootSpan } from './json-scan.ts';
import type { JsonSpan } from './json-scan.ts';
import { replaceSpan, withoutItems } from './json-splice.ts';
import { isJsonArray, isJsonObject, ownValue } from './json-value.ts';

/** A request for a list whose answer is to hold only what its sender might be allowed to use. */
export interface Listing {
  readonly method: ListMethod;
  /** Who asks, as identified for what is no operation. */
  readonly extensions: Extensions;
}

/** The member of the result that holds the entries, the member of an entry that names it, and what it names. */
const LISTS = {
  'tools/list': { entries: 'tools', name: 'name', type: 'tool' },
  'prompts/list': { entries: 'prompts', name: 'name', type: 'prompt' },
  'resources/list': { entries: 'resources', name: 'uri', type: 'resource' },
} as const satisfies Readonly<Record<string, { entries: string; name: string; type: RoutedEntityType }>>;

export type ListMethod = keyof typeof LISTS;

export function isListMethod(method: string): method is ListMethod {
  return Object.hasOwn(LISTS, method);
}

/**
 * The text of an answer to `listing` without the entries that policy is sure to deny; everything else stays as written,
 * cursors included, but for a `cacheScope` of `public`: others get another list. Entries that cannot be read, or about
 * which nothing is sure, stay: the calls are decided anyway. Source: gateway specification, what it mediates.
 */
export function filterList(text: string, answer: JsonObject, listing: Listing, decider: Decider): string {
  const list = LISTS[listing.method];
  const result = ownValue(answer, 'result');
  if (!isJsonObject(result)) return text;
  const entries = ownValue(result, list.entries);
  if (!isJsonArray(entries)) return text;
  const removed = new Set<number>();
  for (const [index, entry] of entries.entries()) {
    const name = isJsonObject(entry) ? ownValue(entry, list.name) : undefined;
    if (typeof name !== 'string') continue;
    const operation = { entity: { type: list.type, name }, extensions: listing.extensions };
    if (decider.forecast(operation, HTTP_ENTITY).refused) removed.add(index);
  }
  const filtered = removed.size === 0 ? text : edited(text, list.entries, (span) => withoutItems(text, span, removed));
  return ownValue(result, 'cacheScope') === 'public' ? edited(filtered, 'cacheScope', () => '"private"') : filtered;
}

/** The text with the member `key` of its result written anew. */
function edited(text: string, key: string, write: (span: JsonSpan) => string): string {
  const result = memberSpan(text, rootSpan(text).start, 'result');
  const span = result === undefined ? undefined : memberSpan(text, result.start, key);
  return span === undefined ? text : replaceSpan(text, span, write(span));
}

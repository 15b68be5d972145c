import type { JsonObject } from '../../engine/operation.ts';
import { HTTP_ENTITY } from './caller.ts';
import type { Decider } from './decide.ts';
import { spanAt } from '../json/json-scan.ts';
import { replaceSpan, withoutItems } from '../json/json-splice.ts';
import { withPrivateCache } from '../protocol/cache-scope.ts';
import { LISTS } from '../protocol/list-methods.ts';
import type { Listing } from '../protocol/list-methods.ts';
import { isJsonArray, isJsonObject, ownValue } from '../json/json-value.ts';

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
  const span = removed.size === 0 ? undefined : spanAt(text, ['result', list.entries]);
  const filtered = span === undefined ? text : replaceSpan(text, span, withoutItems(text, span, removed));
  return withPrivateCache(filtered, result);
}

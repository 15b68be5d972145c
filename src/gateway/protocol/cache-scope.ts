import type { JsonObject } from '../../engine/operation.ts';
import { spanAt } from '../json/json-scan.ts';
import { replaceSpan } from '../json/json-splice.ts';
import { ownValue } from '../json/json-value.ts';

/**
 * A response whose `result` no shared cache may give to others, since policy decided it for one caller. `path` leads to
 * the result in the message. Source: MCP 2026-07-28, `cacheScope`.
 */
export function withPrivateCache(text: string, result: JsonObject, path: readonly string[] = ['result']): string {
  if (ownValue(result, 'cacheScope') !== 'public') return text;
  const span = spanAt(text, [...path, 'cacheScope']);
  return span === undefined ? text : replaceSpan(text, span, '"private"');
}

import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { stringifyJson } from '../../text/json.ts';

/** Whether parsed JSON is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether parsed JSON is an array. */
export function isJsonArray(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The own member of a parsed object; undefined when missing. */
export function ownValue(object: JsonObject | undefined, key: string): JsonValue | undefined {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Data as JSON text. */
export function jsonText(value: JsonValue): string {
  return stringifyJson(value) ?? 'null';
}

/** Whether `object` has a key that a parser which folds case, as Go's does, takes for one of `names`. */
export function hasLookalike(object: JsonObject, names: FoldedNames): boolean {
  return Object.keys(object).some((key) => !names.exact.has(key) && names.folded.has(fold(key)));
}

export interface FoldedNames {
  readonly exact: ReadonlySet<string>;
  readonly folded: ReadonlySet<string>;
}

export function foldedNames(...names: readonly string[]): FoldedNames {
  return { exact: new Set(names), folded: new Set(names.map(fold)) };
}

/** Upper case first: it also maps the long s and the Kelvin sign to the letters that simple folding equates them with. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

import type { JsonObject, JsonValue } from '../../engine/operation.ts';

/** The strings of an array claim, others left out; undefined when the claim is no array. */
export function strings(value: JsonValue | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}

/** The words of a string claim such as `scope` (RFC 6749 section 3.3); undefined when the claim is no string. */
export function words(value: JsonValue | undefined): readonly string[] | undefined {
  return typeof value === 'string' ? value.split(/\s+/).filter((word) => word !== '') : undefined;
}

/** A claim that is a string with something in it. */
export function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Whether a claim is an object. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The claims whose names are not in `taken`, in order. A claim called `__proto__` is one like any other. */
export function otherClaims<T>(
  claims: JsonObject,
  taken: ReadonlySet<string>,
  convert: (value: JsonValue) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(claims)
      .filter(([name]) => !taken.has(name))
      .map(([name, value]) => [name, convert(value)]),
  );
}

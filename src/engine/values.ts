import type { JsonObject, JsonValue } from './operation.ts';

/** What an attribute can be: a JSON scalar, an array standing for a set, or a set. Absent attributes are undefined. */
export type AttributeValue = JsonValue | ReadonlySet<string>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Set);
}

const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Whether every object has a member of this name without owning it. */
export function isInheritedName(name: string): boolean {
  return INHERITED.has(name);
}

/** A set of texts: an array as JSON has it, or a set of the engine's own. */
export type TextSet = readonly JsonValue[] | ReadonlySet<string>;

export function isNativeSet(value: AttributeValue): value is ReadonlySet<string> {
  return value instanceof Set;
}

export function isSet(value: AttributeValue | undefined): value is TextSet {
  return Array.isArray(value) || value instanceof Set;
}

function isArray(set: TextSet): set is readonly JsonValue[] {
  return Array.isArray(set);
}

/**
 * Whether an attribute has a value: null, objects, empty sets and arrays without a scalar are absent.
 * Source: policy language section 1, attribute rules of the plugin specification.
 */
export function isPresent(value: AttributeValue | undefined): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'object') return true;
  if (value instanceof Set) return value.size > 0;
  return Array.isArray(value) && value.some(isScalar);
}

function isScalar(value: JsonValue): value is string | number | bigint | boolean {
  return value !== null && typeof value !== 'object';
}

/** Membership of text in a set; array members count by their string form. */
export function setHas(set: TextSet, text: string): boolean {
  if (!isArray(set)) return set.has(text);
  for (const member of set) {
    if (member === text) return true;
    if (typeof member !== 'string' && isScalar(member) && String(member) === text) return true;
  }
  return false;
}

/** The members of a set as text, unsorted, each once. */
export function setMembers(set: TextSet): readonly string[] {
  return isArray(set) ? [...new Set(set.filter(isScalar).map(String))] : [...set];
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;
/** Longer texts are not read as numbers. */
const MAX_NUMBER_LENGTH = 400;

/**
 * The number that a value is or spells; surrounding blanks do not count. Integers beyond ±(2^53−1) come as bigint where
 * their digits are known, so nothing is compared after rounding. Undefined when it is no number.
 */
export function toNumber(value: AttributeValue | undefined): number | bigint | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'string' || value.length > MAX_NUMBER_LENGTH) return undefined;
  const text = value.trim();
  if (DECIMAL.test(text)) {
    const number = Number(text);
    if (Number.isSafeInteger(number) || !INTEGER.test(text)) return number;
    return BigInt(text.startsWith('+') ? text.slice(1) : text);
  }
  return INFINITE.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : undefined;
}

/** True for a number whose written digits may have been lost: two different integers can have become this one. */
function isRounded(value: number | bigint): boolean {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

function isSafe(value: number | bigint): boolean {
  return value >= -Number.MAX_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
}

/**
 * -1, 0, 1, or undefined when the order cannot be known: a rounded integer orders against the safe numbers, which
 * rounding cannot have crossed, and against no other number of its size.
 */
export function compareNumbers(a: number | bigint, b: number | bigint): -1 | 0 | 1 | undefined {
  if (isRounded(a) && (isRounded(b) || !isSafe(b))) return undefined;
  if (isRounded(b) && !isSafe(a)) return undefined;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True for what a JSON parser made. Looks at the outermost value only: members of parsed data are data. */
export function isJson(value: unknown): value is JsonValue {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol';
}

import { parse, stringify } from 'lossless-json';

const LONG_DIGITS = /\d{16}/;

/**
 * JSON text as data. Integers that a number would round come as bigint; everything else is as `JSON.parse` has it,
 * the last of equal keys included.
 * Throws `SyntaxError` for text that is not JSON or nested beyond what the stack holds.
 */
export function parseJson(text: string): unknown {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text);
  try {
    return parse(text, undefined, { parseNumber: toNumber, onDuplicateKey: ({ newValue }) => newValue });
  } catch (error) {
    throw error instanceof SyntaxError ? error : new SyntaxError('not JSON', { cause: error });
  }
}

function toNumber(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(digits) ? BigInt(digits) : number;
}

/** JSON text with members in one order, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return stringifyJson(inOrder(value)) ?? 'null';
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, inOrder(member)]));
}

/** Data as JSON text; a bigint becomes the integer it is. Undefined for undefined. */
export function stringifyJson(value: unknown): string | undefined {
  return stringify(value);
}

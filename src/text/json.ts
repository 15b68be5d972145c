import { parse, stringify } from 'lossless-json';

const LONG_DIGITS = /\d{16}/;

/**
 * JSON text as data. Integers that a number would round come as bigint; everything else is as `JSON.parse` has it.
 * Throws `SyntaxError` for text that is not JSON or nested beyond what the stack holds.
 */
export function parseJson(text: string): unknown {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text);
  try {
    return parse(text, undefined, toNumber);
  } catch (error) {
    throw error instanceof SyntaxError ? error : new SyntaxError('not JSON', { cause: error });
  }
}

function toNumber(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(digits) ? BigInt(digits) : number;
}

/** Data as JSON text; a bigint becomes the integer it is. Undefined for undefined. */
export function stringifyJson(value: unknown): string | undefined {
  return stringify(value);
}

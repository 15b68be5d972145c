import { parseJson } from '../../text/json.ts';

/** Half-open offsets into a JSON text. */
export interface JsonSpan {
  readonly start: number;
  readonly end: number;
}

export interface JsonMember {
  readonly key: string;
  /** The key as written, quotes included. */
  readonly keySpan: JsonSpan;
  readonly value: JsonSpan;
}

/** Why a text that parses may still be read differently by two parsers, or exhaust one of them. */
export type JsonFault = 'duplicate-key' | 'too-deep';

/** Deeper nesting than this is refused, so that everything behind may recurse. */
export const MAX_JSON_DEPTH = 128;

/** No number of fewer digits is rounded. */
const LONG_DIGITS = 16;
/** Strings that are longer are searched by the engine, which costs more at the start. */
const SHORT_STRING = 64;

const QUOTE = 0x22;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** What a JSON text says, and why it may be read differently by others. A text that is too deep has no value. */
export interface JsonReading {
  readonly value: unknown;
  readonly fault: JsonFault | undefined;
}

/**
 * The value of a JSON text (RFC 8259), see `parseJson`, and its fault. Keys are compared as decoded: `"a"` and `"\u0061"`
 * are the same key. Depth is refused before a parser has to bear it. Throws `SyntaxError`.
 */
export function readJson(text: string): JsonReading {
  const { members, longDigits } = outlineOf(text);
  if (members === undefined) return { value: undefined, fault: 'too-deep' };
  const value: unknown = longDigits ? parseJson(text) : JSON.parse(text);
  // Of members with one key only the last is left.
  return { value, fault: countMembers(value) === members ? undefined : 'duplicate-key' };
}

/** The fault of a JSON text. Throws `SyntaxError`. */
export function findJsonFault(text: string): JsonFault | undefined {
  return readJson(text).fault;
}

interface Outline {
  /** Members of all objects as written; undefined when the text is too deep. */
  readonly members: number | undefined;
  /** Whether there is a number of so many digits that it may not fit. */
  readonly longDigits: boolean;
}

/** Says something of any text; what it says of one that is not JSON does not matter. */
function outlineOf(text: string): Outline {
  let members = 0;
  let depth = 0;
  let digits = 0;
  let longDigits = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = stringEnd(text, i) - 1;
    } else if (code >= ZERO && code <= NINE) {
      digits++;
      if (digits >= LONG_DIGITS) longDigits = true;
      continue;
    } else if (code === COLON) {
      members++;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth++;
      if (depth > MAX_JSON_DEPTH) return { members: undefined, longDigits };
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--;
    }
    digits = 0;
  }
  return { members, longDigits };
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = Array.isArray(value) ? 0 : items.length;
  for (const item of items) count += countMembers(item);
  return count;
}

/** Members of the object at `start` in valid JSON, in written order; `start` may point at white space before it. */
export function objectMembers(text: string, start: number): JsonMember[] {
  const members: JsonMember[] = [];
  let i = skipSpace(text, skipSpace(text, start) + 1);
  while (text.charCodeAt(i) === QUOTE) {
    const keyEnd = stringEnd(text, i);
    const keySpan = { start: i, end: keyEnd };
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = valueEndAt(text, valueStart);
    members.push({ key: decodeString(text, i, keyEnd), keySpan, value: { start: valueStart, end: valueEnd } });
    i = skipSpace(text, valueEnd);
    if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1);
  }
  return members;
}

/** Items of the array at `start` in valid JSON; `start` may point at white space before it. */
export function arrayItems(text: string, start: number): JsonSpan[] {
  const items: JsonSpan[] = [];
  let i = skipSpace(text, skipSpace(text, start) + 1);
  while (i < text.length && text.charCodeAt(i) !== CLOSE_BRACKET) {
    const end = valueEndAt(text, i);
    items.push({ start: i, end });
    i = skipSpace(text, end);
    if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1);
  }
  return items;
}

/** The value of member `key` of the object at `start`; undefined when there is none. */
export function memberSpan(text: string, start: number, key: string): JsonSpan | undefined {
  let i = skipSpace(text, skipSpace(text, start) + 1);
  while (text.charCodeAt(i) === QUOTE) {
    const keyEnd = stringEnd(text, i);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = valueEndAt(text, valueStart);
    if (isWritten(text, i, keyEnd, key)) return { start: valueStart, end: valueEnd };
    i = skipSpace(text, valueEnd);
    if (text.charCodeAt(i) === COMMA) i = skipSpace(text, i + 1);
  }
  return undefined;
}

/** The value that a path of member names leads to in a valid JSON text, whose values on the way are objects. */
export function spanAt(text: string, path: readonly string[]): JsonSpan | undefined {
  let span: JsonSpan | undefined = rootSpan(text);
  for (const key of path) span = span && memberSpan(text, span.start, key);
  return span;
}

/** The whole value of a JSON text, without the white space around it. */
export function rootSpan(text: string): JsonSpan {
  let end = text.length;
  while (isSpace(text.charCodeAt(end - 1))) end--;
  return { start: skipSpace(text, 0), end };
}

/** Whether the string between `start` and `end` says `key`. */
function isWritten(text: string, start: number, end: number, key: string): boolean {
  const length = end - start - 2;
  if (length === key.length && text.startsWith(key, start + 1)) return !key.includes('\\');
  return length > key.length && decodeString(text, start, end) === key;
}

function valueEndAt(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return stringEnd(text, start);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return scalarEnd(text, start);
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = stringEnd(text, i) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return i + 1;
  }
  return text.length;
}

function scalarEnd(text: string, start: number): number {
  let i = start;
  while (i < text.length && !isDelimiter(text.charCodeAt(i))) i++;
  return i;
}

function isDelimiter(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isSpace(code);
}

/** `start` is at the opening quote; the answer is behind the closing one. */
function stringEnd(text: string, start: number): number {
  const nearby = Math.min(text.length, start + SHORT_STRING);
  for (let i = start + 1; i < nearby; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code === BACKSLASH) i++;
  }
  return longStringEnd(text, start);
}

function longStringEnd(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  while (quote !== -1) {
    let slashes = quote;
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes--;
    if ((quote - slashes) % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}

function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  if (!inner.includes('\\')) return inner;
  const decoded: unknown = JSON.parse(text.slice(start, end));
  return String(decoded);
}

function skipSpace(text: string, start: number): number {
  let i = start;
  while (isSpace(text.charCodeAt(i))) i++;
  return i;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

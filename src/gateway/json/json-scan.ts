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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Looks for the first fault anywhere in a JSON text (RFC 8259). Keys are compared as decoded: `"a"` and `"\u0061"` are
 * the same key. Text that is no JSON is not always found out; it gives some answer or throws `SyntaxError`. Cheaper than
 * parsing, so that depth can be refused before a parser has to bear it.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const keysOfLevel: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = stringEnd(text, i);
        if (expectKey && keys !== undefined) {
          const key = decodeString(text, i, end);
          if (keys.has(key)) return 'duplicate-key';
          keys.add(key);
          expectKey = false;
        }
        i = end - 1;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (keysOfLevel.length >= MAX_JSON_DEPTH) return 'too-deep';
        keysOfLevel.push(keys);
        expectKey = text.charCodeAt(i) === OPEN_BRACE;
        keys = expectKey ? new Set() : undefined;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        keys = keysOfLevel.pop();
        expectKey = false;
        break;
      case COMMA:
        expectKey = keys !== undefined;
        break;
    }
  }
  return undefined;
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
  return objectMembers(text, start).find((member) => member.key === key)?.value;
}

/** The whole value of a JSON text, without the white space around it. */
export function rootSpan(text: string): JsonSpan {
  const start = skipSpace(text, 0);
  return { start, end: valueEndAt(text, start) };
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

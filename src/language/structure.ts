import type { Range } from './ast.ts';

const OPENING = '([';
const CLOSING = ')]';

/**
 * Calls `visit` for each character of `value[start, end)` that stands outside quotes, brackets and parentheses; `visit`
 * stops the walk by returning true. A closing mark without an opening one is passed over.
 */
function walkTopLevel(
  value: string,
  start: number,
  end: number,
  visit: (offset: number, character: string) => boolean,
): void {
  let depth = 0;
  for (let i = start; i < end; i++) {
    const character = value.charAt(i);
    if (character === "'" || character === '"') {
      const close = value.indexOf(character, i + 1);
      if (close === -1 || close >= end) return;
      i = close;
    } else if (OPENING.includes(character)) {
      depth += 1;
    } else if (CLOSING.includes(character)) {
      depth = Math.max(0, depth - 1);
    } else if (depth === 0 && visit(i, character)) {
      return;
    }
  }
}

/** Offset of the first `wanted` outside quotes, brackets and parentheses. */
export function firstTopLevel(value: string, start: number, end: number, wanted: string): number | undefined {
  let found: number | undefined;
  walkTopLevel(value, start, end, (offset, character) => {
    if (character !== wanted) return false;
    found = offset;
    return true;
  });
  return found;
}

/** Offset of the last `wanted` outside quotes, brackets and parentheses. */
export function lastTopLevel(value: string, start: number, end: number, wanted: string): number | undefined {
  let found: number | undefined;
  walkTopLevel(value, start, end, (offset, character) => {
    if (character === wanted) found = offset;
    return false;
  });
  return found;
}

/** The parts of `value[start, end)` between separators outside quotes, brackets and parentheses, each trimmed. */
export function splitTopLevel(value: string, start: number, end: number, separator: string): readonly Range[] {
  const parts: Range[] = [];
  let from = start;
  walkTopLevel(value, start, end, (offset, character) => {
    if (character === separator) {
      parts.push(trim(value, from, offset));
      from = offset + 1;
    }
    return false;
  });
  parts.push(trim(value, from, end));
  return parts;
}

/** Offset of the first quote in `value[start, end)` that is never closed. */
export function unterminatedQuote(value: string, start: number, end: number): number | undefined {
  for (let i = start; i < end; i++) {
    const character = value.charAt(i);
    if (character !== "'" && character !== '"') continue;
    const close = value.indexOf(character, i + 1);
    if (close === -1 || close >= end) return i;
    i = close;
  }
  return undefined;
}

/**
 * The mark that closes the one at `open`, when everything between them is balanced; otherwise `unclosed` is the opening
 * mark that was never closed, or closed by the wrong mark.
 */
export function closingOf(
  value: string,
  open: number,
  end: number,
): { readonly close: number } | { readonly unclosed: number } {
  const opened: number[] = [];
  for (let i = open; i < end; i++) {
    const character = value.charAt(i);
    if (character === "'" || character === '"') {
      const close = value.indexOf(character, i + 1);
      if (close === -1 || close >= end) break;
      i = close;
    } else if (OPENING.includes(character)) {
      opened.push(i);
    } else if (CLOSING.includes(character)) {
      const last = opened.pop() ?? open;
      if (OPENING.indexOf(value.charAt(last)) !== CLOSING.indexOf(character)) return { unclosed: last };
      if (opened.length === 0) return { close: i };
    }
  }
  return { unclosed: opened.at(-1) ?? open };
}

/** The range without the blanks at its ends; an all-blank range becomes empty at its end. */
export function trim(value: string, start: number, end: number): Range {
  let from = start;
  let to = end;
  while (from < to && isBlank(value.charCodeAt(from))) from += 1;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to -= 1;
  return { start: from, end: to };
}

/** Blanks of the language: space, tab, line feed, carriage return. */
export function isBlank(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13 && code !== 11 && code !== 12);
}

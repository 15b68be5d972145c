import type { Range } from './ast.ts';
import { closingOf, trim } from './structure.ts';
import type { TextReport } from './text-report.ts';

/** `word [ "(" … ")" ]`; `inner` is what stands between the parentheses, if there are any. */
export interface Call {
  readonly word: string;
  readonly wordRange: Range;
  readonly inner?: Range;
  readonly range: Range;
}

const WORD = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/y;

/** The word at `start` (letters, digits, `_`, and dots between them) when it is followed by `(`, a blank or the end. */
export function wordAt(value: string, start: number, end: number): string | undefined {
  WORD.lastIndex = start;
  const word = WORD.exec(value)?.[0].slice(0, end - start);
  if (word === undefined) return undefined;
  const after = start + word.length;
  return after === end || /[\s(]/.test(value.charAt(after)) ? word : undefined;
}

/**
 * Reads `value[start, end)`, which begins with `word`, as a call that fills the range. Undefined, with a finding, when a
 * mark is not closed or something follows.
 */
export function parseCall(out: TextReport, start: number, end: number, word: string): Call | undefined {
  const { value } = out.text;
  const helpFor = ({ start: from }: Range): string | undefined =>
    value.charAt(from) === ',' ? 'several effects go in a list: `{when: predicate, do: [effect, effect]}`' : undefined;
  const wordEnd = start + word.length;
  const wordRange = { start, end: wordEnd };
  const rest = trim(value, wordEnd, end);
  if (rest.start === rest.end) return { word, wordRange, range: wordRange };
  if (value.charAt(rest.start) !== '(') {
    out.add('language/text-after', rest.start, rest.end, `unexpected text after \`${word}\``, helpFor(rest));
    return undefined;
  }
  const found = closingOf(value, rest.start, end);
  if ('unclosed' in found) {
    const mark = value.charAt(found.unclosed);
    const message =
      found.unclosed === rest.start
        ? `the \`(\` of \`${word}(...)\` is never closed: \`)\` is missing`
        : `a \`${mark}\` in \`${word}(...)\` is never closed`;
    out.add('language/unclosed', found.unclosed, found.unclosed + 1, message);
    return undefined;
  }
  const after = trim(value, found.close + 1, end);
  if (after.start < after.end) {
    out.add('language/text-after', after.start, after.end, `unexpected text after \`${word}(...)\``, helpFor(after));
    return undefined;
  }
  return {
    word,
    wordRange,
    inner: { start: rest.start + 1, end: found.close },
    range: { start, end: found.close + 1 },
  };
}

import type { Range } from './finding.ts';

export interface FoldedText {
  readonly text: string;
  /** Where a non-empty range of the folded text stands in the original. */
  original(range: Range): Range;
}

const FOLDABLE =
  /\p{Default_Ignorable_Code_Point}+|(?=[^\0-\x7f])[\p{Zs}\p{Pd}\p{Nd}\u2018\u2019\u2212\uff01-\uff5e\u{1d400}-\u{1d7ff}]/gu;
const BEYOND_ASCII = /[^\0-\x7f]/;
const FULL_WIDTH_OFFSET = 0xff01 - 0x21;

/**
 * Makes text comparable for detectors: blanks, dashes, apostrophes, decimal digits, full-width and mathematical letters
 * come as ASCII, and characters that show nothing (Unicode Default_Ignorable_Code_Point) are left out. Letter case and
 * all other characters stay.
 */
export function foldText(text: string): FoldedText {
  if (!BEYOND_ASCII.test(text)) return unchanged(text);
  const parts: string[] = [];
  const shifts = new Shifts();
  let read = 0;
  let written = 0;
  for (const match of text.matchAll(FOLDABLE)) {
    const [found] = match;
    const replacement = foldedCharacter(found);
    parts.push(text.slice(read, match.index), replacement);
    written += match.index - read + replacement.length;
    read = match.index + found.length;
    if (found.length !== replacement.length) shifts.add(written, read - written);
  }
  if (read === 0) return unchanged(text);
  parts.push(text.slice(read));
  return {
    text: parts.join(''),
    original: ({ start, end }) => {
      const last = end - 1 + shifts.at(end - 1);
      const width = (text.codePointAt(last) ?? 0) > 0xffff ? 2 : 1;
      return { start: start + shifts.at(start), end: last + width };
    },
  };
}

function unchanged(text: string): FoldedText {
  return { text, original: (range) => range };
}

const IGNORABLE = /^\p{Default_Ignorable_Code_Point}/u;
const BLANK = /^\p{Zs}/u;
const DASH = /^[\p{Pd}\u2212]/u;
const DIGIT = /^\p{Nd}/u;

/** At most one UTF-16 unit. */
function foldedCharacter(character: string): string {
  if (IGNORABLE.test(character)) return '';
  if (BLANK.test(character)) return ' ';
  if (DASH.test(character)) return '-';
  const code = character.codePointAt(0) ?? 0;
  if (DIGIT.test(character)) return String(digitValue(code));
  if (character === '\u2018' || character === '\u2019') return "'";
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - FULL_WIDTH_OFFSET);
  return character.normalize('NFKC').slice(0, 1);
}

/** Unicode encodes decimal digits in contiguous runs of ten, from zero on (Unicode Standard, section 4.6). */
function digitValue(code: number): number {
  let first = code;
  while (DIGIT.test(String.fromCodePoint(first - 1))) first -= 1;
  return (code - first) % 10;
}

/** How far folded offsets lie before the original ones, by ascending folded offset. */
class Shifts {
  readonly #from: number[] = [];
  readonly #shift: number[] = [];

  add(from: number, shift: number): void {
    const last = this.#from.length - 1;
    if (this.#from[last] === from) {
      this.#shift[last] = shift;
      return;
    }
    this.#from.push(from);
    this.#shift.push(shift);
  }

  at(offset: number): number {
    let low = 0;
    let high = this.#from.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#from[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#shift[low - 1] ?? 0;
  }
}

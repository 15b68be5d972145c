import { NO_RANGES, type Detector, type Range } from './finding.ts';

/**
 * Blanks, punctuation and symbols between two words, also as escapes (`\n`) of JSON within the text. Bounded, so that
 * matching stays linear.
 */
const GAP = '(?:[^A-Za-z0-9\\u00c0-\\u1fff\\u2c00-\\ud7ff]|\\\\[bfnrt]){1,40}';
const WORD_START = '(?<![A-Za-z0-9_](?<!\\\\[bfnrt]))';
const WORD_END = '(?![A-Za-z0-9_])';

/**
 * A pattern for words one after the other, in any case. `first` is an alternation in regular expression syntax without
 * unbounded repetition; the steps come from `word`, `upTo` and `anyOf`.
 */
export function phrase(first: string, ...steps: readonly string[]): RegExp {
  return new RegExp(`${WORD_START}(?:${first})${steps.join('')}${WORD_END}`, 'gi');
}

/** One of `words`. */
export function word(words: string): string {
  return `${GAP}(?:${words})`;
}

/** None to `count` of `words`. */
export function upTo(count: number, words: string): string {
  return `(?:${word(words)}){0,${count}}`;
}

/** One of several sequences of steps. */
export function anyOf(...sequences: readonly (readonly string[])[]): string {
  return `(?:${sequences.map((steps) => steps.join('')).join('|')})`;
}

/** Finds what one of `patterns` matches. Each is global and does bounded work at each place of a text. */
export function patternDetector<Name extends string>(name: Name, patterns: readonly RegExp[]): Detector<Name> {
  return {
    name,
    reads: 'folded',
    find: (text) => {
      let ranges: Range[] | undefined;
      for (const pattern of patterns) {
        for (const { index: start, 0: found } of text.matchAll(pattern)) {
          ranges ??= [];
          ranges.push({ start, end: start + found.length });
        }
      }
      return ranges ?? NO_RANGES;
    },
  };
}

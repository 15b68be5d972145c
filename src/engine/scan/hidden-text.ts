import { NO_RANGES, type Detector, type Range } from './finding.ts';

/**
 * Flags of England, Scotland and Wales, the only ones in general use that are made of tag characters (UTS #51, RGI
 * sequences), or else a run of tag characters, zero-width characters or variation selectors.
 */
const CANDIDATE =
  /\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}|[\u{e0000}-\u{e007f}]+|[\u034f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+|[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]+/gu;
const FLAG = '\u{1f3f4}';
const TAG = /^[\u{e0000}-\u{e007f}]/u;
const SELECTOR = /^[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;

/** One byte written in bits. A single joiner or direction mark is everyday writing. */
const MIN_ZERO_WIDTH = 8;
/** A character takes one selector. */
const MIN_SELECTORS = 4;

/**
 * Text that a model reads and a person does not see: Unicode tag characters, runs of zero-width characters of at least
 * two kinds (one kind alone is padding and carries nothing), runs of variation selectors.
 */
export const hiddenText: Detector<'hidden_text'> = {
  name: 'hidden_text',
  reads: 'raw',
  find: (text) => {
    let ranges: Range[] | undefined;
    for (const { index: start, 0: found } of text.matchAll(CANDIDATE)) {
      if (!carriesText(found)) continue;
      ranges ??= [];
      ranges.push({ start, end: start + found.length });
    }
    return ranges ?? NO_RANGES;
  },
};

function carriesText(run: string): boolean {
  if (run.startsWith(FLAG)) return false;
  if (TAG.test(run)) return true;
  if (SELECTOR.test(run)) return run.length >= MIN_SELECTORS && isMixed(run);
  return run.length >= MIN_ZERO_WIDTH && isMixed(run);
}

function isMixed(run: string): boolean {
  return new Set(run).size > 1;
}

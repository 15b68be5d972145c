const TAB = '    ';

/** Characters that would move the cursor, reorder the line or show nothing at all. */
const hidden =
  // oxlint-disable-next-line no-control-regex -- these are what has to be shown
  /[\0-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\p{Surrogate}]/gu;

/**
 * `text` as one line that is safe to print: a tab as four spaces, other control characters as their pictures
 * (U+2400 and following), and what has no picture as U+FFFD.
 */
export function visibleText(text: string): string {
  return text.replace(hidden, (character) => {
    if (character === '\t') return TAB;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? '\u2421' : '\ufffd';
  });
}

const zeroWidth = /^[\p{Mn}\p{Me}\u200c\u200d]$/u;
/** East Asian wide and fullwidth characters, and emoji (Unicode Standard Annex 11, in blocks). */
const wide =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]$/u;

/** How many terminal columns the printable `text` takes up. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (character <= '\u02ff') width += 1;
    else if (!zeroWidth.test(character)) width += wide.test(character) ? 2 : 1;
  }
  return width;
}

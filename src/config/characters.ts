import type { Report } from '../diagnostics/report.ts';
import type { Source } from '../text/source.ts';

/** More than this many are not worth a line each: such a file is not text. */
const MAX_REPORTED = 20;

/**
 * What YAML 1.2.2 does not count as printable (production 1), a byte order mark that is not at the start, and a carriage
 * return that ends no line: YAML calls it a line break, most readers do not.
 */
const forbidden =
  // oxlint-disable-next-line no-control-regex -- these are what the rule is about
  /[\0-\x08\v\f\x0e-\x1f\x7f-\x84\x86-\x9f\p{Surrogate}\ufffe\uffff]|(?<!^)\ufeff|\r(?!\n)/gu;

/** Reports characters that no bundle may contain as such; true when there are none. */
export function checkCharacters(source: Source, report: Report): boolean {
  let found = 0;
  for (const match of source.text.matchAll(forbidden)) {
    const start = match.index;
    const span = { source, start, end: start + match[0].length };
    report.add('config/character', span, `${describe(match[0])} is not allowed here`, {
      help: 'remove it; inside a double-quoted scalar a character can be written as an escape',
    });
    found += 1;
    if (found === MAX_REPORTED) break;
  }
  return found === 0;
}

const surrogate = /\p{Surrogate}/u;

/** What is wrong with the characters of a decoded scalar or key, if anything: escapes can write what a file cannot hold. */
export function unfitCharacter(text: string): string | undefined {
  if (text.includes('\0')) return 'character U+0000';
  const match = surrogate.exec(text);
  return match === null ? undefined : describe(match[0]);
}

function describe(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const name = `character U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  if (character === '\r') return `${name}, a carriage return without a line feed,`;
  if (character === '\ufeff') return `${name}, a byte order mark that is not at the start of the file,`;
  return surrogate.test(character) ? `${name}, half of a surrogate pair,` : name;
}

import { RE2JS } from 're2js';
import { NO_RANGES, type Detector, type Range } from '../../engine/scan/finding.ts';

const BEYOND_ASCII = /[^\0-\x7f]/;

/**
 * Detectors for what the RE2 pattern `regex` matches: in the text with look-alikes folded, and where that may differ in
 * the text as it is. A search takes time linear in the text. Throws an `Error` that says what is wrong with the pattern.
 */
export function customDetectors(name: string, regex: string): readonly Detector[] {
  const pattern = compiled(name, regex);
  const find = (text: string): readonly Range[] => {
    const matcher = pattern.matcher(text);
    let ranges: Range[] | undefined;
    while (matcher.find()) {
      ranges ??= [];
      ranges.push({ start: matcher.start(), end: matcher.end() });
    }
    return ranges ?? NO_RANGES;
  };
  return [
    { name, reads: 'folded', find },
    { name, reads: 'raw', find: (text) => (BEYOND_ASCII.test(text) ? find(text) : NO_RANGES) },
  ];
}

function compiled(name: string, regex: string): RE2JS {
  try {
    return RE2JS.compile(regex);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    throw new Error(`the \`regex\` of \`${name}\` does not compile: ${why}`, { cause: error });
  }
}

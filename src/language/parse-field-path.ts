import type { Report } from '../diagnostics/report.ts';
import type { Text } from '../text/text.ts';
import type { FieldPath, FieldSegment } from './ast.ts';
import { quote, TextReport } from './text-report.ts';

/** A field's path may have this many segments. */
export const MAX_FIELD_SEGMENTS = 64;

/** Parses all of `text` as the path of a field, such as a key of an `args` map. Source: policy language, section 4. */
export function parseFieldPath(text: Text, report: Report): FieldPath | undefined {
  const out = new TextReport(text, report);
  return out.fits() ? parseFieldPathWithin(out, 0, text.value.length) : undefined;
}

/** A name written without brackets: no mark of the grammar, and no blank at either end. */
const NAME = /[^.[\]|*'"]+/y;
const INDEX = /\[(?:(\*)|([0-9]+)|'([^']*)'|"([^"]*)")\]/y;

/**
 * `field = part { "." part | bracket }`, `part = name | "*" | bracket`,
 * `bracket = "[" ("*" | digits | string) "]"`
 */
export function parseFieldPathWithin(out: TextReport, start: number, end: number): FieldPath | undefined {
  const { value } = out.text;
  const segments: FieldSegment[] = [];
  let at = start;
  const fail = (from: number, to: number, message: string, help?: string): undefined => {
    out.add('language/bad-field', from, to, message, help);
  };
  while (at < end || segments.length === 0) {
    const character = at < end ? value.charAt(at) : '';
    if (segments.length > 0 && character !== '[') {
      if (character !== '.') {
        return fail(at, at + 1, `unexpected ${out.quote(at, at + 1)} in a field path`, BRACKET_HELP);
      }
      at += 1;
    }
    const part = readPart(at);
    if (!part) return undefined;
    segments.push(part.segment);
    at = part.end;
    if (segments.length > MAX_FIELD_SEGMENTS) {
      out.add('language/limit', start, end, `a field path has more than ${MAX_FIELD_SEGMENTS} segments`);
      return undefined;
    }
  }
  return { kind: 'field-path', segments, range: { start, end } };

  function readPart(from: number): { readonly segment: FieldSegment; readonly end: number } | undefined {
    if (from < end && value.charAt(from) === '[') return readBracket(from);
    if (from < end && value.charAt(from) === '*') {
      const after = from + 1;
      if (after === end || '.['.includes(value.charAt(after))) return { segment: { kind: 'members' }, end: after };
      return fail(from, after, '`*` stands alone between dots', 'it means every value of an object');
    }
    NAME.lastIndex = from;
    const name = (from < end ? (NAME.exec(value)?.[0] ?? '') : '').slice(0, end - from);
    if (name === '') {
      if (from < end && value.charAt(from) !== '.')
        return fail(from, from + 1, `unexpected ${out.quote(from, from + 1)} in a field path`, BRACKET_HELP);
      const dot = from > start ? from - 1 : from;
      return fail(dot, Math.min(end, dot + 1), 'a field name is empty');
    }
    if (name.trim() !== name) {
      return fail(from, from + name.length, `the field name ${quote(name)} begins or ends with a blank`, BRACKET_HELP);
    }
    return { segment: { kind: 'name', text: name }, end: from + name.length };
  }

  function readBracket(from: number): { readonly segment: FieldSegment; readonly end: number } | undefined {
    INDEX.lastIndex = from;
    const found = INDEX.exec(value);
    const after = from + (found?.[0].length ?? 0);
    if (!found || after > end) {
      const close = value.indexOf(']', from);
      const to = close === -1 || close >= end ? from + 1 : close + 1;
      return fail(from, to, `${out.quote(from, to)} is neither an index, \`[*]\` nor a quoted name`);
    }
    const [, star, digits, single, double] = found;
    if (star) return { segment: { kind: 'elements' }, end: after };
    if (digits) {
      const index = Number(digits);
      if (Number.isSafeInteger(index)) return { segment: { kind: 'index', index }, end: after };
      return fail(from, after, 'the index is too large');
    }
    const text = single ?? double ?? '';
    if (text === '') return fail(from, after, 'a field name is empty');
    return { segment: { kind: 'name', text }, end: after };
  }
}

const BRACKET_HELP = "a name with other characters goes in brackets and quotes, as in `['a.b']`";

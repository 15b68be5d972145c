import type { Source, Span } from './source.ts';
import type { Text } from './text.ts';

/** How a YAML scalar is written (YAML 1.2.2, chapters 7.3 and 8.1). */
export type ScalarStyle = 'plain' | 'single-quoted' | 'double-quoted' | 'literal' | 'folded';

/**
 * The decoded `value` of the scalar written at `start`..`end` of `source`: quotes included, and for a literal or folded
 * scalar from its `|` or `>` up to and including its last line break. Spans point at the characters as written: an
 * escape, a doubled quote or a folded line break is covered whole, indentation and trimmed blanks never are.
 * Nothing is computed before the first call of `span`.
 */
export function scalarText(source: Source, style: ScalarStyle, start: number, end: number, value: string): Text {
  return new ScalarText(source, style, start, end, value);
}

class ScalarText implements Text {
  readonly value: string;
  readonly #source: Source;
  readonly #style: ScalarStyle;
  readonly #start: number;
  readonly #end: number;
  #segments: readonly Segment[] | undefined;

  constructor(source: Source, style: ScalarStyle, start: number, end: number, value: string) {
    this.value = value;
    this.#source = source;
    this.#style = style;
    this.#start = start;
    this.#end = end;
  }

  span(start: number, end: number): Span {
    const from = Math.min(Math.max(start, 0), this.value.length);
    const to = Math.min(Math.max(end, from), this.value.length);
    const source = this.#source;
    const first = this.#asWrittenFrom;
    if (first !== undefined) return { source, start: first + from, end: first + to };
    this.#segments ??= segmentsOf(source.text, this.#style, this.#start, this.#end, this.value);
    const range = writtenRange(this.#segments, from, to);
    return { source, start: range.start, end: range.end };
  }

  /** Offset in the file of a value that stands there character for character. */
  get #asWrittenFrom(): number | undefined {
    if (this.#style === 'literal' || this.#style === 'folded') return undefined;
    const quote = this.#style === 'plain' ? 0 : 1;
    const first = this.#start + quote;
    const isWhole = this.value.length === this.#end - quote - first;
    return isWhole && this.#source.text.startsWith(this.value, first) ? first : undefined;
  }
}

/**
 * A stretch of decoded text, which lasts until the next segment begins, and the file range it was written as. A literal
 * one was written character for character; any other is one unit, such as an escape. The list is never empty, and its
 * last segment is an empty one at the end.
 */
interface Segment {
  readonly at: number;
  readonly start: number;
  end: number;
  readonly literal: boolean;
}

function writtenRange(segments: readonly Segment[], from: number, to: number): { start: number; end: number } {
  const first = segmentAt(segments, from);
  const start = first.literal ? first.start + (from - first.at) : first.start;
  if (to === from) return { start, end: start };
  const last = segmentAt(segments, to - 1);
  return { start, end: last.literal ? last.start + (to - last.at) : last.end };
}

function segmentAt(segments: readonly Segment[], offset: number): Segment {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((segments[middle]?.at ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return segments[low] ?? { at: 0, start: 0, end: 0, literal: true };
}

function segmentsOf(text: string, style: ScalarStyle, start: number, end: number, value: string): readonly Segment[] {
  const quoted = style === 'single-quoted' || style === 'double-quoted';
  const inside = quoted ? { start: start + 1, end: Math.max(start + 1, end - 1) } : { start, end };
  const decoder = new Decoder(text, inside.start);
  switch (style) {
    case 'plain':
    case 'single-quoted':
      decodeLines(decoder, inside.start, inside.end, style === 'single-quoted');
      break;
    case 'double-quoted':
      decodeDoubleQuoted(decoder, inside.start, inside.end);
      break;
    case 'literal':
    case 'folded':
      decodeBlock(decoder, style, inside.start, inside.end, value);
      break;
  }
  // A scalar that this decoder reads otherwise than the parser did is underlined whole rather than at a wrong place.
  if (decoder.value !== value) {
    return [
      { at: 0, start: inside.start, end: inside.end, literal: false },
      { at: value.length, start: inside.end, end: inside.end, literal: true },
    ];
  }
  return decoder.segments();
}

/** Decodes once more, this time noting where each character came from. */
class Decoder {
  readonly text: string;
  value = '';
  readonly #segments: Segment[] = [];
  #end: number;

  constructor(text: string, start: number) {
    this.text = text;
    this.#end = start;
  }

  /** Characters that stand as they are. */
  literal(start: number, end: number): void {
    if (end <= start) return;
    const last = this.#segments.at(-1);
    if (last?.literal && last.end === start) last.end = end;
    else this.#segments.push({ at: this.value.length, start, end, literal: true });
    this.value += this.text.slice(start, end);
    this.#end = end;
  }

  /** Characters written in another way. */
  replaced(decoded: string, start: number, end: number): void {
    if (decoded === '') return;
    this.#segments.push({ at: this.value.length, start, end, literal: false });
    this.value += decoded;
    this.#end = end;
  }

  segments(): readonly Segment[] {
    this.#segments.push({ at: this.value.length, start: this.#end, end: this.#end, literal: true });
    return this.#segments;
  }
}

interface Break {
  readonly start: number;
  readonly end: number;
}

/** Line breaks between two stretches of content: one is a space, the first of several is dropped. */
function foldBreaks(decoder: Decoder, breaks: readonly Break[]): void {
  const [first, ...more] = breaks;
  if (first === undefined) return;
  if (more.length === 0) decoder.replaced(' ', first.start, first.end);
  for (const each of more) decoder.replaced('\n', each.start, each.end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** Plain and single-quoted scalars: folded lines without their surrounding blanks. */
function decodeLines(decoder: Decoder, start: number, end: number, quoted: boolean): void {
  const { text } = decoder;
  let breaks: Break[] = [];
  let lineStart = start;
  for (;;) {
    const newline = text.indexOf('\n', lineStart);
    const isLast = newline === -1 || newline >= end;
    const breakStart = isLast ? end : text[newline - 1] === '\r' && newline > lineStart ? newline - 1 : newline;
    let from = lineStart;
    let to = breakStart;
    if (lineStart !== start) while (from < to && isBlank(text[from])) from++;
    if (!isLast) while (to > from && isBlank(text[to - 1])) to--;
    if (from < to || lineStart === start || isLast) {
      foldBreaks(decoder, breaks);
      breaks = [];
      if (quoted) decodeDoubledQuotes(decoder, from, to);
      else decoder.literal(from, to);
    }
    if (isLast) return;
    breaks.push({ start: breakStart, end: newline + 1 });
    lineStart = newline + 1;
  }
}

function decodeDoubledQuotes(decoder: Decoder, start: number, end: number): void {
  let from = start;
  for (;;) {
    const quote = decoder.text.indexOf("''", from);
    if (quote === -1 || quote + 2 > end) break;
    decoder.literal(from, quote);
    decoder.replaced("'", quote, quote + 2);
    from = quote + 2;
  }
  decoder.literal(from, end);
}

/** YAML 1.2.2, production 41 and following. */
const escapes: ReadonlyMap<string, string> = new Map([
  ['0', '\0'],
  ['a', '\x07'],
  ['b', '\b'],
  ['t', '\t'],
  ['\t', '\t'],
  ['n', '\n'],
  ['v', '\v'],
  ['f', '\f'],
  ['r', '\r'],
  ['e', '\x1b'],
  [' ', ' '],
  ['"', '"'],
  ['/', '/'],
  ['\\', '\\'],
  ['N', '\x85'],
  ['_', '\xa0'],
  ['L', '\u2028'],
  ['P', '\u2029'],
]);

const hexLength: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);

function decodeDoubleQuoted(decoder: Decoder, start: number, end: number): void {
  const { text } = decoder;
  let i = start;
  let from = start;
  const flush = (): void => decoder.literal(from, i);
  while (i < end) {
    const character = text[i];
    if (character === '\\') {
      flush();
      i = from = decodeEscape(decoder, i, end);
    } else if (isBlank(character) || isLineBreak(text, i)) {
      const blanksStart = i;
      while (i < end && isBlank(text[i])) i++;
      if (i >= end || !isLineBreak(text, i)) continue;
      decoder.literal(from, blanksStart);
      const breaks: Break[] = [];
      while (i < end && (isBlank(text[i]) || isLineBreak(text, i))) {
        if (isBlank(text[i])) {
          i++;
          continue;
        }
        const after = text[i] === '\r' ? i + 2 : i + 1;
        breaks.push({ start: i, end: after });
        i = after;
      }
      foldBreaks(decoder, breaks);
      from = i;
    } else {
      i++;
    }
  }
  flush();
}

function isLineBreak(text: string, offset: number): boolean {
  return text[offset] === '\n' || (text[offset] === '\r' && text[offset + 1] === '\n');
}

/** Decodes the escape at `offset` and answers where reading goes on. */
function decodeEscape(decoder: Decoder, offset: number, end: number): number {
  const { text } = decoder;
  if (isLineBreak(text, offset + 1)) {
    let next = text[offset + 1] === '\r' ? offset + 3 : offset + 2;
    while (next < end && isBlank(text[next])) next++;
    return next;
  }
  const letter = text[offset + 1] ?? '';
  const digits = hexLength.get(letter);
  const next = Math.min(offset + 2 + (digits ?? 0), end);
  if (digits === undefined) {
    decoder.replaced(escapes.get(letter) ?? '', offset, next);
  } else {
    const code = Number.parseInt(text.slice(offset + 2, next), 16);
    if (code <= 0x10ffff) decoder.replaced(String.fromCodePoint(code), offset, next);
  }
  return next;
}

/** A line of a block scalar: `text` from `start`, of which `indent` spaces, up to its break at `end`. */
interface Line {
  readonly start: number;
  readonly indent: number;
  readonly end: number;
  /** Past the line break, or `end` at the end of the scalar. */
  readonly next: number;
}

function isEmpty(line: Line): boolean {
  return line.start + line.indent >= line.end;
}

/** Literal and folded scalars (YAML 1.2.2, chapter 8.1), headers and chomping included. */
function decodeBlock(decoder: Decoder, style: 'literal' | 'folded', start: number, end: number, value: string): void {
  const { text } = decoder;
  const headerEnd = text.indexOf('\n', start);
  if (headerEnd === -1 || headerEnd >= end) {
    if (value === '\n') decoder.replaced('\n', end, end);
    return;
  }
  const keep = /^[|>][0-9]?\+/.test(text.slice(start, start + 3));
  const strip = /^[|>][0-9]?-/.test(text.slice(start, start + 3));
  const lines = linesOf(text, headerEnd + 1, end);
  const addBreakBefore = (index: number): void => {
    const line = lines[index - 1];
    if (line === undefined) decoder.replaced('\n', end, end);
    else decoder.replaced('\n', line.end, line.next);
  };

  let contentEnd = lines.length;
  while (contentEnd > 0 && isEmptyAt(lines, contentEnd - 1)) contentEnd--;
  if (contentEnd === 0) {
    if (keep) for (let i = 1; i <= Math.max(1, lines.length - 1); i++) addBreakBefore(i);
    return;
  }
  const contentStart = lines.findIndex((line) => !isEmpty(line));
  const indentation = indentationOf(lines, contentStart, value);
  for (let i = lines.length - 1; i >= contentEnd; i--) {
    if ((lines[i]?.indent ?? 0) > indentation) contentEnd = i + 1;
  }

  let pending: 'none' | 'space' | 'break' = 'none';
  let afterMoreIndented = false;
  for (const [i, line] of lines.entries()) {
    const from = line.start + Math.min(line.indent, indentation);
    if (i < contentStart) {
      decoder.literal(from, line.start + line.indent);
      addBreakBefore(i + 1);
    } else if (i >= contentEnd) {
      if (!keep) break;
      addBreakBefore(i);
      decoder.literal(from, line.start + line.indent);
    } else if (style === 'literal') {
      if (i > contentStart) addBreakBefore(i);
      decoder.literal(from, line.end);
    } else if (line.indent > indentation || text[line.start + line.indent] === '\t') {
      if (pending === 'break' && !afterMoreIndented) addBreakBefore(i - 1);
      if (pending !== 'none') addBreakBefore(i);
      decoder.literal(from, line.end);
      pending = 'break';
      afterMoreIndented = true;
    } else if (isEmpty(line)) {
      if (pending === 'break') addBreakBefore(i);
      pending = 'break';
    } else {
      const before = lines[i - 1];
      if (pending === 'break') addBreakBefore(i);
      else if (pending === 'space' && before) decoder.replaced(' ', before.end, before.next);
      decoder.literal(from, line.end);
      pending = 'space';
      afterMoreIndented = false;
    }
  }
  if (keep ? !decoder.value.endsWith('\n') : !strip) addBreakBefore(contentEnd);
}

function isEmptyAt(lines: readonly Line[], index: number): boolean {
  const line = lines[index];
  return line === undefined || isEmpty(line);
}

function linesOf(text: string, start: number, end: number): readonly Line[] {
  const lines: Line[] = [];
  let lineStart = start;
  for (;;) {
    const newline = text.indexOf('\n', lineStart);
    const isLast = newline === -1 || newline >= end;
    let lineEnd = isLast ? end : newline;
    if (lineEnd > lineStart && text[lineEnd - 1] === '\r' && !isLast) lineEnd--;
    let indent = 0;
    while (lineStart + indent < lineEnd && text[lineStart + indent] === ' ') indent++;
    lines.push({ start: lineStart, indent, end: lineEnd, next: isLast ? lineEnd : newline + 1 });
    if (isLast) return lines;
    lineStart = newline + 1;
  }
}

/**
 * How many columns were cut off each line. An indentation indicator counts from the parent node, which is not known
 * here; the decoded first content line tells it.
 */
function indentationOf(lines: readonly Line[], contentStart: number, value: string): number {
  let at = 0;
  for (let i = 0; i < contentStart; i++) at = value.indexOf('\n', at) + 1;
  let kept = 0;
  while (value[at + kept] === ' ') kept++;
  return Math.max(0, (lines[contentStart]?.indent ?? 0) - kept);
}

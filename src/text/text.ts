import type { Source, Span } from './source.ts';

/**
 * Decoded text (a YAML scalar's value, a rule) that still knows where each of its characters was written.
 * Offsets given to `span` are UTF-16 offsets into `value`, half open; the answer points into the file.
 */
export interface Text {
  readonly value: string;
  span(start: number, end: number): Span;
}

/** Text that stands in `source` exactly as written, from `offset` on. */
export function plainText(source: Source, value = source.text, offset = 0): Text {
  return {
    value,
    span: (start, end) => ({ source, start: offset + start, end: offset + end }),
  };
}

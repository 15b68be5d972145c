import type { DocumentNode, MapEntry, ScalarNode } from './document.ts';
import { scalarText, type ScalarStyle } from './segment-map.ts';
import type { Source, Span } from './source.ts';
import type { Text } from './text.ts';

/** Where a scalar stands in its source; the end of a block scalar is that of its last line break. */
export interface Written {
  readonly source: Source;
  readonly style: ScalarStyle;
  readonly start: number;
  readonly end: number;
}

/** A scalar of a source. Text and span are made when asked for: a large document has many scalars that nobody asks. */
export class WrittenScalar implements ScalarNode, Written {
  readonly kind = 'scalar';
  readonly value: ScalarNode['value'];
  readonly source: Source;
  readonly style: ScalarStyle;
  readonly start: number;
  readonly end: number;
  readonly #decoded: string;

  constructor({ source, style, start, end }: Written, value: ScalarNode['value'], decoded: string) {
    this.value = value;
    this.source = source;
    this.style = style;
    this.start = start;
    this.end = end;
    this.#decoded = decoded;
  }

  get text(): Text {
    return scalarText(this.source, this.style, this.start, this.end, this.#decoded);
  }

  get span(): Span {
    const block = this.style === 'literal' || this.style === 'folded';
    const end = block ? withoutBreaks(this.source, this.end) : this.end;
    return { source: this.source, start: this.start, end };
  }
}

/** An entry of a map of a source; what is said of scalars holds for its key. */
export class WrittenEntry implements MapEntry, Written {
  readonly key: string;
  readonly value: DocumentNode;
  readonly source: Source;
  readonly style: ScalarStyle;
  readonly start: number;
  readonly end: number;

  constructor({ source, style, start, end }: Written, key: string, value: DocumentNode) {
    this.key = key;
    this.value = value;
    this.source = source;
    this.style = style;
    this.start = start;
    this.end = end;
  }

  get keyText(): Text {
    return scalarText(this.source, this.style, this.start, this.end, this.key);
  }

  get keySpan(): Span {
    return { source: this.source, start: this.start, end: this.end };
  }
}

/** `end` without the line breaks before it. */
export function withoutBreaks({ text }: Source, end: number): number {
  let last = end;
  while (text[last - 1] === '\n' || text[last - 1] === '\r') last -= 1;
  return last;
}

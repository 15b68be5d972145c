import type { DocumentNode, MapEntry, ScalarNode } from './document.ts';
import { scalarText, writtenScalar, type ScalarStyle } from './segment-map.ts';
import type { Source, Span } from './source.ts';
import type { Text } from './text.ts';

/**
 * A document as numbers, which threads hand over without copying and files hold as they are: each node is a record of
 * `words`, parents before what is in them. Values are named by an index, an equal one by the same. The text of the source
 * is left out.
 */
export interface PackedDocument {
  readonly words: Uint32Array;
  /** Start and end of each text that the source holds as it is; its index is twice its place here. */
  readonly literals: Uint32Array;
  /** Every other value; its index is twice its place here, and one more. */
  readonly decoded: readonly ScalarNode['value'][];
  /** Where the records of nodes begin that aliases stand for. */
  readonly shared: readonly number[];
}

// The first word of a record: its kind, and the style of a scalar above it.
const MAP = 0;
const SEQUENCE = 1;
/** Of a scalar written character for character: start, end and value. */
const LITERAL = 2;
/** Of any other scalar: start, end, value, and start and end of its text. */
const DECODED = 3;
/** Start of the record of the node that is meant. */
const SHARED = 4;
const KIND_BITS = 3;
const KIND = (1 << KIND_BITS) - 1;

/** Words before what is in a map or sequence: first word, start, end, how many are in it, and how long its record is. */
const HEAD = 5;
const LITERAL_WORDS = 4;
const DECODED_WORDS = 6;
const SHARED_WORDS = 2;

const STYLES: readonly ScalarStyle[] = ['plain', 'single-quoted', 'double-quoted', 'literal', 'folded'];

/** `root` as read from one source. */
export function packDocument(root: DocumentNode): PackedDocument {
  return new Packer().pack(root);
}

class Packer {
  #words = new Uint32Array(1024);
  #length = 0;
  readonly #literals: number[] = [];
  readonly #literalIndexes = new Map<string, number>();
  readonly #decoded: ScalarNode['value'][] = [];
  readonly #decodedIndexes = new Map<ScalarNode['value'], number>();
  readonly #places = new Map<DocumentNode, number>();
  readonly #shared = new Set<number>();

  pack(root: DocumentNode): PackedDocument {
    this.#node(root);
    return {
      words: this.#words.slice(0, this.#length),
      literals: Uint32Array.from(this.#literals),
      decoded: this.#decoded,
      shared: [...this.#shared],
    };
  }

  #node(node: DocumentNode): void {
    if (node.kind === 'scalar') {
      this.#scalar(node.value, node.text, node.span);
      return;
    }
    const known = this.#places.get(node);
    if (known !== undefined) {
      this.#shared.add(known);
      this.#put(SHARED, known);
      return;
    }
    const at = this.#length;
    this.#places.set(node, at);
    const { start, end } = node.span;
    if (node.kind === 'map') {
      this.#put(MAP, start, end, node.entries.length, 0);
      for (const { key, keyText, keySpan, value } of node.entries) {
        this.#scalar(key, keyText, keySpan);
        this.#node(value);
      }
    } else {
      this.#put(SEQUENCE, start, end, node.items.length, 0);
      for (const item of node.items) this.#node(item);
    }
    this.#words[at + HEAD - 1] = this.#length - at;
  }

  #scalar(value: ScalarNode['value'], text: Text, { source, start, end }: Span): void {
    // A null that stands for something else has a place and no text.
    const written = writtenScalar(text) ?? { style: 'plain', start, end: start + text.value.length };
    const style = STYLES.indexOf(written.style) << KIND_BITS;
    const quotes = quotesOf(written.style);
    const isLiteral =
      written.start === start &&
      written.end === end &&
      text.value.length === end - start - 2 * quotes &&
      source.text.startsWith(text.value, start + quotes);
    const index =
      isLiteral && typeof value === 'string' ? this.#literalIndex(value, start + quotes) : this.#decodedIndex(value);
    if (isLiteral) this.#put(LITERAL | style, start, end, index);
    else this.#put(DECODED | style, start, end, index, written.start, written.end);
  }

  #literalIndex(value: string, start: number): number {
    const known = this.#literalIndexes.get(value);
    if (known !== undefined) return known;
    const index = this.#literals.length;
    this.#literals.push(start, start + value.length);
    this.#literalIndexes.set(value, index);
    return index;
  }

  #decodedIndex(value: ScalarNode['value']): number {
    const known = this.#decodedIndexes.get(value);
    if (known !== undefined) return known;
    const index = 2 * this.#decoded.length + 1;
    this.#decoded.push(value);
    this.#decodedIndexes.set(value, index);
    return index;
  }

  #put(...words: readonly number[]): void {
    if (this.#length + words.length > this.#words.length) {
      const more = new Uint32Array(this.#words.length * 2);
      more.set(this.#words);
      this.#words = more;
    }
    this.#words.set(words, this.#length);
    this.#length += words.length;
  }
}

/** How many characters of a scalar of the style stand before and behind its content. */
function quotesOf(style: ScalarStyle | undefined): 0 | 1 {
  return style === 'single-quoted' || style === 'double-quoted' ? 1 : 0;
}

/** The document again, read from `source`. What is in a map or sequence is made when it is first looked at. */
export function unpackDocument(packed: PackedDocument, source: Source): DocumentNode {
  return new Unpacker(packed, source).node(0);
}

class Unpacker {
  readonly #words: Uint32Array;
  readonly #source: Source;
  readonly #literals: Uint32Array;
  readonly #decoded: readonly ScalarNode['value'][];
  /** Texts of the source read so far, by their place in `literals`. */
  readonly #texts: string[] = [];
  readonly #shared: ReadonlySet<number>;
  readonly #made = new Map<number, DocumentNode>();

  constructor({ words, literals, decoded, shared }: PackedDocument, source: Source) {
    this.#words = words;
    this.#source = source;
    this.#literals = literals;
    this.#decoded = decoded;
    this.#shared = new Set(shared);
  }

  node(at: number): DocumentNode {
    switch (this.#word(at) & KIND) {
      case MAP:
      case SEQUENCE:
        return this.#shared.size === 0 || !this.#shared.has(at) ? this.#collection(at) : this.#madeOnce(at);
      case SHARED:
        return this.node(this.#word(at + 1));
      default: {
        const value = this.#value(at);
        return { kind: 'scalar', value, text: this.#text(at, value), span: this.#span(at) };
      }
    }
  }

  #madeOnce(at: number): DocumentNode {
    const made = this.#made.get(at) ?? this.#collection(at);
    this.#made.set(at, made);
    return made;
  }

  #collection(at: number): DocumentNode {
    const span = this.#span(at);
    if ((this.#word(at) & KIND) === MAP) {
      let entries: readonly MapEntry[] | undefined;
      const read = (): readonly MapEntry[] => (entries ??= this.#entries(at));
      return {
        kind: 'map',
        get entries() {
          return read();
        },
        span,
      };
    }
    let items: readonly DocumentNode[] | undefined;
    const read = (): readonly DocumentNode[] => (items ??= this.#items(at));
    return {
      kind: 'sequence',
      get items() {
        return read();
      },
      span,
    };
  }

  #items(of: number): readonly DocumentNode[] {
    const items: DocumentNode[] = [];
    let at = of + HEAD;
    for (let left = this.#word(of + 3); left > 0; left -= 1) {
      items.push(this.node(at));
      at = this.#after(at);
    }
    return items;
  }

  #entries(of: number): readonly MapEntry[] {
    const entries: MapEntry[] = [];
    let at = of + HEAD;
    for (let left = this.#word(of + 3); left > 0; left -= 1) {
      const keyText = this.#text(at, this.#value(at));
      const keySpan = this.#span(at);
      at = this.#after(at);
      entries.push({ key: keyText.value, keyText, keySpan, value: this.node(at) });
      at = this.#after(at);
    }
    return entries;
  }

  /** Where the record behind the one at `at` begins. */
  #after(at: number): number {
    switch (this.#word(at) & KIND) {
      case LITERAL:
        return at + LITERAL_WORDS;
      case DECODED:
        return at + DECODED_WORDS;
      case SHARED:
        return at + SHARED_WORDS;
      default:
        return at + this.#word(at + HEAD - 1);
    }
  }

  #word(at: number): number {
    return this.#words[at] ?? 0;
  }

  #value(at: number): ScalarNode['value'] {
    const index = this.#word(at + 3);
    return index % 2 === 0 ? this.#literal(index) : (this.#decoded[index >> 1] ?? null);
  }

  #literal(index: number): string {
    const place = index >> 1;
    const text = this.#texts[place] ?? this.#source.text.slice(this.#literals[index], this.#literals[index + 1]);
    this.#texts[place] = text;
    return text;
  }

  #span(at: number): Span {
    return { source: this.#source, start: this.#word(at + 1), end: this.#word(at + 2) };
  }

  #text(at: number, value: ScalarNode['value']): Text {
    const first = this.#word(at);
    const decoded = (first & KIND) === DECODED;
    const start = this.#word(decoded ? at + 4 : at + 1);
    const end = this.#word(decoded ? at + 5 : at + 2);
    const written = typeof value === 'string' ? value : this.#source.text.slice(start, end);
    const style = STYLES[first >> KIND_BITS] ?? 'plain';
    return decoded
      ? scalarText(this.#source, style, start, end, written)
      : new LiteralText(this.#source, start + quotesOf(style), written);
  }
}

/** Text written character for character from `offset` on. */
class LiteralText implements Text {
  readonly value: string;
  readonly #source: Source;
  readonly #offset: number;

  constructor(source: Source, offset: number, value: string) {
    this.value = value;
    this.#source = source;
    this.#offset = offset;
  }

  span(start: number, end: number): Span {
    const from = Math.min(Math.max(start, 0), this.value.length);
    const to = Math.min(Math.max(end, from), this.value.length);
    return { source: this.#source, start: this.#offset + from, end: this.#offset + to };
  }
}

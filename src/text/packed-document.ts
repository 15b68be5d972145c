import type { DocumentNode, MapEntry, MapNode, ScalarNode, SequenceNode } from './document.ts';
import type { ScalarStyle } from './segment-map.ts';
import type { Source, Span } from './source.ts';
import { WrittenEntry, WrittenScalar, type Written } from './written-node.ts';

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
const SCALAR = 2;
/** A null that stands for something else: it has a place and no text. */
const STAND_IN = 3;
/** Start of the record of the node that is meant. */
const SHARED = 4;
const KIND_BITS = 3;
const KIND = (1 << KIND_BITS) - 1;

/** Words before what is in a map or sequence: first word, start, end, how many are in it, and how long its record is. */
const HEAD = 5;
/** First word, start, end, value. */
const SCALAR_WORDS = 4;
const SHARED_WORDS = 2;

const STYLES: readonly ScalarStyle[] = ['plain', 'single-quoted', 'double-quoted', 'literal', 'folded'];

/** `root` as read from one source. Throws for nodes that were made in another way. */
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
      if (!(node instanceof WrittenScalar)) throw new TypeError('not a node of a source');
      const isStandIn = node.value === null && node.end > node.start && node.text.value === '';
      this.#scalar(isStandIn ? STAND_IN : SCALAR, node, node.value);
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
      for (const entry of node.entries) {
        if (!(entry instanceof WrittenEntry)) throw new TypeError('not an entry of a source');
        this.#scalar(SCALAR, entry, entry.key);
        this.#node(entry.value);
      }
    } else {
      this.#put(SEQUENCE, start, end, node.items.length, 0);
      for (const item of node.items) this.#node(item);
    }
    this.#words[at + HEAD - 1] = this.#length - at;
  }

  #scalar(kind: number, { source, style, start, end }: Written, value: ScalarNode['value']): void {
    const from = style === 'single-quoted' || style === 'double-quoted' ? start + 1 : start;
    const isLiteral = typeof value === 'string' && source.text.startsWith(value, from);
    const index = isLiteral ? this.#literalIndex(value, from) : this.#decodedIndex(value);
    this.#put(kind | (STYLES.indexOf(style) << KIND_BITS), start, end, index);
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

/**
 * The document again, read from `source`. What is in a map or sequence is made when it is looked at, and once more when it
 * is looked at again after much else, so that a large document is never there as a whole. Of nodes that aliases stand for
 * there is one.
 */
export function unpackDocument(packed: PackedDocument, source: Source): DocumentNode {
  return new Unpacker(packed, source).node(0);
}

/** How many maps and sequences are remembered with what is in them: far more than one section has. */
const REMEMBERED = 256;

/** What is in the map or sequence at `at`, and where that is remembered. */
interface Content {
  readonly at: number;
  readonly slot: number;
  readonly entries: readonly MapEntry[];
  readonly items: readonly DocumentNode[];
}

const NONE: readonly never[] = [];

class Unpacker {
  readonly #words: Uint32Array;
  readonly #source: Source;
  readonly #literals: Uint32Array;
  readonly #decoded: readonly ScalarNode['value'][];
  /** Texts of the source read so far, by their place in `literals`. */
  readonly #texts: string[] = [];
  readonly #shared: ReadonlySet<number>;
  readonly #made = new Map<number, DocumentNode>();
  readonly #remembered: Content[] = [];
  readonly #limit: number;
  #reads = 0;

  constructor({ words, literals, decoded, shared }: PackedDocument, source: Source) {
    this.#words = words;
    this.#source = source;
    this.#literals = literals;
    this.#decoded = decoded;
    this.#shared = new Set(shared);
    this.#limit = shared.length === 0 ? REMEMBERED : Infinity;
  }

  node(at: number): DocumentNode {
    const first = this.#word(at);
    switch (first & KIND) {
      case MAP:
      case SEQUENCE:
        return this.#shared.size === 0 || !this.#shared.has(at) ? this.#collection(at) : this.#madeOnce(at);
      case SHARED:
        return this.node(this.#word(at + 1));
      default: {
        const written = this.#written(at);
        const value = this.#value(at);
        const text = typeof value === 'string' ? value : this.#source.text.slice(written.start, written.end);
        return new WrittenScalar(written, value, (first & KIND) === STAND_IN ? '' : text);
      }
    }
  }

  span(at: number): Span {
    return { source: this.#source, start: this.#word(at + 1), end: this.#word(at + 2) };
  }

  /** What is in the map or sequence at `at`; undefined when `slot` remembers it no more. */
  content(at: number, slot: number): Content | undefined {
    const known = this.#remembered[slot];
    return known?.at === at ? known : undefined;
  }

  /** Reads what is in the map or sequence at `at`. */
  read(at: number): Content {
    const slot = this.#reads % this.#limit;
    this.#reads += 1;
    const isMap = (this.#word(at) & KIND) === MAP;
    const content = { at, slot, entries: isMap ? this.#entries(at) : NONE, items: isMap ? NONE : this.#items(at) };
    this.#remembered[slot] = content;
    return content;
  }

  #madeOnce(at: number): DocumentNode {
    const made = this.#made.get(at) ?? this.#collection(at);
    this.#made.set(at, made);
    return made;
  }

  #collection(at: number): DocumentNode {
    return (this.#word(at) & KIND) === MAP ? new PackedMap(this, at) : new PackedSequence(this, at);
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
      const key = this.#value(at);
      const value = this.node(at + SCALAR_WORDS);
      entries.push(new WrittenEntry(this.#written(at), typeof key === 'string' ? key : '', value));
      at = this.#after(at + SCALAR_WORDS);
    }
    return entries;
  }

  /** Where the record behind the one at `at` begins. */
  #after(at: number): number {
    switch (this.#word(at) & KIND) {
      case MAP:
      case SEQUENCE:
        return at + this.#word(at + HEAD - 1);
      case SHARED:
        return at + SHARED_WORDS;
      default:
        return at + SCALAR_WORDS;
    }
  }

  #word(at: number): number {
    return this.#words[at] ?? 0;
  }

  #written(at: number): Written {
    const style = STYLES[this.#word(at) >> KIND_BITS] ?? 'plain';
    return { source: this.#source, style, start: this.#word(at + 1), end: this.#word(at + 2) };
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
}

class PackedMap implements MapNode {
  readonly kind = 'map';
  readonly #from: Unpacker;
  readonly #at: number;
  #slot = 0;

  constructor(from: Unpacker, at: number) {
    this.#from = from;
    this.#at = at;
  }

  get span(): Span {
    return this.#from.span(this.#at);
  }

  get entries(): readonly MapEntry[] {
    const content = this.#from.content(this.#at, this.#slot) ?? this.#from.read(this.#at);
    this.#slot = content.slot;
    return content.entries;
  }
}

class PackedSequence implements SequenceNode {
  readonly kind = 'sequence';
  readonly #from: Unpacker;
  readonly #at: number;
  #slot = 0;

  constructor(from: Unpacker, at: number) {
    this.#from = from;
    this.#at = at;
  }

  get span(): Span {
    return this.#from.span(this.#at);
  }

  get items(): readonly DocumentNode[] {
    const content = this.#from.content(this.#at, this.#slot) ?? this.#from.read(this.#at);
    this.#slot = content.slot;
    return content.items;
  }
}

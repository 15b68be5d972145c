import { CST, isScalar, Lexer, Parser, Schema, type ScalarTag } from 'yaml';
import type { DocumentNode, MapEntry, ScalarNode } from '../text/document.ts';
import type { ScalarStyle } from '../text/segment-map.ts';
import type { Source } from '../text/source.ts';
import { withoutBreaks, WrittenEntry, WrittenScalar } from '../text/written-node.ts';
import { unfitCharacter } from './characters.ts';
import { MAX_DEPTH, MAX_TOKENS } from './document-limits.ts';
import { isUnsafeKey } from './unsafe-key.ts';

/** Entries of the longest list that are read before the parser goes on, so that few of its tokens are held at a time. */
const PORTION = 64;
/** The parser may still come back to the last two entries of a list. */
const OPEN_ENTRIES = 2;
/** Between an implicit key and its colon (YAML 1.2.2, chapter 7.4). */
const MAX_KEY_DISTANCE = 1024;
/** What no plain scalar begins with (YAML 1.2.2, production 126), as far as the lexer takes it for one. */
const BAD_START = /^[\t,%|>@`]/;
/** What plain scalars begin with that are no strings. */
const MAYBE_TAGGED = /^(?:[~nNtTfF0-9.+-]|$)/;
/** Of the core schema. */
const scalarTags = new Schema({ schema: 'core', merge: false, resolveKnownTags: false }).tags.filter(
  (tag): tag is ScalarTag => tag.collection === undefined && tag.default === true,
);

/**
 * The tree of a document that nothing is wrong with and that is written with nothing but block and flow collections,
 * scalars and comments. Undefined for every other one: then the whole of it has to be composed, which takes longer and
 * says what is wrong. Makes of the parser's tokens what the composer of `yaml` and `readDocument` make of them.
 */
export function readPlainDocument(source: Source): DocumentNode | undefined {
  const parser = new Parser();
  const reader = new PlainReader(source);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(source.text)) {
    for (const token of parser.next(lexeme)) if (!reader.take(token)) return undefined;
    lexemes += 1;
    const { stack } = parser;
    if (stack.length > MAX_DEPTH || lexemes > MAX_TOKENS) return undefined;
    const list = stack[2];
    if (list?.type === 'block-seq' && list.items.length > PORTION + OPEN_ENTRIES && !reader.takeEntries(list)) {
      return undefined;
    }
  }
  for (const token of parser.end()) if (!reader.take(token)) return undefined;
  return reader.root;
}

type Scalar = CST.FlowScalar | CST.BlockScalar;
type MapItem = CST.BlockMap['items'][number];

/** What stands before a node: blanks, comments and at most one indicator. */
interface Properties {
  readonly found: CST.SourceToken | undefined;
  readonly hasNewline: boolean;
  readonly hasComment: boolean;
}

/** Makes nodes of the parser's tokens. Every method that reads answers undefined, or false, to what is not plain. */
class PlainReader {
  root: DocumentNode | undefined;
  readonly #source: Source;
  /** Entries that were read of lists that the parser still reads. */
  readonly #taken = new Map<CST.BlockSequence, DocumentNode[]>();
  readonly #texts = new Map<string, string>();
  /** Of the node read last: where its value ends, and where the blanks and comments behind it do. */
  #valueEnd = 0;
  #nodeEnd = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  /** A token of the stream. */
  take(token: CST.Token): boolean {
    switch (token.type) {
      case 'byte-order-mark':
      case 'space':
      case 'comment':
      case 'newline':
        return true;
      case 'document':
        this.root = this.root === undefined ? this.#document(token) : undefined;
        return this.root !== undefined;
      default:
        return false;
    }
  }

  /** Reads all entries of `list` but the last ones, and takes them from it. */
  takeEntries(list: CST.BlockSequence): boolean {
    const read = this.#taken.get(list) ?? [];
    this.#taken.set(list, read);
    for (const item of list.items.splice(0, list.items.length - OPEN_ENTRIES)) {
      const node = this.#listEntry(item, list.indent);
      if (node === undefined) return false;
      read.push(node);
    }
    return true;
  }

  #document({ start, value, end }: CST.Document): DocumentNode | undefined {
    const properties = propertiesOf(start, 'doc-start', true);
    if (properties === undefined || (properties.found !== undefined && !properties.hasNewline)) return undefined;
    if (value === undefined || widthOf(end, true) === undefined) return undefined;
    if (value.type !== 'block-map' && value.type !== 'block-seq' && value.type !== 'flow-collection') return undefined;
    return this.#node(value);
  }

  #node(token: CST.Token): DocumentNode | undefined {
    switch (token.type) {
      case 'scalar':
      case 'single-quoted-scalar':
      case 'double-quoted-scalar':
      case 'block-scalar':
        return this.#scalar(token);
      case 'block-map':
        return this.#map(token);
      case 'block-seq':
        return this.#list(token);
      case 'flow-collection':
        return token.start.source === '{' ? this.#flowMap(token) : this.#flowList(token);
      default:
        return undefined;
    }
  }

  #list(list: CST.BlockSequence): DocumentNode | undefined {
    const rest = restOf(list);
    const listed = rest === undefined ? list.items : list.items.slice(0, -1);
    this.#nodeEnd = list.offset;
    const nodes = listed.map((item) => this.#listEntry(item, list.indent));
    if (!isComplete(nodes)) return undefined;
    const end = nodes.length === 0 ? list.offset : this.#valueEnd;
    this.#endBlock(rest);
    const taken = this.#taken.get(list);
    const items = taken === undefined ? nodes : [...taken, ...nodes];
    return { kind: 'sequence', items, span: this.#blockSpan(list.offset, end) };
  }

  #listEntry({ start, value }: CST.BlockSequence['items'][number], indent: number): DocumentNode | undefined {
    const properties = propertiesOf(start, 'seq-item-ind', true);
    if (properties?.found === undefined) return undefined;
    if (value === undefined) return this.#nothing(start, properties);
    return value.type === 'block-seq' && value.indent <= indent ? undefined : this.#node(value);
  }

  #map(map: CST.BlockMap): DocumentNode | undefined {
    const rest = restOf(map);
    const written = rest === undefined ? map.items : map.items.slice(0, -1);
    this.#nodeEnd = map.offset;
    const entries = written.map((item) => this.#mapEntry(item, map.indent));
    if (!isComplete(entries) || !areUnique(entries)) return undefined;
    const end = entries.length === 0 ? map.offset : this.#valueEnd;
    this.#endBlock(rest);
    return { kind: 'map', entries, span: this.#blockSpan(map.offset, end) };
  }

  /** Takes note of where a block collection ends, of which `rest` is the last part. */
  #endBlock(rest: CST.CollectionItem | undefined): void {
    this.#valueEnd = this.#nodeEnd;
    if (rest !== undefined) this.#nodeEnd = endOf(rest.start, this.#nodeEnd);
  }

  #mapEntry({ start, key, sep, value }: MapItem, indent: number): MapEntry | undefined {
    if (key?.type !== 'scalar' && key?.type !== 'single-quoted-scalar' && key?.type !== 'double-quoted-scalar') return;
    if (sep === undefined) return undefined;
    const before = propertiesOf(start, undefined, true);
    const properties = propertiesOf(sep, 'map-value-ind', false);
    if (before === undefined || properties?.found === undefined || key.indent !== indent) return undefined;
    if (properties.found.offset - key.offset > MAX_KEY_DISTANCE) return undefined;
    if (value?.type === 'block-map' && !properties.hasNewline) return undefined;
    const name = this.#key(key);
    if (name === undefined) return undefined;
    const node = value === undefined ? this.#nothing(sep, properties) : this.#node(value);
    return node && this.#entry(key, name, node);
  }

  #flowMap(map: CST.FlowCollection): DocumentNode | undefined {
    const entries: MapEntry[] = [];
    const keys = new Set<string>();
    for (const item of map.items) {
      if (!separates(item, map)) return undefined;
      const { key, sep, value } = item;
      if (isBare(item)) continue;
      if (key?.type !== 'scalar' && key?.type !== 'single-quoted-scalar' && key?.type !== 'double-quoted-scalar')
        return;
      const properties = sep && propertiesOf(sep, 'map-value-ind', false);
      if (properties?.found === undefined || value === undefined) return undefined;
      const name = this.#key(key);
      if (name === undefined || keys.has(name)) return undefined;
      const node = this.#flowNode(value);
      if (node === undefined) return undefined;
      keys.add(name);
      entries.push(this.#entry(key, name, node));
    }
    return this.#endFlow(map, '}') ? { kind: 'map', entries, span: this.#span(map.offset, this.#valueEnd) } : undefined;
  }

  #flowList(list: CST.FlowCollection): DocumentNode | undefined {
    const items: DocumentNode[] = [];
    for (const item of list.items) {
      if (!separates(item, list)) return undefined;
      if (isBare(item)) continue;
      const node = item.key || item.sep || item.value === undefined ? undefined : this.#flowNode(item.value);
      if (node === undefined) return undefined;
      items.push(node);
    }
    return this.#endFlow(list, ']')
      ? { kind: 'sequence', items, span: this.#span(list.offset, this.#valueEnd) }
      : undefined;
  }

  #flowNode(token: CST.Token): DocumentNode | undefined {
    return token.type === 'block-map' || token.type === 'block-seq' ? undefined : this.#node(token);
  }

  /** Takes note of where a flow collection ends; false when it does not. */
  #endFlow({ end: [mark, ...rest] }: CST.FlowCollection, expected: '}' | ']'): boolean {
    const width = widthOf(rest, false);
    if (mark?.source !== expected || width === undefined) return false;
    this.#valueEnd = mark.offset + 1;
    this.#nodeEnd = this.#valueEnd + width;
    return true;
  }

  #scalar(token: Scalar): ScalarNode | undefined {
    const decoded = this.#decode(token);
    if (decoded === undefined) return undefined;
    const style = styleOf(token);
    const written = { source: this.#source, style, start: token.offset, end: this.#valueEnd };
    const tag = style === 'plain' ? tagOf(decoded) : undefined;
    if (tag === undefined) {
      const text = this.#shared(decoded);
      return new WrittenScalar(written, text, text);
    }
    const resolved = tag.resolve(decoded, () => undefined, {});
    const value = isScalar(resolved) ? resolved.value : resolved;
    return isPlainValue(value) ? new WrittenScalar(written, value, decoded) : undefined;
  }

  /** The one string of all that are equal. */
  #shared(text: string): string {
    const known = this.#texts.get(text);
    if (known === undefined) this.#texts.set(text, text);
    return known ?? text;
  }

  /** The text of a scalar. */
  #decode(token: Scalar): string | undefined {
    const { source } = token;
    if (token.type === 'block-scalar' || !isWrittenOut(token)) return this.#decodeEscapes(token);
    const width = widthOf(token.end, false);
    if (width === undefined) return undefined;
    this.#valueEnd = token.offset + source.length;
    this.#nodeEnd = this.#valueEnd + width;
    if (token.type === 'scalar') return BAD_START.test(source) ? undefined : source;
    return source.slice(1, -1);
  }

  #decodeEscapes(token: Scalar): string | undefined {
    let wrong = false;
    const resolved = CST.resolveAsScalar(token, true, () => (wrong = true));
    if (wrong || unfitCharacter(resolved.value) !== undefined) return undefined;
    [, this.#valueEnd, this.#nodeEnd] = resolved.range;
    return resolved.value;
  }

  #key(token: CST.FlowScalar): string | undefined {
    if (token.source.includes('\n') || token.end !== undefined) return undefined;
    const decoded = this.#decode(token);
    if (decoded === undefined || isUnsafeKey(decoded)) return undefined;
    if (token.type === 'scalar' && (decoded === '<<' || tagOf(decoded) !== undefined)) return undefined;
    return this.#shared(decoded);
  }

  #entry(key: CST.FlowScalar, name: string, value: DocumentNode): MapEntry {
    const { offset, source } = key;
    const written = { source: this.#source, style: styleOf(key), start: offset, end: offset + source.length };
    return new WrittenEntry(written, name, value);
  }

  /** The value that is not written behind an indicator. It stands behind the blanks of the line. */
  #nothing(before: readonly CST.SourceToken[], { found, hasComment }: Properties): ScalarNode | undefined {
    if (found === undefined) return undefined;
    let at = found.offset + found.source.length;
    for (let i = before.indexOf(found) + 1; before[i]?.type === 'space'; i++) at += before[i]?.source.length ?? 0;
    this.#valueEnd = at;
    this.#nodeEnd = hasComment ? endOf(before, at) : at;
    return new WrittenScalar({ source: this.#source, style: 'plain', start: at, end: at }, null, '');
  }

  #span(start: number, end: number): DocumentNode['span'] {
    return { source: this.#source, start, end };
  }

  #blockSpan(start: number, end: number): DocumentNode['span'] {
    return this.#span(start, withoutBreaks(this.#source, end));
  }
}

/** Undefined when something else stands there, or something that YAML asks for is missing. */
function propertiesOf(
  tokens: readonly CST.SourceToken[],
  indicator: CST.SourceToken['type'] | undefined,
  atNewline: boolean,
): Properties | undefined {
  let found: CST.SourceToken | undefined;
  let hasNewline = false;
  let hasComment = false;
  let hasSpace = atNewline;
  for (const token of tokens) {
    switch (token.type) {
      case 'space':
        if (token.source.includes('\t')) return undefined;
        hasSpace = true;
        break;
      case 'newline':
        hasNewline = true;
        hasSpace = true;
        break;
      case 'comment':
        if (!hasSpace) return undefined;
        hasComment = true;
        break;
      default:
        if (token.type !== indicator || found !== undefined) return undefined;
        found = token;
        hasSpace = false;
    }
  }
  return { found, hasNewline, hasComment };
}

/** How long the blanks and comments behind a node are; undefined when something else stands there. */
function widthOf(tokens: readonly CST.SourceToken[] | undefined, afterSpace: boolean): number | undefined {
  let width = 0;
  let hasSpace = afterSpace;
  for (const { type, source } of tokens ?? []) {
    if (type === 'space' || type === 'newline') hasSpace = true;
    else if (type !== 'comment' || !hasSpace) return undefined;
    width += source.length;
  }
  return width;
}

function isComplete<Item>(items: readonly (Item | undefined)[]): items is readonly Item[] {
  return !items.includes(undefined);
}

function areUnique(entries: readonly MapEntry[]): boolean {
  return entries.length < 2 || new Set(entries.map(({ key }) => key)).size === entries.length;
}

function endOf(tokens: readonly CST.SourceToken[], otherwise: number): number {
  const last = tokens.at(-1);
  return last === undefined ? otherwise : last.offset + last.source.length;
}

/** The blanks and comments behind the last entry, which the parser takes for one more. */
function restOf<Item extends CST.CollectionItem>({ items }: { readonly items: readonly Item[] }): Item | undefined {
  const last = items.at(-1);
  return last !== undefined && isBare(last) && propertiesOf(last.start, undefined, true) !== undefined
    ? last
    : undefined;
}

function isBare({ key, sep, value }: CST.CollectionItem): boolean {
  return key === undefined && sep === undefined && value === undefined;
}

/** Whether there is a comma before an entry of a flow collection, unless it is the first one or nothing but the rest. */
function separates(item: CST.CollectionItem, { items }: CST.FlowCollection): boolean {
  const properties = propertiesOf(item.start, 'comma', false);
  if (properties === undefined) return false;
  if (item === items[0]) return properties.found === undefined && (!isBare(item) || items.length === 1);
  return isBare(item) ? item === items.at(-1) : properties.found !== undefined;
}

/** Whether the text of a scalar is what stands between its quotes. */
function isWrittenOut({ type, source }: CST.FlowScalar): boolean {
  if (source.includes('\n')) return false;
  switch (type) {
    case 'scalar':
      return true;
    case 'single-quoted-scalar':
      return source.length > 1 && source.endsWith("'") && !source.includes("''", 1);
    case 'double-quoted-scalar':
      return source.length > 1 && source.endsWith('"') && !source.includes('\\');
    case 'alias':
      return false;
  }
}

function styleOf(token: Scalar): ScalarStyle {
  switch (token.type) {
    case 'scalar':
    case 'alias':
      return 'plain';
    case 'single-quoted-scalar':
      return 'single-quoted';
    case 'double-quoted-scalar':
      return 'double-quoted';
    case 'block-scalar':
      return token.props[0] !== undefined && 'source' in token.props[0] && token.props[0].source.startsWith('>')
        ? 'folded'
        : 'literal';
  }
}

/** The tag that a plain scalar gets unless it is a string. */
function tagOf(text: string): ScalarTag | undefined {
  return MAYBE_TAGGED.test(text) ? scalarTags.find(({ test }) => test?.test(text)) : undefined;
}

/** Numbers that need a second look are left to others. */
function isPlainValue(value: unknown): value is number | boolean | null {
  if (typeof value !== 'number') return typeof value === 'boolean' || value === null;
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
}

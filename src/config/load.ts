import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  Lexer,
  Parser,
  type ParsedNode,
  type Scalar,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Report } from '../diagnostics/report.ts';
import {
  type DocumentNode,
  isNull,
  type MapEntry,
  type MapNode,
  type ScalarNode,
  type SequenceNode,
} from '../text/document.ts';
import type { ScalarStyle } from '../text/segment-map.ts';
import type { Source, Span } from '../text/source.ts';
import { withoutBreaks, WrittenEntry, WrittenScalar } from '../text/written-node.ts';
import { checkCharacters, unfitCharacter } from './characters.ts';
import { MAX_DEPTH, MAX_SIZE, MAX_TOKENS } from './document-limits.ts';
import { excerpt } from './excerpt.ts';
import { readPlainDocument } from './plain-document.ts';
import { syntaxMessage } from './syntax-message.ts';
import { isUnsafeKey } from './unsafe-key.ts';

const MAX_ALIASES = 100;
/** How many nodes all aliases together may stand for. */
const MAX_ALIASED_NODES = 10_000;
/** A longer integer is not a number that anybody wrote. */
const MAX_INTEGER_DIGITS = 400;
/** Reading stops at this many syntax errors. */
const MAX_SYNTAX_ERRORS = 100;

/**
 * Reads one YAML 1.2 document (core schema). Everything wrong with it goes into `report`, at the exact place; the answer
 * is undefined when no tree can be made of it, and otherwise a tree that is safe to walk: keys are unique strings, none
 * of them `__proto__` or the like, depth and size are bounded, and aliases stand for the nodes they name, which are shared.
 */
export function readDocument(source: Source, report: Report): DocumentNode | undefined {
  if (source.text.length > MAX_SIZE) {
    report.add('config/too-large', { source, start: 0, end: 0 }, `the document has more than ${MAX_SIZE} characters`);
    return undefined;
  }
  if (!checkCharacters(source, report)) return undefined;
  return readPlainDocument(source) ?? composeDocument(source, report);
}

/** Reads a document of allowed size and characters in the way that finds all that is wrong with it. */
export function composeDocument(source: Source, report: Report): DocumentNode | undefined {
  const document = parse(source, report);
  if (document === undefined) return undefined;
  return new Reader(source, report).document(document);
}

/** The only document of `source`, or undefined when it has syntax errors, which are reported. */
function parse(source: Source, report: Report): Document.Parsed | undefined {
  const parser = new Parser();
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    stringKeys: true,
    resolveKnownTags: false,
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const problems: Problem[] = [];
  // The composer would keep an Error with a stack trace of each of what may be a million mistakes.
  Object.assign(composer, {
    onError: (place: ErrorPlace, code: YAMLError['code'], message: string) => {
      if (problems.length < MAX_SYNTAX_ERRORS) problems.push({ code, message, pos: rangeOf(place) });
    },
  });
  const documents: Document.Parsed[] = [];
  const guard = new StreamGuard(source, report);
  const compose = (tokens: Iterable<CST.Token>): boolean => {
    for (const token of tokens) {
      if (!guard.token(token.type, token.offset, 'source' in token ? token.source : '')) return false;
      for (const document of composer.next(token)) documents.push(document);
    }
    return true;
  };
  let complete = true;
  for (const lexeme of new Lexer().lex(source.text)) {
    complete = compose(parser.next(lexeme)) && guard.lexeme(parser.stack, parser.offset);
    if (!complete) break;
  }
  complete &&= compose(parser.end());
  for (const document of composer.end()) documents.push(document);
  const { errors, warnings } = composer.streamInfo();
  const readable = [{ errors: [...problems, ...errors], warnings }, ...documents]
    .map((each) => reportSyntax([...each.errors, ...each.warnings], source, report))
    .every(Boolean);
  if (!complete || guard.refused || !readable || problems.length === MAX_SYNTAX_ERRORS) return undefined;
  const [document] = documents;
  if (document === undefined) reportEmpty(source, report);
  return document;
}

function reportEmpty(source: Source, report: Report): void {
  report.add('config/empty', { source, start: 0, end: 0 }, 'the document is empty', {
    help: 'a bundle that decides nothing is written `{}`',
  });
}

/** Watches what the parser puts out, so that no input can exhaust stack, memory or time. */
class StreamGuard {
  readonly #source: Source;
  readonly #report: Report;
  #lexemes = 0;
  #errors = 0;
  #documents = 0;
  /** True once something was found that leaves nothing worth reading. */
  refused = false;

  constructor(source: Source, report: Report) {
    this.#source = source;
    this.#report = report;
  }

  #refuse(code: Parameters<Report['add']>[0], start: number, end: number, message: string, help?: string): void {
    this.refused = true;
    this.#report.add(code, { source: this.#source, start, end: Math.min(end, this.#source.text.length) }, message, {
      help,
    });
  }

  /** Takes note of a token of the stream; false when reading has to stop. */
  token(type: string, offset: number, written: string): boolean {
    if (type === 'error') {
      this.#errors += 1;
      return this.#errors < MAX_SYNTAX_ERRORS;
    }
    if (type === 'document') {
      this.#documents += 1;
      if (this.#documents === 1) return true;
      const help = 'keep one document in each file; a folder of files is one bundle';
      // After `...` a document may begin without a marker.
      const end = this.#source.text.startsWith('---', offset) ? offset + 3 : offset + 1;
      this.#refuse('config/several-documents', offset, end, 'a second document begins here', help);
      return false;
    }
    if (type === 'directive' && !/^%(YAML[ \t]+1\.2|TAG)(?![^ \t])/.test(written)) {
      const help = 'bundles are read as YAML 1.2; remove the directive';
      const message = `directive ${excerpt(written.trimEnd())} is not supported`;
      this.#refuse('config/directive', offset, offset + written.trimEnd().length, message, help);
      this.#errors += 1;
    }
    return this.#errors < MAX_SYNTAX_ERRORS;
  }

  /** Takes note of one more lexeme; false when reading has to stop. `offset` is where the parser stands. */
  lexeme(stack: Parser['stack'], offset: number): boolean {
    this.#lexemes += 1;
    if (stack.length > MAX_DEPTH) {
      let depth = 0;
      for (const { type } of stack) {
        if (type === 'block-map' || type === 'block-seq' || type === 'flow-collection') depth += 1;
      }
      if (depth > MAX_DEPTH) {
        const message = `the document is nested more than ${MAX_DEPTH} levels deep`;
        this.#refuse('config/too-deep', Math.max(0, offset - 1), offset, message);
        return false;
      }
    }
    if (this.#lexemes > MAX_TOKENS) {
      this.#refuse('config/too-large', offset, offset, `the document has more than ${MAX_TOKENS} parts`);
      return false;
    }
    return true;
  }
}

type Problem = Pick<YAMLError, 'code' | 'message' | 'pos'>;
type ErrorPlace = number | readonly number[] | { readonly offset: number; readonly source?: string };

/** The file range of a place as the composer names it. */
function rangeOf(place: ErrorPlace): [number, number] {
  if (typeof place === 'number') return [place, place + 1];
  if ('offset' in place) return [place.offset, place.offset + (place.source ?? ' ').length];
  const [start = 0, end = start] = place;
  return [start, end];
}

/** Reports `problems` of the parser; true when the document has a usable structure all the same. */
function reportSyntax(problems: readonly Problem[], source: Source, report: Report): boolean {
  let readable = true;
  let derailed = false;
  for (const { code, message, pos } of problems) {
    const start = Math.min(pos[0], source.text.length);
    const span: Span = { source, start, end: Math.min(Math.max(pos[1], start), source.text.length) };
    if (code === 'TAG_RESOLVE_FAILED' || code === 'BAD_COLLECTION_TYPE') {
      reportTag(span, report);
      continue;
    }
    if (code === 'NON_STRING_KEY') {
      report.add('config/non-string-key', span, 'a map key that is not a string', { help: keyHelp });
      continue;
    }
    readable = false;
    if (/^Unexpected \S+ token in YAML stream/.test(message)) {
      // Once the parser has left the document, it says this of every token to come.
      if (derailed) continue;
      derailed = true;
    }
    // The guard has spoken of directives that are not supported.
    if (code === 'BAD_DIRECTIVE' && !source.text.startsWith('%TAG', source.text.lastIndexOf('\n', start - 1) + 1))
      continue;
    const { message: found, help } = syntaxMessage(code, message);
    report.add('config/syntax', span, found, { help });
  }
  return readable;
}

const keyHelp = 'put the key in quotes';

function reportTag(span: Span, report: Report): void {
  const written = span.source.text.slice(span.start, span.end);
  report.add('config/tag', span, `tag ${excerpt(written)} is not supported here`, {
    help: written.startsWith('!!') ? 'remove the tag' : 'put the text in quotes when `!` belongs to it',
  });
}

/** Plain scalars that YAML 1.2.2, chapter 10.3.2, resolves to null, a boolean or a number. */
const nonString =
  /^(?:|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

interface Anchored {
  readonly node: DocumentNode;
  /** Nodes in it, those that aliases stand for included. */
  readonly size: number;
  /** How many collections stand inside one another in it. */
  readonly height: number;
}

/** Makes plain data of the parser's nodes. */
class Reader {
  readonly #source: Source;
  readonly #report: Report;
  /** The node last given each anchor so far; undefined while that node is being read. */
  readonly #anchors = new Map<string, Anchored | undefined>();
  #nodes = 0;
  #depth = 0;
  #deepest = 0;
  #aliases = 0;
  #aliasedNodes = 0;
  #beyondLimit = false;

  constructor(source: Source, report: Report) {
    this.#source = source;
    this.#report = report;
  }

  document(document: Document.Parsed): DocumentNode | undefined {
    const root = document.contents === null ? undefined : this.#node(document.contents);
    if (root === undefined || isNull(root)) {
      reportEmpty(this.#source, this.#report);
      return undefined;
    }
    return root;
  }

  #span(start: number, end: number): Span {
    return { source: this.#source, start, end };
  }

  #node(node: ParsedNode): DocumentNode {
    if (isAlias(node)) return this.#alias(node);
    this.#nodes += 1;
    const { anchor } = node;
    if (anchor === undefined) return this.#content(node);
    const nodesBefore = this.#nodes;
    const deepestBefore = this.#deepest;
    this.#deepest = this.#depth;
    this.#anchors.set(anchor, undefined);
    const content = this.#content(node);
    const size = this.#nodes - nodesBefore + 1;
    this.#anchors.set(anchor, { node: content, size, height: this.#deepest - this.#depth });
    this.#deepest = Math.max(this.#deepest, deepestBefore);
    return content;
  }

  #content(node: Exclude<ParsedNode, Alias.Parsed>): DocumentNode {
    if (isScalar(node)) return this.#scalar(node);
    this.#depth += 1;
    this.#deepest = Math.max(this.#deepest, this.#depth);
    const collection = isMap(node) ? this.#map(node) : this.#sequence(node);
    this.#depth -= 1;
    return collection;
  }

  #alias(alias: Alias.Parsed): DocumentNode {
    const span = this.#span(alias.range[0], alias.range[1]);
    this.#aliases += 1;
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      const circular = this.#anchors.has(alias.source);
      const name = excerpt(alias.source);
      this.#report.add(
        'config/alias',
        span,
        circular ? `alias ${name} stands inside the node that it names` : `no anchor ${name} stands before this alias`,
        { help: circular ? undefined : 'put the text in quotes when `*` belongs to it' },
      );
      return this.#null(span);
    }
    this.#nodes += target.size;
    this.#aliasedNodes += target.size;
    if (this.#beyondLimit || this.#aliases > MAX_ALIASES || this.#aliasedNodes > MAX_ALIASED_NODES) {
      const limit = this.#aliases > MAX_ALIASES ? `${MAX_ALIASES} uses` : `${MAX_ALIASED_NODES} nodes`;
      // Said once: every later alias is beyond the limit as well.
      if (!this.#beyondLimit) {
        this.#report.add('config/alias', span, `aliases are expanded beyond the limit of ${limit}`);
      }
      this.#beyondLimit = true;
      return this.#null(span);
    }
    if (this.#depth + target.height > MAX_DEPTH) {
      this.#report.add(
        'config/too-deep',
        span,
        `with this alias, the document is nested more than ${MAX_DEPTH} levels deep`,
      );
      return this.#null(span);
    }
    this.#deepest = Math.max(this.#deepest, this.#depth + target.height);
    return target.node;
  }

  #null(span: Span): ScalarNode {
    return new WrittenScalar({ ...span, style: 'plain' }, null, '');
  }

  #sequence(sequence: YAMLSeq.Parsed): SequenceNode {
    const items: DocumentNode[] = [];
    let end = sequence.range[0];
    for (const item of sequence.items) {
      // Pairs stand in a sequence under the tag `!!omap` and its like only, which are not known.
      if (isPair(item)) continue;
      const node = this.#node(item);
      items.push(node);
      end = item.range[1];
    }
    return { kind: 'sequence', items, span: this.#collectionSpan(sequence, end) };
  }

  #map(map: YAMLMap.Parsed): MapNode {
    const entries: MapEntry[] = [];
    const seen = new Map<string, Span>();
    let end = map.range[0];
    for (const { key, value } of map.items) {
      const keySpan = this.#span(key.range[0], key.range[1]);
      if (isScalar(key) && key.anchor !== undefined) {
        this.#anchors.set(key.anchor, { node: this.#scalar(key), size: 1, height: 0 });
      }
      const node = value === null ? this.#null(this.#span(keySpan.end, keySpan.end)) : this.#node(value);
      end = value === null ? keySpan.end : value.range[1];
      // The parser has reported every other key as not a string.
      if (!isScalar(key) || typeof key.value !== 'string' || !this.#accepts(key, key.value, keySpan, seen)) continue;
      entries.push(new WrittenEntry(this.#written(key), key.value, node));
    }
    return { kind: 'map', entries, span: this.#collectionSpan(map, end) };
  }

  /** A block collection ends with its last node, not with the comments and blank lines behind it. */
  #collectionSpan(node: YAMLMap.Parsed | YAMLSeq.Parsed, end: number): Span {
    return this.#span(node.range[0], node.flow ? node.range[1] : withoutBreaks(this.#source, end));
  }

  #accepts(key: Scalar.Parsed, name: string, span: Span, seen: Map<string, Span>): boolean {
    if (key.type === 'PLAIN') {
      if (name === '<<') {
        this.#report.add('config/merge-key', span, 'merge key `<<` is not supported', {
          help: 'YAML 1.2 has no merge keys; write the entries out, or use a group',
        });
        return false;
      }
      if (name.length < 400 && nonString.test(name)) {
        const found = name === '' ? 'an empty map key' : `map key ${excerpt(name)} is not a string`;
        this.#report.add('config/non-string-key', span, found, { help: keyHelp });
        return false;
      }
    }
    const first = seen.get(name);
    if (first !== undefined) {
      this.#report.add('config/duplicate-key', span, `key ${excerpt(name)} is already defined in this map`, {
        related: [{ span: first, note: 'first defined here' }],
      });
      return false;
    }
    seen.set(name, span);
    if (isUnsafeKey(name)) {
      this.#report.add('config/unsafe-key', span, `key ${excerpt(name)} is not allowed`, {
        help: 'choose another name',
      });
      return false;
    }
    return this.#checkEscapes(key, name, span);
  }

  #checkEscapes(node: Scalar.Parsed, value: string, span: Span): boolean {
    if (node.type !== 'QUOTE_DOUBLE' || value.length === span.end - span.start - 2) return true;
    const unfit = unfitCharacter(value);
    if (unfit === undefined) return true;
    this.#report.add('config/character', span, `an escape writes ${unfit} which no policy can use`);
    return false;
  }

  #scalar(node: Scalar.Parsed): ScalarNode {
    const text = node.source ?? '';
    const { value } = node;
    const scalar = new WrittenScalar(this.#written(node), this.#value(node, text), text);
    if (typeof value === 'string') this.#checkEscapes(node, value, scalar.span);
    return scalar;
  }

  #value(node: Scalar.Parsed, written: string): ScalarNode['value'] {
    const { value, range } = node;
    if (typeof value === 'number') return this.#number(value, written, this.#span(range[0], range[1]));
    return typeof value === 'string' || typeof value === 'boolean' ? value : null;
  }

  #number(value: number, written: string, span: Span): number | bigint {
    if (Number.isSafeInteger(value)) return value;
    if (/^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/.test(written)) {
      if (written.length <= MAX_INTEGER_DIGITS) {
        return written.startsWith('-') ? -BigInt(written.slice(1)) : BigInt(written.replace('+', ''));
      }
      this.#report.add('config/number', span, `an integer of more than ${MAX_INTEGER_DIGITS} digits`);
      return 0;
    }
    if (Number.isFinite(value)) return value;
    this.#report.add('config/number', span, `number ${excerpt(written)} is not finite`, {
      help: 'put it in quotes when it is meant as text',
    });
    return 0;
  }

  #written({ type, range: [start, end] }: Scalar.Parsed): ConstructorParameters<typeof WrittenScalar>[0] {
    return { source: this.#source, style: scalarStyles[type ?? 'PLAIN'], start, end };
  }
}

const scalarStyles: Readonly<Record<Scalar.Type, ScalarStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single-quoted',
  QUOTE_DOUBLE: 'double-quoted',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

import type { Report } from '../diagnostics/report.ts';
import type { Text } from '../text/text.ts';
import type { Literal, Path, Predicate, Range, Segment } from './ast.ts';
import { lex, type Token, type TokenKind } from './lexer.ts';
import { quote, TextReport } from './text-report.ts';
import { COMPARISON_OPERATORS, EFFECT_WORDS, memberOf, RESERVED_WORDS } from './vocabulary.ts';

/** Parentheses and negations may nest this deep. */
export const MAX_PREDICATE_DEPTH = 100;

/**
 * Parses all of `text` as a predicate; ranges are offsets into it. Undefined when anything was reported as an error.
 * Source: policy language, section 1.
 */
export function parsePredicate(text: Text, report: Report): Predicate | undefined {
  const out = new TextReport(text, report);
  return out.fits() ? parsePredicateWithin(out, 0, text.value.length) : undefined;
}

/** Parses all of `text` as a path, such as the reference of a restriction. */
export function parsePath(text: Text, report: Report): Path | undefined {
  const out = new TextReport(text, report);
  if (!out.fits()) return undefined;
  const reading = begin(out, 0, text.value.length);
  const path = readPath(reading, false);
  if (path) expectEnd(reading);
  return out.failed ? undefined : path;
}

/** The predicate that stands between two offsets of a longer text. */
export function parsePredicateWithin(out: TextReport, start: number, end: number): Predicate | undefined {
  const reading = begin(out, start, end);
  const predicate = readPredicate(reading);
  expectEnd(reading);
  return out.failed ? undefined : predicate;
}

/**
 * What stands between the parentheses of `require(...)`: `predicate { "," predicate } | and "|" and { "|" and }`.
 * The alternatives of the second form become one `or`.
 */
export function parseRequirements(out: TextReport, start: number, end: number): readonly Predicate[] | undefined {
  const reading = begin(out, start, end);
  const operands = [readAnd(reading)];
  const separators: Token[] = [];
  while (peek(reading).kind === ',' || peek(reading).kind === '|') {
    separators.push(next(reading));
    operands.push(readAnd(reading));
  }
  expectEnd(reading);
  const [first] = separators;
  const odd = separators.find((separator) => separator.kind !== first?.kind);
  if (odd) {
    out.add(
      'language/mixed-require',
      odd.start,
      odd.end,
      '`require(...)` mixes `,` (all of) and `|` (any of)',
      'put the alternatives in parentheses, as in `require(a, (b | c))`, or write two rules',
    );
  }
  if (out.failed) return undefined;
  const predicates = operands.filter((operand) => operand !== undefined);
  return first?.kind === '|' ? joined('or', predicates) : predicates;
}

/** The tokens of one predicate and how far they are read. */
interface Reading {
  readonly out: TextReport;
  readonly tokens: readonly Token[];
  readonly last: Token;
  at: number;
  depth: number;
  /** Set when nesting went too deep: the rest is not read and nothing more is said about it. */
  abandoned: boolean;
}

function begin(out: TextReport, start: number, end: number): Reading {
  const tokens = lex(out, start, end);
  const last = tokens.at(-1) ?? { kind: 'end', start: end, end, value: '' };
  return { out, tokens, last, at: 0, depth: 0, abandoned: false };
}

function peek(reading: Reading, ahead = 0): Token {
  return reading.tokens[reading.at + ahead] ?? reading.last;
}

function next(reading: Reading): Token {
  const token = peek(reading);
  reading.at += 1;
  return token;
}

function accept(reading: Reading, kind: TokenKind): Token | undefined {
  return peek(reading).kind === kind ? next(reading) : undefined;
}

/** `predicate = and { "|" and }` */
function readPredicate(reading: Reading): Predicate | undefined {
  const operands = [readAnd(reading)];
  while (accept(reading, '|')) operands.push(readAnd(reading));
  return join('or', operands);
}

/** `and = unary { "&" unary }` */
function readAnd(reading: Reading): Predicate | undefined {
  const operands = [readOperand(reading)];
  while (accept(reading, '&')) operands.push(readOperand(reading));
  return join('and', operands);
}

/** A `unary`; whatever stands between it and the next operator is reported and passed over. */
function readOperand(reading: Reading): Predicate | undefined {
  const operand = readUnary(reading);
  if (operand && !endsOperand(peek(reading).kind)) unexpected(reading);
  let depth = 0;
  for (let kind = peek(reading).kind; kind !== 'end'; kind = peek(reading).kind) {
    if (depth === 0 && endsOperand(kind)) break;
    if (kind === '(' || kind === '[') depth += 1;
    if (kind === ')' || kind === ']') depth = Math.max(0, depth - 1);
    reading.at += 1;
  }
  return operand;
}

function endsOperand(kind: TokenKind): boolean {
  return kind === '&' || kind === '|' || kind === ')' || kind === ',' || kind === 'end';
}

/** `unary = "!" unary | atom` */
function readUnary(reading: Reading): Predicate | undefined {
  const mark = peek(reading);
  if (mark.kind !== '!') return readAtom(reading);
  if (!enter(reading, mark)) return undefined;
  next(reading);
  const operand = readUnary(reading);
  reading.depth -= 1;
  return operand && { kind: 'not', operand, range: { start: mark.start, end: operand.range.end } };
}

/** `atom = "(" predicate ")" | "exists" "(" path ")" | path [ tail ]` */
function readAtom(reading: Reading): Predicate | undefined {
  const token = peek(reading);
  const { kind, value } = token;
  if (kind === '(') return readGroup(reading, token);
  if (kind === 'string' || kind === 'integer' || kind === 'float') return literalFirst(reading);
  if (kind !== 'name') return expected(reading, 'language/missing-predicate', 'a predicate');
  if (value === 'true' || value === 'false') return literalFirst(reading);
  return value === 'exists' && peek(reading, 1).kind === '(' ? readExists(reading) : readTest(reading);
}

/** `"(" predicate ")"` */
function readGroup(reading: Reading, open: Token): Predicate | undefined {
  if (!enter(reading, open)) return undefined;
  next(reading);
  const inner = readPredicate(reading);
  reading.depth -= 1;
  return close(reading, ')', open) ? inner : undefined;
}

/** `"exists" "(" path ")"` */
function readExists(reading: Reading): Predicate | undefined {
  const word = next(reading);
  const open = next(reading);
  if (peek(reading).kind === ')') {
    const end = next(reading).end;
    reading.out.add(
      'language/missing-argument',
      word.start,
      end,
      '`exists()` names no attribute',
      'write `exists(path)`',
    );
    return undefined;
  }
  const path = readPath(reading, false);
  if (!path) return skipPast(reading, ')');
  const end = close(reading, ')', open, '`exists(...)` takes one path');
  return end && { kind: 'exists', path, range: { start: word.start, end: end.end } };
}

/**
 * `path [ tail ]`, where
 * `tail = ("==" | "!=" | ">" | ">=" | "<" | "<=") literal | "contains" literal | ["not"] "in" path`
 */
function readTest(reading: Reading): Predicate | undefined {
  const path = readPath(reading, false);
  if (!path) return undefined;
  const { start } = path.range;
  const token = peek(reading);
  const operator = memberOf(COMPARISON_OPERATORS, token.kind);
  if (operator) {
    next(reading);
    const literal = readLiteral(reading, path, token);
    return literal && { kind: 'compare', path, operator, literal, range: { start, end: literal.range.end } };
  }
  if (token.kind !== 'name') return { kind: 'truthy', path, range: path.range };
  if (token.value === 'contains') {
    next(reading);
    const literal = readLiteral(reading, path, token);
    return literal && { kind: 'contains', path, literal, range: { start, end: literal.range.end } };
  }
  const following = peek(reading, 1);
  const negated = token.value === 'not' && following.kind === 'name' && following.value === 'in';
  if (!negated && token.value !== 'in') return { kind: 'truthy', path, range: path.range };
  reading.at += negated ? 2 : 1;
  const set = readSet(reading);
  return set && { kind: 'in', path, negated, set, range: { start, end: set.range.end } };
}

/** The path after `in`. */
function readSet(reading: Reading): Path | undefined {
  const token = peek(reading);
  if (token.kind === '[' || token.kind === '(') {
    reading.out.add(
      'language/list-after-in',
      token.start,
      token.end,
      'a list cannot be written out after `in`',
      "put the members into a data file and name them, as in `subject.type in data.allowed_types`, or write `a == 'x' | a == 'y'`",
    );
    return undefined;
  }
  if (token.kind === 'string') {
    return expected(reading, 'language/syntax', 'the path of a set after `in`', 'for one value write `==`');
  }
  return readPath(reading, false);
}

/** `literal = string | integer | float | "true" | "false"`, after `operator`. */
function readLiteral(reading: Reading, left: Path, operator: Token): Literal | undefined {
  const token = peek(reading);
  const { kind, start, end, value } = token;
  const range: Range = { start, end };
  if (kind === 'string') {
    next(reading);
    return { kind, value, range };
  }
  if (kind === 'integer') {
    next(reading);
    return { kind, value: integerOf(value), range };
  }
  if (kind === 'float') {
    next(reading);
    const number = Number(value);
    if (Number.isFinite(number)) return { kind, value: number === 0 ? 0 : number, range };
    reading.out.add('language/bad-number', start, end, 'the number is too large');
    return undefined;
  }
  if (kind === 'name') {
    if (value !== 'true' && value !== 'false') return pathOnRight(reading, left, operator);
    next(reading);
    return { kind: 'boolean', value: value === 'true', range };
  }
  const fraction = peek(reading, 1);
  if (kind === '.' && fraction.kind === 'integer' && fraction.start === end) {
    const written = `.${fraction.value}`;
    reading.out.add(
      'language/bad-number',
      start,
      fraction.end,
      `\`${written}\` is not a number`,
      `write \`0${written}\``,
    );
    return undefined;
  }
  return expected(reading, 'language/syntax', `a literal after \`${operator.value}\``);
}

function pathOnRight(reading: Reading, left: Path, operator: Token): undefined {
  const { out } = reading;
  const right = readPath(reading, false);
  if (!right) return;
  const { start, end } = right.range;
  const written = out.text.value.slice(start, end);
  const subject = out.text.value.slice(left.range.start, left.range.end);
  const membership = operator.value === 'contains' ? `${written} in ${subject}` : `${subject} in ${written}`;
  const help = `to ask for membership write ${quote(membership)}; text goes in quotes: ${quote(`'${written}'`)}`;
  const message = `${out.quote(start, end)} is a path, but only a literal may stand on the right of \`${operator.value}\`; membership is asked for with \`in\``;
  out.add('language/path-on-right', start, end, message, help);
}

function literalFirst(reading: Reading): undefined {
  const token = next(reading);
  const { out } = reading;
  const follows = peek(reading);
  const written = out.quote(token.start, token.end);
  if (memberOf(COMPARISON_OPERATORS, follows.kind) || (follows.kind === 'name' && /^(in|not)$/.test(follows.value))) {
    const message = `the literal ${written} stands on the left of \`${follows.value}\``;
    const help =
      follows.kind === 'name'
        ? "write `set contains 'text'`"
        : 'write the path on the left and the literal on the right';
    out.add('language/literal-on-left', token.start, token.end, message, help);
  } else {
    const message = `${written} is a literal, not a predicate`;
    out.add(
      'language/syntax',
      token.start,
      token.end,
      message,
      'a predicate begins with a path, as in `args.amount > 10`',
    );
  }
}

/**
 * `path = segment { "." segment | "[" (path | string) "]" }`. Inside a bracket (`bracketed`) no further bracket may open.
 */
function readPath(reading: Reading, bracketed: boolean): Path | undefined {
  const { out } = reading;
  const first = peek(reading);
  if (first.kind !== 'name') return expected(reading, 'language/syntax', 'a path');
  if (RESERVED_WORDS.has(first.value)) return reserved(reading, first);
  next(reading);
  const segments: Segment[] = [{ kind: 'name', text: first.value }];
  let end = first.end;
  for (;;) {
    if (accept(reading, '.')) {
      const name = peek(reading);
      if (name.kind !== 'name') return expected(reading, 'language/syntax', 'a name after `.`');
      next(reading);
      segments.push({ kind: 'name', text: name.value });
      end = name.end;
      continue;
    }
    const open = peek(reading);
    if (open.kind !== '[') break;
    if (bracketed) {
      out.add('language/nested-brackets', open.start, open.end, 'brackets do not nest');
      return undefined;
    }
    next(reading);
    const segment = readBracket(reading, open);
    if (!segment) return skipPast(reading, ']');
    const closing = close(reading, ']', open);
    if (!closing) return undefined;
    segments.push(segment);
    end = closing.end;
  }
  // A list that was added to keeps room for many more.
  return { kind: 'path', segments: segments.slice(), range: { start: first.start, end } };
}

/** `path | string`, after the `[`. */
function readBracket(reading: Reading, open: Token): Segment | undefined {
  const token = peek(reading);
  if (token.kind === 'string') {
    next(reading);
    if (token.value !== '') return { kind: 'literal', text: token.value };
    reading.out.add('language/bad-name', token.start, token.end, 'the name in brackets is empty');
    return undefined;
  }
  if (token.kind === 'name') {
    const path = readPath(reading, true);
    return path && { kind: 'lookup', path };
  }
  if (token.kind === ']') {
    reading.out.add(
      'language/syntax',
      open.start,
      token.end,
      'the brackets are empty',
      'write a path or a quoted name',
    );
    return undefined;
  }
  return expected(reading, 'language/syntax', 'a path or a quoted name in the brackets');
}

function reserved(reading: Reading, token: Token): undefined {
  const { out } = reading;
  if (token.value === 'require' && peek(reading, 1).kind === '(') {
    const message = '`require(...)` is a rule of its own, not part of a predicate';
    out.add('language/misplaced-require', token.start, token.end, message, 'inside a predicate write the path alone');
    return;
  }
  const message = `\`${token.value}\` is reserved and cannot begin a path`;
  out.add('language/reserved-word', token.start, token.end, message);
}

/** Passes over what is left between the brackets or parentheses being read, and their closing mark. */
function skipPast(reading: Reading, closing: ')' | ']'): undefined {
  const opening = closing === ')' ? '(' : '[';
  let depth = 1;
  for (let kind = peek(reading).kind; kind !== 'end' && depth > 0; kind = peek(reading).kind) {
    if (kind === opening) depth += 1;
    if (kind === closing) depth -= 1;
    reading.at += 1;
  }
}

/** Expects the mark that closes `open`; when something else stands there, passes over everything up to that mark. */
function close(reading: Reading, kind: ')' | ']', open: Token, help?: string): Token | undefined {
  const token = accept(reading, kind);
  if (token) return token;
  const { out } = reading;
  const found = peek(reading);
  if (reading.abandoned) return undefined;
  if (found.kind === 'end') {
    out.add(
      'language/unclosed',
      open.start,
      open.end,
      `\`${open.value}\` is never closed: \`${kind}\` is missing`,
      help,
    );
  } else if (found.kind !== 'error') {
    out.add('language/syntax', found.start, found.end, `expected \`${kind}\`, found ${describe(reading, found)}`, help);
  }
  return skipPast(reading, kind);
}

function expectEnd(reading: Reading): void {
  if (peek(reading).kind !== 'end') unexpected(reading);
}

function expected(
  reading: Reading,
  code: 'language/syntax' | 'language/missing-predicate',
  what: string,
  help?: string,
): undefined {
  const { out } = reading;
  const found = peek(reading);
  if (found.kind === 'error' || reading.abandoned) return;
  if (found.kind !== 'end') {
    out.add('language/syntax', found.start, found.end, `expected ${what}, found ${describe(reading, found)}`, help);
    return;
  }
  const before = reading.tokens[reading.tokens.length - 2];
  const start = before?.start ?? reading.tokens[0]?.start ?? 0;
  out.add(code, start, before?.end ?? found.end, `expected ${what}, found the end`, help);
}

const WORD_OPERATORS: Readonly<Record<string, string>> = { and: '&', or: '|', not: '!', is: '==', equals: '==' };

function unexpected(reading: Reading): void {
  const token = peek(reading);
  if (token.kind === 'error' || reading.abandoned) return;
  const before = reading.tokens[reading.at - 1];
  let help: string | undefined;
  if (token.kind === 'name') {
    const operator = WORD_OPERATORS[token.value.toLowerCase()];
    help = operator ? `use \`${operator}\`` : 'put `&` or `|` between two predicates, and text in quotes';
  } else if (token.kind === '(' && before?.kind === 'name') {
    help = EFFECT_WORDS.includes(before.value)
      ? `an effect stands behind the predicate: \`predicate: ${before.value}(...)\``
      : 'the only function of a predicate is `exists(path)`';
  } else if (token.kind === ',') {
    help = 'a list of predicates stands only in `require(...)`; elsewhere use `&` or `|`';
  }
  reading.out.add('language/syntax', token.start, token.end, `unexpected ${describe(reading, token)}`, help);
}

function describe(reading: Reading, token: Token): string {
  return token.kind === 'end' ? 'the end' : reading.out.quote(token.start, token.end);
}

/** False, with a finding, when `token` would nest too deep; nothing more is read then. */
function enter(reading: Reading, token: Token): boolean {
  reading.depth += 1;
  if (reading.depth <= MAX_PREDICATE_DEPTH) return true;
  reading.out.add(
    'language/limit',
    token.start,
    token.end,
    `parentheses and negations nest deeper than ${MAX_PREDICATE_DEPTH}`,
  );
  reading.at = reading.tokens.length;
  reading.abandoned = true;
  return false;
}

function join(kind: 'or' | 'and', operands: readonly (Predicate | undefined)[]): Predicate | undefined {
  const present = operands.filter((operand) => operand !== undefined);
  if (present.length < operands.length) return undefined;
  return present.length === 1 ? present[0] : joined(kind, present)[0];
}

function joined(kind: 'or' | 'and', operands: readonly Predicate[]): readonly Predicate[] {
  const start = operands[0]?.range.start ?? 0;
  const end = operands.at(-1)?.range.end ?? start;
  return [{ kind, operands, range: { start, end } }];
}

/** Exact: a number beyond ±(2^53−1) is a bigint. */
function integerOf(text: string): number | bigint {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) return BigInt(text);
  return value === 0 ? 0 : value;
}

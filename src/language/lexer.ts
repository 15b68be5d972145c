import type { ComparisonOperator } from './ast.ts';
import { isBlank } from './structure.ts';
import { quote, type TextReport } from './text-report.ts';

type Punctuator = '(' | ')' | '[' | ']' | '.' | ',' | '&' | '|' | '!';

export type TokenKind =
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  /** Something already reported; the parser passes over it in silence. */
  | 'error'
  | 'end'
  | Punctuator
  | ComparisonOperator;

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** What stands between the quotes of a string; otherwise the token as written. */
  readonly value: string;
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /-?[0-9]+(?:\.[0-9]+)?/y;
/** A run that goes on where a name or number must end, such as `-admin` in `hr-admin`. */
const STRAY = /[^\s.,()[\]&|!=<>'"]*[\p{L}\p{N}_]/uy;
const STRAY_NAME = /[\p{L}\p{N}_][^\s.,()[\]&|!=<>'"]*/uy;

/** Mistyped operators, longest first, with the operator that was meant. */
const MISTYPED: readonly (readonly [string, ComparisonOperator])[] = [
  ['===', '=='],
  ['!==', '!='],
  ['=>', '>='],
  ['=<', '<='],
  ['<>', '!='],
];
const COLON_HELP =
  "a predicate ends before the `:`; a name with other characters goes in brackets, as in `perm['repo:read']`";
const OPERATORS: readonly ComparisonOperator[] = ['==', '!=', '>=', '<=', '>', '<'];

/**
 * Tokens of a predicate, the last of them `end`. Everything that cannot be a token is reported here; what was probably
 * meant takes its place, so that the parser can go on.
 */
export function lex(out: TextReport, start: number, end: number): readonly Token[] {
  const { value } = out.text;
  const tokens: Token[] = [];
  /** Where the path being read begins, and before it the paths whose bracket is open. */
  const pathStarts = [start];
  let at = start;

  const push = (kind: TokenKind, to: number, text = value.slice(at, to)): void => {
    tokens.push({ kind, start: at, end: to, value: text });
    at = to;
  };
  const match = (pattern: RegExp, from: number): string => {
    pattern.lastIndex = from;
    const found = pattern.exec(value)?.[0] ?? '';
    return found.slice(0, end - from);
  };
  const pushName = (name: string): void => {
    const dot = tokens.at(-1);
    const afterDot = dot?.kind === '.';
    if (!afterDot) pathStarts[pathStarts.length - 1] = at;
    const stray = match(STRAY, at + name.length);
    if (stray === '' && /^[A-Za-z_]/.test(name)) return push('name', at + name.length);
    const whole = name + stray;
    const outer = afterDot ? value.slice(pathStarts.at(-1), dot.start) : '';
    const help = whole.includes(':') ? COLON_HELP : undefined;
    out.add(
      'language/bad-name',
      at,
      at + whole.length,
      `${out.quote(at, at + whole.length)} is not a name: a name begins with a letter or \`_\` and goes on with letters, digits and \`_\` (ASCII only)`,
      afterDot ? `write ${quote(`${outer}['${whole}']`)}` : help,
    );
    push('name', at + whole.length);
  };

  while (at < end) {
    const character = value.charAt(at);
    if (isBlank(value.charCodeAt(at))) {
      at += 1;
      continue;
    }
    const name = match(NAME, at);
    if (name !== '') {
      pushName(name);
      continue;
    }
    const strayName = match(STRAY_NAME, at);
    if (strayName !== '' && continuesPath()) {
      pushName(strayName);
      continue;
    }
    const number = match(NUMBER, at);
    if (number !== '') {
      lexNumber(number);
      continue;
    }
    if (strayName !== '') {
      pushName(strayName);
      continue;
    }
    if (character === "'" || character === '"') {
      const close = value.indexOf(character, at + 1);
      if (close !== -1 && close < end) {
        push('string', close + 1, value.slice(at + 1, close));
      } else {
        out.add(
          'language/unterminated-string',
          at,
          end,
          `the string that begins with ${character} is unterminated`,
          'close it with the same quote; inside single quotes double quotes may stand, and the other way round',
        );
        push('error', end);
      }
      continue;
    }
    if (lexOperator()) continue;
    if (character === '&' || character === '|') {
      const doubled = value.startsWith(character, at + 1) && at + 1 < end;
      if (doubled) {
        out.add(
          'language/doubled-operator',
          at,
          at + 2,
          `\`${character}${character}\` is not an operator, \`${character}\` is`,
          `use \`${character}\``,
        );
      }
      push(character, at + (doubled ? 2 : 1), character);
      continue;
    }
    const punctuator = punctuatorOf(character);
    if (punctuator) {
      if (punctuator === '[') pathStarts.push(at);
      if (punctuator === ']' && pathStarts.length > 1) pathStarts.pop();
      push(punctuator, at + 1);
      continue;
    }
    lexUnknown();
  }
  tokens.push({ kind: 'end', start: end, end, value: '' });
  return tokens;

  /** After the dot of a path a digit begins a (wrong) name, not a number. */
  function continuesPath(): boolean {
    const before = tokens.at(-2)?.kind;
    return tokens.at(-1)?.kind === '.' && (before === 'name' || before === ']');
  }

  function lexNumber(number: string): void {
    const rest = match(/(?:\.|[^\s.,()[\]&|!=<>'"]*[\p{L}\p{N}_])[\p{L}\p{N}_.]*/uy, at + number.length);
    if (rest === '') return push(number.includes('.') ? 'float' : 'integer', at + number.length);
    const to = at + number.length + rest.length;
    out.add(
      'language/bad-number',
      at,
      to,
      `${out.quote(at, to)} is not a number`,
      'write digits, and after a `.` more digits; put text in quotes',
    );
    push('error', to);
  }

  function lexOperator(): boolean {
    for (const [written, meant] of MISTYPED) {
      if (!value.startsWith(written, at) || at + written.length > end) continue;
      out.add(
        'language/single-equals',
        at,
        at + written.length,
        `\`${written}\` is not an operator, \`${meant}\` is`,
        `use \`${meant}\``,
      );
      push(meant, at + written.length, meant);
      return true;
    }
    for (const operator of OPERATORS) {
      if (!value.startsWith(operator, at) || at + operator.length > end) continue;
      push(operator, at + operator.length);
      return true;
    }
    if (value.charAt(at) !== '=') return false;
    out.add('language/single-equals', at, at + 1, '`=` is not an operator, `==` is', 'use `==`');
    push('==', at + 1, '==');
    return true;
  }

  function lexUnknown(): void {
    const character = String.fromCodePoint(value.codePointAt(at) ?? 0);
    const to = Math.min(end, at + character.length);
    let help: string | undefined;
    if (character === ':') help = COLON_HELP;
    else if ('+-*/%'.includes(character)) help = 'there is no arithmetic in a predicate';
    out.add('language/unexpected-character', at, to, `unexpected character ${out.quote(at, to)}`, help);
    push('error', to);
  }
}

function punctuatorOf(character: string): Punctuator | undefined {
  switch (character) {
    case '(':
    case ')':
    case '[':
    case ']':
    case '.':
    case ',':
    case '!':
      return character;
    default:
      return undefined;
  }
}

import { didYouMean } from '../diagnostics/nearest.ts';
import type { ArgumentMap, Range, Step } from './ast.ts';
import {
  argumentMap,
  argumentValue,
  type Item,
  type Option,
  parseItems,
  parseNamedCall,
  parsePluginName,
} from './parse-arguments.ts';
import { type Call, parseCall, wordAt } from './parse-call.ts';
import { parseFieldPathWithin } from './parse-field-path.ts';
import { parsePipelineWithin } from './parse-pipeline.ts';
import { parsePredicateWithin } from './parse-predicate.ts';
import { parseTaint } from './parse-taint.ts';
import { firstTopLevel, trim } from './structure.ts';
import { quote, type TextReport } from './text-report.ts';
import { DIALECTS, EFFECT_WORDS, ELICITATION_VERBS, MAP_STEPS, memberOf } from './vocabulary.ts';

/** Where a step stands. */
export interface Place {
  /** Inside `parallel`, at any depth: nothing there may change the operation. */
  readonly parallel: boolean;
  /** How many lists of steps are around it. */
  readonly depth: number;
  /** In `do`, a terse conditional or a group, where a lone name is taken for a misspelt effect, not for a predicate. */
  readonly effects: boolean;
}

/**
 * The one effect that fills `range`, which is trimmed and not empty:
 * `"allow" | deny | taint | plugin | delegate | question | field "|" pipeline`. Source: policy language, section 2.
 */
export function parseEffect(out: TextReport, range: Range, place: Place): Step | undefined {
  const { value } = out.text;
  if (looksLikeField(value, range)) return parseFieldOperation(out, range, place);
  const word = wordAt(value, range.start, range.end) ?? leadingEffect(value, range);
  if (word === undefined || !EFFECT_WORDS.includes(word)) return unknownEffect(out, range, word);
  const call = parseCall(out, range.start, range.end, word);
  return call && effectOf(out, call, place);
}

/** The effect whose name the text begins with, whatever follows it. */
function leadingEffect(value: string, { start, end }: Range): string | undefined {
  const word = /^\w+/.exec(value.slice(start, end))?.[0];
  return word !== undefined && EFFECT_WORDS.includes(word) ? word : undefined;
}

function effectOf(out: TextReport, call: Call, place: Place): Step | undefined {
  const { word, inner, range } = call;
  const { text } = out;
  if (word === 'deny') return readDeny(out, call);
  if (word === 'allow') {
    if (!inner) return { kind: 'allow', text, range };
    out.add(
      'language/too-many-arguments',
      inner.start - 1,
      inner.end + 1,
      '`allow` takes no argument',
      'write `allow`',
    );
    return undefined;
  }
  if (!inner) {
    const { start, end } = call.wordRange;
    const help = `write \`${word}(${word === 'taint' ? 'label' : 'name'})\``;
    out.add('language/missing-argument', start, end, `\`${word}\` needs an argument`, help);
    return undefined;
  }
  if (word === 'taint') {
    const taint = parseTaint(out, inner);
    return taint && { kind: 'taint', ...taint, text, range };
  }
  if (word === 'plugin' || word === 'run') {
    const name = parsePluginName(out, inner, call);
    return name === undefined ? undefined : { kind: 'plugin', name, text, range };
  }
  const allowed = mayChange(out, call.wordRange, place, `\`${word}(...)\``);
  const step = word === 'delegate' ? readDelegate(out, call, inner) : readElicitation(out, call, inner);
  return allowed ? step : undefined;
}

/** `"deny" [ "(" [ string [ "," string ] ] ")" ]`: reason and code. Empty ones count as not given. */
function readDeny(out: TextReport, call: Call): Step | undefined {
  const items = call.inner ? parseItems(out, call.inner, 'deny') : [];
  if (!items) return undefined;
  const [reason, code, surplus] = items;
  if (surplus) {
    const { start, end } = surplus.range;
    out.add('language/too-many-arguments', start, end, '`deny(...)` takes at most a reason and a code');
    return undefined;
  }
  const unquoted = items.find((item) => item.kind !== 'quoted');
  if (unquoted) {
    const { start, end } = unquoted.range;
    const message = `the argument ${out.quote(start, end)} of \`deny(...)\` is not quoted`;
    out.add('language/bad-argument', start, end, message, "write `deny('reason', 'code')`");
    return undefined;
  }
  return {
    kind: 'deny',
    ...(reason?.kind === 'quoted' && reason.value !== '' ? { reason: reason.value } : {}),
    ...(code?.kind === 'quoted' && code.value !== '' ? { code: code.value } : {}),
    text: out.text,
    range: call.range,
  };
}

/** `"delegate" "(" name { "," key ":" value } ")"` */
function readDelegate(out: TextReport, call: Call, inner: Range): Step | undefined {
  const named = parseNamedCall(out, inner, call);
  if (!named) return undefined;
  let onError: 'deny' | 'continue' | undefined = 'deny';
  const config: Option[] = [];
  for (const option of named.options) {
    if (option.key === 'on_error') onError = readOnError(out, option.item);
    else config.push(option);
  }
  const values = configOf(out, config);
  if (!values || !onError) return undefined;
  return { kind: 'delegate', plugin: named.name, onError, config: values, text: out.text, range: call.range };
}

/** `verb "(" name { "," key ":" value } ")"`, a question to a human. */
function readElicitation(out: TextReport, call: Call, inner: Range): Step | undefined {
  const verb = memberOf(ELICITATION_VERBS, call.word);
  if (!verb) return undefined;
  const named = parseNamedCall(out, inner, call);
  if (!named) return undefined;
  const known = new Map<string, Item>();
  const config: Option[] = [];
  for (const option of named.options) {
    const key = option.key === 'prompt' ? 'purpose' : option.key;
    if (!KNOWN_OPTIONS.has(key)) config.push(option);
    else if (known.has(key)) {
      const { start, end } = option.keyRange;
      out.add(
        'language/duplicate-key',
        start,
        end,
        `\`${option.key}\` is given twice; \`prompt\` and \`purpose\` are the same option`,
      );
    } else known.set(key, option.item);
  }
  const from = readText(out, known.get('from'), 'from');
  if (!known.has('from')) {
    const { start, end } = call.wordRange;
    out.add(
      'language/missing-argument',
      start,
      end,
      `\`${verb}(...)\` has no \`from\``,
      'say who is asked, as in `from: claim.manager`',
    );
  }
  const channel = readText(out, known.get('channel'), 'channel');
  const purpose = readText(out, known.get('purpose'), 'purpose');
  const timeout = readText(out, known.get('timeout'), 'timeout');
  const scope = readScopePredicate(out, known.get('scope'));
  const errorItem = known.get('on_error');
  const onError = errorItem ? readOnError(out, errorItem) : 'deny';
  const values = configOf(out, config);
  if (out.failed || from === undefined || !onError || !values) return undefined;
  return {
    kind: 'elicit',
    verb,
    plugin: named.name,
    from,
    ...(channel === undefined ? {} : { channel }),
    ...(scope === undefined ? {} : { scope }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(timeout === undefined ? {} : { timeout }),
    onError,
    config: values,
    text: out.text,
    range: call.range,
  };
}

const KNOWN_OPTIONS: ReadonlySet<string> = new Set(['from', 'channel', 'scope', 'purpose', 'timeout', 'on_error']);

function readText(out: TextReport, item: Item | undefined, key: string): string | undefined {
  if (!item) return undefined;
  const value = argumentValue(out, item);
  if (typeof value === 'string' && value.trim() !== '') return value;
  const { start, end } = item.range;
  if (value !== undefined)
    out.add('language/bad-argument', start, end, `\`${key}\` must be text that is not empty`, 'put it in quotes');
  return undefined;
}

function readScopePredicate(out: TextReport, item: Item | undefined): Extract<Step, { kind: 'elicit' }>['scope'] {
  if (!item) return undefined;
  const { start, end } = item.range;
  if (item.kind === 'list') {
    out.add('language/bad-argument', start, end, '`scope` must be a predicate', 'put it in quotes');
    return undefined;
  }
  const mark = item.kind === 'quoted' ? 1 : 0;
  const predicate = out.inside('scope', () => parsePredicateWithin(out, start + mark, end - mark));
  return predicate && { predicate, text: out.text };
}

function readOnError(out: TextReport, item: Item): 'deny' | 'continue' | undefined {
  const word = item.kind === 'list' ? undefined : onErrorOf(item.value);
  if (word) return word;
  const { start, end } = item.range;
  out.add('language/bad-argument', start, end, `\`on_error\` is ${out.quote(start, end)}`, ON_ERROR_HELP);
  return undefined;
}

export const ON_ERROR_HELP = '`on_error` is `deny` or `continue`';

/** The meaning of an `on_error` value; letter case does not matter. */
export function onErrorOf(word: string): 'deny' | 'continue' | undefined {
  return memberOf(['deny', 'continue'], word.toLowerCase());
}

function configOf(out: TextReport, options: readonly Option[]): ArgumentMap | undefined {
  const pairs = options.map((option) => [option.key, argumentValue(out, option.item)] as const);
  const complete = pairs.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return complete.length < pairs.length ? undefined : argumentMap(complete);
}

/**
 * Whether the text can only be meant as a field operation: `args` or `result`, and behind the first `|` something that
 * is not plainly a predicate. `args.a | args.b` is a predicate, `args.a | redcat` a misspelt operation.
 */
export function looksLikeField(value: string, range: Range): boolean {
  const bar = firstTopLevel(value, range.start, range.end, '|');
  if (bar === undefined) return false;
  const left = value
    .slice(range.start, bar)
    .trim()
    .replace(/'[^']*'|"[^"]*"/g, "''");
  if (!/^(?:args|result)(?:[.[][^\s=!<>&()]*)?$/.test(left)) return false;
  let from = bar + 1;
  while (from <= range.end) {
    const next = firstTopLevel(value, from, range.end, '|') ?? range.end;
    const part = trim(value, from, next);
    if (!isPlainlyPredicate(value.slice(part.start, part.end))) return true;
    from = next + 1;
  }
  return false;
}

function isPlainlyPredicate(text: string): boolean {
  if (/^(?:!|\(|exists\s*\()/.test(text)) return true;
  const path = /^[A-Za-z_]\w*(?:\s*[.[][^\s=!<>&|()]*)*/.exec(text)?.[0];
  if (path === undefined) return false;
  const rest = text.slice(path.length).trim();
  if (rest !== '') return /^(?:==|!=|[<>&=]|(?:contains|in|not)\b)/.test(rest);
  return /[.[]/.test(path) && !/^(?:pii|injection)\./.test(path);
}

/** `("args" | "result") field "|" pipeline` */
export function parseFieldOperation(out: TextReport, range: Range, place: Place): Step | undefined {
  const { value } = out.text;
  const allowed = mayChange(out, range, place, 'a field operation');
  const bar = firstTopLevel(value, range.start, range.end, '|') ?? range.end;
  const left = trim(value, range.start, bar);
  const target = value.startsWith('args', left.start) ? 'args' : 'result';
  const dot = left.start + target.length;
  const from = value.charAt(dot) === '.' ? dot + 1 : dot;
  let path: ReturnType<typeof parseFieldPathWithin>;
  if (from >= left.end) {
    out.add(
      'language/bad-field',
      left.start,
      left.end,
      'the field operation names no field',
      `write \`${target}.name | ...\``,
    );
  } else {
    path = parseFieldPathWithin(out, from, left.end);
  }
  const hasStage = trim(value, bar + 1, range.end).start < range.end;
  if (!hasStage)
    out.add(
      'language/empty-pipeline',
      bar,
      Math.min(bar + 1, range.end),
      'nothing stands behind the `|` of the field operation',
    );
  const advice = `for a predicate put it in parentheses: ${quote(`(${value.slice(range.start, range.end)})`)}`;
  const pipeline = hasStage ? parsePipelineWithin(out, bar + 1, range.end, advice) : undefined;
  if (!allowed || !path || !pipeline) return undefined;
  return { kind: 'field', target, path, pipeline, text: out.text, range };
}

/** False, with a finding, inside `parallel`. */
function mayChange(out: TextReport, range: Range, place: Place, what: string): boolean {
  if (!place.parallel) return true;
  const help = 'put it before or after the `parallel` block, or use `sequential`';
  out.add('language/mutation-in-parallel', range.start, range.end, `${what} cannot stand inside \`parallel\``, help);
  return false;
}

function unknownEffect(out: TextReport, range: Range, word: string | undefined): undefined {
  const { start } = range;
  const end = word === undefined ? range.end : start + word.length;
  if (word === 'require') {
    const message = '`require(...)` is a rule of its own, not an effect';
    out.add('language/misplaced-require', start, end, message, 'write `{when: predicate, do: ["require(...)"]}`');
    return;
  }
  const isMap = word !== undefined && (MAP_STEPS.includes(word) || DIALECTS.includes(word));
  const help = isMap
    ? `\`${word}\` is written as a map, in a \`do\` list: \`{when: predicate, do: [{${word}: ...}]}\``
    : ((word && didYouMean(word, EFFECT_WORDS)) ??
      `the effects are ${EFFECT_WORDS.join(', ')}, and \`args.x | stage\``);
  out.add('language/unknown-effect', start, end, `there is no effect ${out.quote(start, end)}`, help);
}

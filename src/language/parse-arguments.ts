import type { DocumentNode } from '../text/document.ts';
import type { Report } from '../diagnostics/report.ts';
import type { ArgumentMap, ArgumentValue, Range } from './ast.ts';
import type { Call } from './parse-call.ts';
import { closingOf, firstTopLevel, isBlank, splitTopLevel, trim } from './structure.ts';
import type { TextReport } from './text-report.ts';

/** Lists within lists of an argument may nest this deep. */
const MAX_LIST_DEPTH = 16;

/** One value between the commas of an argument list. `range` includes quotes and brackets. */
export type Item =
  | { readonly kind: 'bare'; readonly value: string; readonly range: Range }
  /** Strings have no escapes, so the text stands between the quotes as it is. */
  | { readonly kind: 'quoted'; readonly value: string; readonly range: Range }
  | { readonly kind: 'list'; readonly items: readonly Item[]; readonly range: Range };

/** `key: value` of `delegate(...)` and of the human questions. */
export interface Option {
  readonly key: string;
  readonly keyRange: Range;
  readonly item: Item;
}

/**
 * `[ item { "," item } ]`; blank text gives none. Undefined, with findings, when one is empty or malformed.
 * `owner` names the call in messages. Quotes, brackets and parentheses of the range are balanced.
 */
export function parseItems(out: TextReport, inner: Range, owner: string): readonly Item[] | undefined {
  return readItems(out, inner, owner, 0);
}

/** Like `parseItems`, but an empty place between two commas is only warned of and passed over. */
export function parseFilledItems(out: TextReport, inner: Range, owner: string): readonly Item[] | undefined {
  const parts = splitTopLevel(out.text.value, inner.start, inner.end, ',');
  const filled = parts.filter((part) => part.start < part.end);
  const empty = parts.find((part) => part.start === part.end);
  if (empty && filled.length > 0) {
    const mark = markBefore(out.text.value, empty.start);
    out.add('language/empty-argument', mark, mark + 1, `an argument of \`${owner}(...)\` is empty and not counted`);
  }
  const items = filled.map((part) => readItem(out, part, owner, 0));
  const present = items.filter((item) => item !== undefined);
  return present.length < items.length ? undefined : present;
}

/** Nothing of an empty argument can be marked but the comma, colon or parenthesis before it. */
function markBefore(value: string, offset: number): number {
  let mark = offset - 1;
  while (mark > 0 && isBlank(value.charCodeAt(mark))) mark -= 1;
  return mark;
}

function readItems(out: TextReport, inner: Range, owner: string, depth: number): readonly Item[] | undefined {
  const { value } = out.text;
  const whole = trim(value, inner.start, inner.end);
  if (whole.start === whole.end) return [];
  const items = splitTopLevel(value, whole.start, whole.end, ',').map((part) => readItem(out, part, owner, depth));
  const present = items.filter((item) => item !== undefined);
  return present.length < items.length ? undefined : present;
}

/** `item = quoted | "[" [ item { "," item } ] "]" | bare` */
function readItem(out: TextReport, range: Range, owner: string, depth: number): Item | undefined {
  const { value } = out.text;
  const { start, end } = range;
  if (start === end) {
    const mark = markBefore(value, start);
    out.add('language/bad-argument', mark, mark + 1, `an argument of \`${owner}(...)\` is empty`);
    return undefined;
  }
  const first = value.charAt(start);
  if (first === "'" || first === '"') {
    const close = value.indexOf(first, start + 1);
    if (close === end - 1) return { kind: 'quoted', value: value.slice(start + 1, close), range };
    return malformed(out, range, owner);
  }
  if (first === '[') {
    const found = closingOf(value, start, end);
    if (!('close' in found) || found.close !== end - 1) return malformed(out, range, owner);
    if (depth >= MAX_LIST_DEPTH) {
      out.add('language/limit', start, start + 1, `lists nest deeper than ${MAX_LIST_DEPTH}`);
      return undefined;
    }
    const items = readItems(out, { start: start + 1, end: found.close }, owner, depth + 1);
    return items && { kind: 'list', items, range };
  }
  const text = value.slice(start, end);
  return /['"[\]]/.test(text) ? malformed(out, range, owner) : { kind: 'bare', value: text, range };
}

function malformed(out: TextReport, range: Range, owner: string): undefined {
  const message = `the argument ${out.quote(range.start, range.end)} of \`${owner}(...)\` is neither one word, one quoted text nor one list`;
  out.add('language/bad-argument', range.start, range.end, message, 'put the whole value in quotes');
}

/** `item { "," key ":" item }`: a plugin's name and its options. Undefined, with findings, when something is wrong. */
export function parseNamedCall(
  out: TextReport,
  inner: Range,
  call: Call,
): { readonly name: string; readonly options: readonly Option[] } | undefined {
  const { value } = out.text;
  const [first, ...rest] = splitTopLevel(value, inner.start, inner.end, ',');
  const owner = call.word;
  const name = first && readPluginName(out, first, call);
  const options: Option[] = [];
  const seen = new Set<string>();
  let complete = true;
  for (const part of rest) {
    const option = readOption(out, part, owner, seen);
    if (option) options.push(option);
    else complete = false;
  }
  return name !== undefined && complete ? { name, options } : undefined;
}

/** `name`, the only argument of `plugin(...)` and `run(...)`. */
export function parsePluginName(out: TextReport, inner: Range, call: Call): string | undefined {
  const [first, second] = splitTopLevel(out.text.value, inner.start, inner.end, ',');
  if (second) {
    const { start, end } = second.start < second.end ? second : inner;
    out.add('language/too-many-arguments', start, end, `\`${call.word}(...)\` takes only the name of a plugin`);
    return undefined;
  }
  return first && readPluginName(out, first, call);
}

/** The name in `plugin(name)`, `delegate(name, …)` and the human questions; quotes are optional. */
function readPluginName(out: TextReport, range: Range, call: Call): string | undefined {
  const { value } = out.text;
  const owner = call.word;
  if (range.start === range.end) {
    out.add(
      'language/missing-argument',
      call.range.start,
      call.range.end,
      `\`${owner}(...)\` needs the name of a plugin`,
    );
    return undefined;
  }
  if (
    firstTopLevel(value, range.start, range.end, ':') !== undefined &&
    /^\w+\s*:\s/.test(value.slice(range.start, range.end))
  ) {
    const message = `\`${owner}(...)\` begins with an option, but the name of a plugin comes first`;
    out.add('language/missing-argument', range.start, range.end, message, `write \`${owner}(plugin_name, ...)\``);
    return undefined;
  }
  const item = readItem(out, range, owner, 0);
  if (!item) return undefined;
  if (item.kind === 'list' || item.value.trim() === '') {
    out.add('language/bad-argument', range.start, range.end, `\`${owner}(...)\` needs the name of a plugin`);
    return undefined;
  }
  return item.value;
}

const OPTION_KEY = /^[A-Za-z_][\w.-]*$/;

function readOption(out: TextReport, part: Range, owner: string, seen: Set<string>): Option | undefined {
  const { value } = out.text;
  if (part.start === part.end) {
    readItem(out, part, owner, 0);
    return undefined;
  }
  const colon = firstTopLevel(value, part.start, part.end, ':');
  if (colon === undefined) {
    const message = `the option ${out.quote(part.start, part.end)} of \`${owner}(...)\` has no \`:\``;
    out.add('language/bad-argument', part.start, part.end, message, 'write `key: value`');
    return undefined;
  }
  const keyRange = trim(value, part.start, colon);
  const key = value.slice(keyRange.start, keyRange.end).replace(/^(['"])(.*)\1$/s, '$2');
  if (!OPTION_KEY.test(key)) {
    const message =
      key.trim() === ''
        ? `an option of \`${owner}(...)\` has no name before its \`:\``
        : `${out.quote(keyRange.start, keyRange.end)} is not the name of an option of \`${owner}(...)\``;
    out.add('language/bad-argument', part.start, key.trim() === '' ? colon + 1 : keyRange.end, message);
    return undefined;
  }
  if (key === 'plugin') {
    const message = `\`plugin\` is not an option of \`${owner}(...)\``;
    out.add(
      'language/bad-argument',
      keyRange.start,
      keyRange.end,
      message,
      'the name of the plugin is the first argument',
    );
    return undefined;
  }
  if (seen.has(key)) {
    out.add('language/duplicate-key', keyRange.start, keyRange.end, `\`${key}\` is already given`);
    return undefined;
  }
  seen.add(key);
  const item = readItem(out, trim(value, colon + 1, part.end), owner, 0);
  return item && { key, keyRange, item };
}

const INTEGER = /^-?[0-9]+$/;
const FLOAT = /^-?[0-9]+\.[0-9]+$/;

/** The value of an option: `true`, `false` and numbers when bare, text otherwise, or a list of these. */
export function argumentValue(out: TextReport, item: Item): ArgumentValue | undefined {
  if (item.kind === 'quoted') return item.value;
  if (item.kind === 'list') {
    const values = item.items.map((each) => argumentValue(out, each));
    const present = values.filter((value) => value !== undefined);
    return present.length < values.length ? undefined : present;
  }
  if (item.value === 'true') return true;
  if (item.value === 'false') return false;
  const isInteger = INTEGER.test(item.value);
  if (!isInteger && !FLOAT.test(item.value)) return item.value;
  const value = Number(item.value);
  if (isInteger ? Number.isSafeInteger(value) : Number.isFinite(value)) return value === 0 ? 0 : value;
  const { start, end } = item.range;
  const message = `${out.quote(start, end)} cannot be held without rounding`;
  out.add('language/bad-number', start, end, message, 'put it in quotes');
  return undefined;
}

/** A document value as an argument. Undefined, with a finding, for a number that would be rounded. */
export function argumentOfNode(node: DocumentNode, report: Report): ArgumentValue | undefined {
  switch (node.kind) {
    case 'scalar':
      if (typeof node.value !== 'bigint' && (typeof node.value !== 'number' || Number.isFinite(node.value)))
        return node.value;
      report.add('language/bad-number', node.span, `\`${node.value}\` cannot be held without rounding`, {
        help: 'put it in quotes',
      });
      return undefined;
    case 'sequence': {
      const values = node.items.map((item) => argumentOfNode(item, report));
      const present = values.filter((value) => value !== undefined);
      return present.length < values.length ? undefined : present;
    }
    case 'map': {
      const pairs: [string, ArgumentValue][] = [];
      for (const entry of node.entries) {
        const value = argumentOfNode(entry.value, report);
        if (value !== undefined) pairs.push([entry.key, value]);
      }
      return pairs.length < node.entries.length ? undefined : argumentMap(pairs);
    }
  }
}

/** Keys become own properties, whatever their names. */
export function argumentMap(pairs: Iterable<readonly [string, ArgumentValue]>): ArgumentMap {
  return Object.fromEntries(pairs);
}

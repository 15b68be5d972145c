import { RE2JS } from 're2js';
import { didYouMean } from '../diagnostics/nearest.ts';
import type { Range, Stage } from './ast.ts';
import { parseFilledItems, parseItems, parsePluginName } from './parse-arguments.ts';
import { type Call, parseCall, wordAt } from './parse-call.ts';
import { parsePredicateWithin } from './parse-predicate.ts';
import { parseTaint } from './parse-taint.ts';
import { trim } from './structure.ts';
import type { TextReport } from './text-report.ts';
import { FORMAT_STAGES, memberOf, SCAN_STAGES, STAGE_WORDS, TYPE_STAGES } from './vocabulary.ts';

/** One stage of a pipeline, `range` trimmed and not empty; `advice` is given when it is like none there is. Source: policy language, section 4. */
export function parseStage(out: TextReport, range: Range, advice?: string): Stage | undefined {
  const { value } = out.text;
  if (isBounds(value, range)) {
    const bounds = readBounds(out, range, true);
    return bounds && { kind: 'range', ...bounds, range };
  }
  const word = wordAt(value, range.start, range.end);
  if (word === undefined) return unknownStage(out, range, advice);
  if (word === 'validate') {
    const message = '`validate` is not supported; the stages to use are `regex(...)` and `plugin(...)`';
    const help = 'use `regex("...")` for a pattern or `plugin(name)` for code';
    out.add('language/validate-unsupported', range.start, range.end, message, help);
    return undefined;
  }
  if (!STAGE_WORDS.includes(word))
    return unknownStage(out, { start: range.start, end: range.start + word.length }, advice);
  const call = parseCall(out, range.start, range.end, word);
  return call && stageOf(out, call);
}

function stageOf(out: TextReport, call: Call): Stage | undefined {
  const { word, range, inner } = call;
  const type = memberOf(TYPE_STAGES, word);
  if (type) return withoutArguments(out, call) ? { kind: 'type', type, range } : undefined;
  const format = memberOf(FORMAT_STAGES, word);
  if (format) return withoutArguments(out, call) ? { kind: 'format', format, range } : undefined;
  const scan = memberOf(SCAN_STAGES, word);
  if (scan) return withoutArguments(out, call) ? { kind: 'scan', scan, range } : undefined;
  if (word === 'omit' || word === 'hash') return withoutArguments(out, call) ? { kind: word, range } : undefined;
  if (word === 'redact') return readRedact(out, call);
  if (!inner) {
    const { start, end } = call.wordRange;
    out.add(
      'language/missing-argument',
      start,
      end,
      `\`${word}\` needs an argument`,
      `write \`${FORMS[word] ?? word}\``,
    );
    return undefined;
  }
  switch (word) {
    case 'len':
      return readLength(out, inner, range);
    case 'enum':
      return readEnum(out, inner, range);
    case 'regex':
      return readRegex(out, inner, range);
    case 'mask':
      return readMask(out, inner, range);
    case 'taint': {
      const taint = parseTaint(out, inner);
      return taint && { kind: 'taint', ...taint, range };
    }
    default: {
      const name = parsePluginName(out, inner, call);
      return name === undefined ? undefined : { kind: 'plugin', name, range };
    }
  }
}

const FORMS: Readonly<Record<string, string>> = {
  len: 'len(1..100)',
  enum: 'enum(a, b)',
  regex: 'regex("...")',
  mask: 'mask(4)',
  taint: 'taint(label)',
  plugin: 'plugin(name)',
  run: 'run(name)',
};

function unknownStage(out: TextReport, range: Range, advice: string | undefined): undefined {
  const written = out.text.value.slice(range.start, range.end);
  const help =
    didYouMean(written, STAGE_WORDS) ??
    advice ??
    `the stages are ranges such as \`0..100\`, and ${STAGE_WORDS.join(', ')}`;
  out.add(
    'language/unknown-stage',
    range.start,
    range.end,
    `there is no stage ${out.quote(range.start, range.end)}`,
    help,
  );
}

function withoutArguments(out: TextReport, call: Call): boolean {
  if (!call.inner) return true;
  const { start, end } = call.inner;
  out.add(
    'language/too-many-arguments',
    start - 1,
    end + 1,
    `\`${call.word}\` takes no argument`,
    `write \`${call.word}\``,
  );
  return false;
}

function readRedact(out: TextReport, { inner, range }: Call): Stage | undefined {
  if (!inner) return { kind: 'redact', range };
  const text = trim(out.text.value, inner.start, inner.end);
  if (text.start === text.end) {
    const message = '`redact()` names no predicate';
    out.add('language/missing-predicate', range.start, range.end, message, 'write `redact` or `redact(predicate)`');
    return undefined;
  }
  const when = out.inside('redact(...)', () => parsePredicateWithin(out, text.start, text.end));
  return when && { kind: 'redact', when, range };
}

function readEnum(out: TextReport, inner: Range, range: Range): Stage | undefined {
  const items = parseFilledItems(out, inner, 'enum');
  if (!items) return undefined;
  const values: string[] = [];
  for (const item of items) {
    if (item.kind === 'list') {
      out.add(
        'language/bad-argument',
        item.range.start,
        item.range.end,
        '`enum(...)` takes its values without brackets',
      );
      return undefined;
    }
    values.push(item.value);
  }
  if (values.length > 0) return { kind: 'enum', values: [...new Set(values)], range };
  out.add('language/missing-argument', range.start, range.end, '`enum(...)` lists no value', 'write `enum(a, b)`');
  return undefined;
}

function readRegex(out: TextReport, inner: Range, range: Range): Stage | undefined {
  const items = parseItems(out, inner, 'regex');
  if (!items) return undefined;
  const [item, surplus] = items;
  if (!item) {
    out.add('language/missing-argument', range.start, range.end, '`regex()` has no pattern', 'write `regex("...")`');
    return undefined;
  }
  const { start, end } = surplus?.range ?? item.range;
  if (surplus || item.kind !== 'quoted') {
    const code = surplus ? 'language/too-many-arguments' : 'language/bad-argument';
    out.add(code, start, end, '`regex(...)` takes one pattern in quotes', 'write `regex("...")`');
    return undefined;
  }
  const problem = regexProblem(item.value);
  if (problem === undefined) return { kind: 'regex', pattern: item.value, range };
  const help = 'patterns are those of RE2, without look-around and back-references';
  out.add('language/bad-regex', start, end, `the pattern of \`regex(...)\` does not compile: ${problem}`, help);
  return undefined;
}

/** Why `pattern` does not compile. The library throws nothing but errors about the pattern, its own stack overflow included. */
function regexProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown error';
  }
}

function readMask(out: TextReport, inner: Range, range: Range): Stage | undefined {
  const { start, end } = trim(out.text.value, inner.start, inner.end);
  const keep = /^[0-9]+$/.test(out.text.value.slice(start, end))
    ? Number(out.text.value.slice(start, end))
    : Number.NaN;
  if (Number.isSafeInteger(keep)) return { kind: 'mask', keep, range };
  const message = '`mask(...)` takes how many characters stay readable, a whole number from 0';
  out.add(
    'language/bad-argument',
    start === end ? range.start : start,
    start === end ? range.end : end,
    message,
    'write `mask(4)`',
  );
  return undefined;
}

function readLength(out: TextReport, inner: Range, range: Range): Stage | undefined {
  const { start, end } = trim(out.text.value, inner.start, inner.end);
  const complain = (message: string, help?: string): undefined => {
    out.add('language/bad-range', start === end ? range.start : start, start === end ? range.end : end, message, help);
  };
  const written = out.text.value.slice(start, end);
  if (!written.includes('..')) {
    const help = /^[0-9]+$/.test(written) ? `write \`len(${written}..${written})\`` : 'write `len(1..100)`';
    return complain('`len(...)` takes a range', help);
  }
  const bounds = readBounds(out, { start, end }, false);
  if (!bounds) return undefined;
  const { minimum, maximum } = bounds;
  if (typeof minimum === 'bigint' || typeof maximum === 'bigint')
    return complain('the bounds of `len(...)` are too large');
  return {
    kind: 'length',
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    range,
  };
}

/** Whether the text can only be meant as a range: it begins like a number or with a dot. */
function isBounds(value: string, range: Range): boolean {
  return /[-+.0-9]/.test(value.charAt(range.start));
}

const BOUNDS = /^(?:(-?[0-9]+)([kKmM]?))?\s*\.\.\s*(?:(-?[0-9]+)([kKmM]?))?$/;

/** `[ bound ] ".." [ bound ]`, at least one, `bound = ["-"] digits [ "k" | "K" | "m" | "M" ]`; both inclusive. */
function readBounds(
  out: TextReport,
  range: Range,
  signed: boolean,
): { readonly minimum?: number | bigint; readonly maximum?: number | bigint } | undefined {
  const { start, end } = range;
  const written = out.text.value.slice(start, end);
  const owner = signed ? 'range' : '`len(...)` range';
  const found = BOUNDS.exec(written);
  const [, low, lowSuffix, high, highSuffix] = found ?? [];
  if (!found || (low === undefined && high === undefined)) {
    const help = /^-?[0-9]+$/.test(written)
      ? `write \`${written}..${written}\``
      : 'write `low..high`, `low..` or `..high` with whole numbers; `k` stands for thousands, `m` for millions';
    out.add('language/bad-range', start, end, `${out.quote(start, end)} is not a ${owner}`, help);
    return undefined;
  }
  const minimum = low === undefined ? undefined : boundOf(low, lowSuffix);
  const maximum = high === undefined ? undefined : boundOf(high, highSuffix);
  const negative = !signed && ((minimum !== undefined && minimum < 0) || (maximum !== undefined && maximum < 0));
  if (negative) {
    out.add('language/bad-range', start, end, `the ${owner} ${out.quote(start, end)} has a negative bound`);
    return undefined;
  }
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
    const message = `the ${owner} ${out.quote(start, end)} holds no number, so every value is denied`;
    out.add('language/empty-range', start, end, message, 'the lower bound comes first');
  }
  return { ...(minimum === undefined ? {} : { minimum }), ...(maximum === undefined ? {} : { maximum }) };
}

function boundOf(digits: string, suffix = ''): number | bigint {
  const factor = { '': 1, k: 1000, m: 1_000_000 }[suffix.toLowerCase()] ?? 1;
  const value = Number(digits) * factor;
  if (!Number.isSafeInteger(value)) return BigInt(digits) * BigInt(factor);
  return value === 0 ? 0 : value;
}

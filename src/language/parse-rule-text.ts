import { didYouMean, nearest } from '../diagnostics/nearest.ts';
import type { Report } from '../diagnostics/report.ts';
import type { Text } from '../text/text.ts';
import type { Predicate, Range, Step } from './ast.ts';
import { parseCall, wordAt } from './parse-call.ts';
import { looksLikeField, parseEffect, parseFieldOperation, type Place } from './parse-effect.ts';
import { quotesClose } from './parse-pipeline.ts';
import { parsePredicateWithin, parseRequirements } from './parse-predicate.ts';
import { lastTopLevel, splitTopLevel, trim } from './structure.ts';
import { TextReport } from './text-report.ts';
import { CALLED_WORDS, EFFECT_WORDS, RESERVED_WORDS, STAGE_WORDS } from './vocabulary.ts';

/**
 * A rule written as a string: `require | effect | predicate ":" effect | predicate`. The split is at the last `:` outside
 * quotes, brackets and parentheses. Undefined when anything was reported as an error. Source: policy language, section 2.
 */
export function parseRuleText(text: Text, report: Report, place: Place): Step | undefined {
  const out = new TextReport(text, report);
  if (!out.fits() || !quotesClose(out, 0, text.value.length)) return undefined;
  const range = trim(text.value, 0, text.value.length);
  if (range.start === range.end) {
    out.add('language/syntax', 0, text.value.length, 'the rule is empty');
    return undefined;
  }
  const step = readRule(out, range, place);
  return out.failed ? undefined : step;
}

function readRule(out: TextReport, range: Range, place: Place): Step | undefined {
  const { value } = out.text;
  const { start, end } = range;
  if (/^require\s*\(/.test(value.slice(start, end))) return readRequire(out, range);
  const colon = lastTopLevel(value, start, end, ':');
  if (colon !== undefined) return readConditional(out, range, colon, place);
  if (looksLikeField(value, range)) return parseFieldOperation(out, range, place);
  const word = wordAt(value, start, end);
  if (word !== undefined) {
    const rest = trim(value, start + word.length, end);
    const isCall = value.charAt(rest.start) === '(' && rest.start < end;
    const isWhole = rest.start === rest.end;
    if (EFFECT_WORDS.includes(word) && (isCall || isWhole)) return parseEffect(out, range, place);
    if (isCall && word !== 'exists') return parseEffect(out, range, place);
    if (isWhole && place.effects && !word.includes('.') && !RESERVED_WORDS.has(word)) {
      const help = didYouMean(word, EFFECT_WORDS) ?? `to deny when this attribute is true write \`${word}: deny\``;
      out.add('language/unknown-effect', start, end, `there is no effect ${out.quote(start, end)}`, help);
      return undefined;
    }
  }
  return readBarePredicate(out, range);
}

/** `"require" "(" requirements ")"` */
function readRequire(out: TextReport, range: Range): Step | undefined {
  const call = parseRequireCall(out, range);
  if (!call?.inner) return undefined;
  const inner = trim(out.text.value, call.inner.start, call.inner.end);
  if (inner.start === inner.end) {
    out.add('language/missing-predicate', range.start, range.end, '`require(...)` names nothing to require');
    return undefined;
  }
  const predicates = parseRequirements(out, inner.start, inner.end);
  return predicates && { kind: 'require', predicates, text: out.text, range };
}

function parseRequireCall(out: TextReport, range: Range): ReturnType<typeof parseCall> {
  const { value } = out.text;
  const colon = lastTopLevel(value, range.start, range.end, ':');
  if (colon === undefined) return parseCall(out, range.start, range.end, 'require');
  const help = '`require(...)` denies by itself; for a reason of your own write `predicate: deny(...)`';
  out.add('language/misplaced-require', colon, range.end, 'nothing may stand behind `require(...)`', help);
  return undefined;
}

/** `predicate ":" effect` */
function readConditional(out: TextReport, range: Range, colon: number, place: Place): Step | undefined {
  const { text } = out;
  const left = trim(text.value, range.start, colon);
  const right = trim(text.value, colon + 1, range.end);
  let predicate: Predicate | undefined;
  if (left.start < left.end) predicate = parsePredicateWithin(out, left.start, left.end);
  else
    out.add(
      'language/missing-predicate',
      colon,
      colon + 1,
      'no predicate stands before the `:`',
      'for an unconditional effect leave out the `:`',
    );
  let effect: Step | undefined;
  if (right.start < right.end) effect = parseEffect(out, right, place);
  else
    out.add('language/missing-effect', colon, colon + 1, 'no effect stands behind the `:`', 'write `predicate: deny`');
  return predicate && effect && { kind: 'when', predicate, predicateText: text, steps: [effect], text, range };
}

/** `predicate` alone denies when it holds. */
function readBarePredicate(out: TextReport, range: Range): Step | undefined {
  const { text } = out;
  const { start, end } = range;
  const written = text.value.slice(start, end);
  if (CALLED_WORDS.includes(written)) {
    out.add('language/missing-argument', start, end, `\`${written}\` needs an argument`, `write \`${written}(...)\``);
    return undefined;
  }
  const predicate = parsePredicateWithin(out, start, end);
  if (!predicate) return undefined;
  const [near] = predicate.kind === 'truthy' ? nearest(written, EFFECT_WORDS) : [];
  if (near !== undefined && !written.includes('.')) {
    const message = `${out.quote(start, end)} is an attribute: this rule denies when it is true`;
    out.add('language/looks-like-effect', start, end, message, `did you mean \`${near}\`?`);
  }
  warnOfStages(out, predicate, range);
  const deny: Step = { kind: 'deny', text, range };
  return { kind: 'when', predicate, predicateText: text, steps: [deny], text, range };
}

function warnOfStages(out: TextReport, predicate: Predicate, range: Range): void {
  if (predicate.kind !== 'or') return;
  const [, ...parts] = splitTopLevel(out.text.value, range.start, range.end, '|');
  const stage = parts.find((part) => STAGE_WORDS.includes(out.text.value.slice(part.start, part.end)));
  if (!stage) return;
  const message = `${out.quote(stage.start, stage.end)} is an attribute here, not a stage: this rule denies when it is true`;
  const help = 'a field operation begins with `args.` or `result.`';
  out.add('language/stage-in-predicate', stage.start, stage.end, message, help);
}

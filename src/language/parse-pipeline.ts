import type { Report } from '../diagnostics/report.ts';
import type { Text } from '../text/text.ts';
import type { Pipeline, Stage } from './ast.ts';
import { parseStage } from './parse-stage.ts';
import { splitTopLevel, trim, unterminatedQuote } from './structure.ts';
import { TextReport } from './text-report.ts';

/** Parses all of `text` as a pipeline; ranges are offsets into it. Source: policy language, section 4. */
export function parsePipeline(text: Text, report: Report): Pipeline | undefined {
  const out = new TextReport(text, report);
  return out.fits() ? parsePipelineWithin(out, 0, text.value.length) : undefined;
}

/**
 * `pipeline = [ stage ] { "|" [ stage ] }`, with at least one stage; empty parts are passed over. `advice` is given for a
 * stage that is like none there is.
 */
export function parsePipelineWithin(
  out: TextReport,
  start: number,
  end: number,
  advice?: string,
): Pipeline | undefined {
  const { value } = out.text;
  if (!quotesClose(out, start, end)) return undefined;
  const parts = splitTopLevel(value, start, end, '|').filter((part) => part.start < part.end);
  if (parts.length === 0) {
    const whole = trim(value, start, end);
    const from = whole.start < whole.end ? whole.start : start;
    out.add('language/empty-pipeline', from, Math.max(from, whole.end), 'the pipeline has no stage');
    return undefined;
  }
  const stages = parts.map((part) => parseStage(out, part, advice));
  const present: Stage[] = stages.filter((stage) => stage !== undefined);
  const omit = present.findIndex((stage) => stage.kind === 'omit');
  const unreachable = omit === -1 ? undefined : present[omit + 1];
  if (unreachable) {
    const { start: from, end: to } = unreachable.range;
    out.add('language/unreachable-stage', from, to, `${out.quote(from, to)} stands behind \`omit\` and never runs`);
  }
  return present.length < stages.length ? undefined : { kind: 'pipeline', stages: present.slice(), text: out.text };
}

/** False, with a finding, when a quote between `start` and `end` is never closed. */
export function quotesClose(out: TextReport, start: number, end: number): boolean {
  const open = unterminatedQuote(out.text.value, start, end);
  if (open === undefined) return true;
  const mark = out.text.value.charAt(open);
  const help = 'close it with the same quote; text that holds this quote goes in quotes of the other kind';
  out.add('language/unterminated-string', open, end, `the string that begins with ${mark} is unterminated`, help);
  return false;
}

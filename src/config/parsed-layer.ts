import type { Report } from '../diagnostics/report.ts';
import type { CompileScope } from '../engine/compile-scope.ts';
import type { StepForecast } from '../engine/forecast.ts';
import type { Phase } from '../engine/operation.ts';
import type { LayerField } from '../engine/program.ts';
import type { CompiledStep } from '../engine/steps.ts';
import { parseRules } from '../language/parse-rule.ts';
import { entryOf, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import type { KnownTexts } from './known-texts.ts';
import { ParsedField } from './parsed-field.ts';
import { ParsedRule, type RuleList } from './parsed-rule.ts';
import type { PolicyTerms } from './policy-terms.ts';

// What stays and was put together entry by entry is copied with `slice()`, since such a list keeps room for many more.

/** The policy of one section, parsed but not yet bound to plugins. */
export interface ParsedLayer {
  readonly place: string;
  readonly args: readonly ParsedField[];
  readonly pre: readonly ParsedRule[];
  readonly result: readonly ParsedField[];
  readonly post: readonly ParsedRule[];
}

/** The compiled terms of a layer. */
export interface CompiledLayer {
  readonly args: readonly LayerField[];
  readonly pre: readonly CompiledStep[];
  readonly result: readonly LayerField[];
  readonly post: readonly CompiledStep[];
  /** Of `pre`. */
  readonly forecasts: readonly StepForecast[];
}

export function parseLayer(terms: PolicyTerms, place: string, texts: KnownTexts, report: Report): ParsedLayer {
  const phase = (node: DocumentNode | undefined, list: RuleList['name']): readonly ParsedRule[] =>
    rulesOf(node, { place, name: list }, texts, report);
  return {
    place,
    args: parseFields(terms.args, `${place}.args`, texts, report),
    pre: phase(terms.pre, 'pre_invocation'),
    result: parseFields(terms.result, `${place}.result`, texts, report),
    post: phase(terms.post, 'post_invocation'),
  };
}

const NONE: readonly never[] = [];

function rulesOf(
  node: DocumentNode | undefined,
  list: RuleList,
  texts: KnownTexts,
  report: Report,
): readonly ParsedRule[] {
  if (node?.kind !== 'sequence' || node.items.length === 0) return NONE;
  const rules = parseRules(node, report, { listName: list.name, parse: (item) => texts.rule(item, report) }) ?? NONE;
  return rules.map((known, index) => new ParsedRule(known, node.items[index] ?? node, list, index));
}

function parseFields(
  map: MapNode | undefined,
  place: string,
  texts: KnownTexts,
  report: Report,
): readonly ParsedField[] {
  if (map === undefined || map.entries.length === 0) return NONE;
  const fields = map.entries.map((entry) => parseField(entry, place, texts, report));
  return fields.filter((field) => field !== undefined).slice();
}

function parseField(entry: MapEntry, place: string, texts: KnownTexts, report: Report): ParsedField | undefined {
  const path = texts.fieldPath(entry, report);
  const { value } = entry;
  const written = value.kind === 'map' ? entryOf(value, 'pipeline')?.value : value;
  if (written?.kind !== 'scalar' || typeof written.value !== 'string') return undefined;
  const append = value.kind === 'map' ? entryOf(value, 'append')?.value : undefined;
  const known = texts.pipeline(written, report);
  if (path === undefined || known === undefined) return undefined;
  return new ParsedField(entry, path, known, written, place, append?.kind === 'scalar' && append.value === true);
}

/** Binds a layer to the plugins and decision points of `scope`. */
export function compileLayer(layer: ParsedLayer, scope: CompileScope): CompiledLayer {
  return {
    args: compileFields(layer.args, 'args', scope),
    pre: compileRules(layer.pre, 'pre', scope),
    result: compileFields(layer.result, 'result', scope),
    post: compileRules(layer.post, 'post', scope),
    forecasts: layer.pre.length === 0 ? NONE : layer.pre.flatMap(({ known }) => known.forecasts(scope)).slice(),
  };
}

function compileRules(rules: readonly ParsedRule[], phase: Phase, scope: CompileScope): readonly CompiledStep[] {
  return rules.length === 0 ? NONE : rules.map((rule) => rule.compile(phase, scope));
}

function compileFields(
  fields: readonly ParsedField[],
  target: 'args' | 'result',
  scope: CompileScope,
): readonly LayerField[] {
  return fields.length === 0 ? NONE : fields.map((field) => field.compile(target, scope));
}

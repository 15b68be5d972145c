import type { Report } from '../diagnostics/report.ts';
import type { CompileScope } from '../engine/compile-scope.ts';
import { compileField } from '../engine/field-pipeline.ts';
import { forecastSteps, type StepForecast } from '../engine/forecast.ts';
import type { Phase } from '../engine/operation.ts';
import type { LayerField } from '../engine/program.ts';
import { compileStep, type CompiledStep } from '../engine/steps.ts';
import type { FieldPath, Pipeline, Step } from '../language/ast.ts';
import { parseFieldPath } from '../language/parse-field-path.ts';
import { parsePipeline } from '../language/parse-pipeline.ts';
import { parseRules } from '../language/parse-rule.ts';
import { entryOf, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import type { PolicyTerms } from './policy-terms.ts';

/** A field and its pipeline as written. `place` is the code of its refusals. */
export interface ParsedField {
  readonly name: string;
  readonly place: string;
  readonly path: FieldPath;
  readonly pipeline: Pipeline;
  readonly append: boolean;
  readonly keySpan: Span;
}

/** A rule as written and the code of its denials. */
export interface ParsedRule {
  readonly step: Step;
  readonly place: string;
}

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

export function parseLayer(terms: PolicyTerms, place: string, report: Report): ParsedLayer {
  return {
    place,
    args: parseFields(terms.args, `${place}.args`, report),
    pre: parsePhase(terms.pre, 'pre_invocation', place, report),
    result: parseFields(terms.result, `${place}.result`, report),
    post: parsePhase(terms.post, 'post_invocation', place, report),
  };
}

function parsePhase(
  node: DocumentNode | undefined,
  listName: 'pre_invocation' | 'post_invocation',
  place: string,
  report: Report,
): readonly ParsedRule[] {
  if (node?.kind !== 'sequence') return [];
  const steps = parseRules(node, report, { listName }) ?? [];
  return steps.map((step, index) => ({ step, place: `${place}.${listName}[${index}]` }));
}

function parseFields(map: MapNode | undefined, place: string, report: Report): readonly ParsedField[] {
  return (map?.entries ?? []).flatMap((entry) => parseField(entry, place, report) ?? []);
}

function parseField(entry: MapEntry, place: string, report: Report): ParsedField | undefined {
  const path = parseFieldPath(entry.keyText, report);
  const { value } = entry;
  const pipelineNode = value.kind === 'map' ? entryOf(value, 'pipeline')?.value : value;
  if (pipelineNode?.kind !== 'scalar' || typeof pipelineNode.value !== 'string') return undefined;
  const append = value.kind === 'map' ? entryOf(value, 'append')?.value : undefined;
  const pipeline = parsePipeline(pipelineNode.text, report);
  if (path === undefined || pipeline === undefined) return undefined;
  return {
    name: entry.key,
    place: `${place}.${entry.key}`,
    path,
    pipeline,
    append: append?.kind === 'scalar' && append.value === true,
    keySpan: entry.keySpan,
  };
}

/** Binds a layer to the plugins and decision points of `scope`. */
export function compileLayer(layer: ParsedLayer, scope: CompileScope): CompiledLayer {
  return {
    args: layer.args.map((field) => compileLayerField(field, 'args', scope)),
    pre: compileRules(layer.pre, 'pre', scope),
    result: layer.result.map((field) => compileLayerField(field, 'result', scope)),
    post: compileRules(layer.post, 'post', scope),
    forecasts: forecastSteps(
      layer.pre.map(({ step }) => step),
      scope,
    ),
  };
}

function compileRules(rules: readonly ParsedRule[], phase: Phase, scope: CompileScope): readonly CompiledStep[] {
  return rules.map(({ step, place }) => compileStep(step, { phase, place }, scope));
}

function compileLayerField(field: ParsedField, target: 'args' | 'result', scope: CompileScope): LayerField {
  const { run, atRoot } = compileField(field, target, scope);
  return {
    name: field.name,
    append: field.append,
    step: { place: field.place, at: field.keySpan, code: { run } },
    atRoot,
  };
}

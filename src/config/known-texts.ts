import type { Report } from '../diagnostics/report.ts';
import type { CompileScope } from '../engine/compile-scope.ts';
import { forecastSteps, type StepForecast } from '../engine/forecast.ts';
import type { Phase } from '../engine/operation.ts';
import type { StepCode } from '../engine/steps.ts';
import type { FieldPath, Pipeline, Step } from '../language/ast.ts';
import { parseFieldPath } from '../language/parse-field-path.ts';
import { parsePipeline } from '../language/parse-pipeline.ts';
import { parseRule } from '../language/parse-rule.ts';
import { withText } from '../language/with-text.ts';
import type { DocumentNode, MapEntry, ScalarNode } from '../text/document.ts';
import { notesOf, type Note } from './notes.ts';

/** What a text means wherever it is written. Ranges in `root` hold everywhere, its texts are those of one place. */
export class KnownText<Root extends Step | Pipeline> {
  readonly root: Root;
  #pre: readonly Note[] | undefined;
  #post: readonly Note[] | undefined;

  constructor(root: Root) {
    this.root = root;
  }

  notes(phase: Phase): readonly Note[] {
    return phase === 'pre' ? (this.#pre ??= notesOf(this.root, phase)) : (this.#post ??= notesOf(this.root, phase));
  }
}

export class KnownRule extends KnownText<Step> {
  #forecasts: readonly StepForecast[] | undefined;
  #code: StepCode | undefined;
  #isShared = false;

  /** Made once: they hang on nothing but the rule and the data of the bundle. */
  forecasts(scope: CompileScope): readonly StepForecast[] {
    return (this.#forecasts ??= forecastSteps([this.root], scope));
  }

  /** The code of the rule in one more place, made by `compile` unless two places got the same before. */
  code(compile: () => StepCode): StepCode {
    if (this.#code !== undefined && this.#isShared) return this.#code;
    const code = compile();
    this.#isShared = this.#code === code;
    this.#code = code;
    return code;
  }
}

/**
 * The rules, pipelines and field paths of one load by their text, each parsed once however often the bundle repeats it.
 * A text of which anything was reported is parsed anew in each place, so that all of them are told.
 */
export class KnownTexts {
  readonly #rules = new Map<string, KnownRule>();
  readonly #pipelines = new Map<string, KnownText<Pipeline>>();
  readonly #paths = new Map<string, FieldPath>();

  /** An entry of a rule list. Undefined when anything in it was reported as an error. */
  rule(node: DocumentNode, report: Report): KnownRule | undefined {
    if (node.kind !== 'scalar' || typeof node.value !== 'string') return fresh(parseRule(node, report));
    const known = this.#rules.get(node.value);
    if (known !== undefined) return known;
    const { given } = report;
    const rule = fresh(parseRule(node, report));
    const repeatable = rule !== undefined && withText(rule.root, rule.root.text) !== undefined;
    if (repeatable && report.given === given) this.#rules.set(node.value, rule);
    return rule;
  }

  pipeline(node: ScalarNode, report: Report): KnownText<Pipeline> | undefined {
    const known = typeof node.value === 'string' ? this.#pipelines.get(node.value) : undefined;
    if (known !== undefined) return known;
    const { given } = report;
    const { text } = node;
    const pipeline = parsePipeline(text, report);
    if (pipeline === undefined) return undefined;
    const made = new KnownText(pipeline);
    if (report.given === given) this.#pipelines.set(text.value, made);
    return made;
  }

  fieldPath(entry: MapEntry, report: Report): FieldPath | undefined {
    const known = this.#paths.get(entry.key);
    if (known !== undefined) return known;
    const { given } = report;
    const path = parseFieldPath(entry.keyText, report);
    if (path !== undefined && report.given === given) this.#paths.set(entry.key, path);
    return path;
  }
}

function fresh(step: Step | undefined): KnownRule | undefined {
  return step && new KnownRule(step);
}

import type { RootField } from './field-walk.ts';
import type { StepForecast } from './forecast.ts';
import type { JsonValue, Phase } from './operation.ts';
import type { Halt } from './halt.ts';
import type { PluginHandle } from './plugin-handle.ts';
import type { CompiledStep, StepList } from './steps.ts';

/** A field's pipeline in a layer. */
export interface LayerField {
  readonly name: string;
  readonly step: CompiledStep;
  /** Runs after the broader layers' pipeline of the field instead of replacing it. */
  readonly append: boolean;
  readonly atRoot: RootField | undefined;
}

/** What one phase of an operation runs. */
export interface PhaseProgram extends StepList {
  /** Undefined when no plugin hears of the phase besides its steps. */
  readonly listeners: PhaseListeners | undefined;
}

/** Plugins that have no say in a phase. */
export interface PhaseListeners {
  /** Run after the phase whatever it decided. */
  readonly audit: readonly PluginHandle[];
  /** Run in the background after the phase allowed. */
  readonly background: readonly PluginHandle[];
  /** Hear of what the phase decided. */
  readonly observers: readonly PluginHandle[];
}

/** All that one operation runs, in both phases. */
export interface Program extends Readonly<Record<Phase, PhaseProgram>> {
  /** Of the steps of `pre` that can have one. */
  readonly forecasts: readonly StepForecast[];
  /** `http.status`, `http.body`, `http.headers` for denials. */
  readonly response: Readonly<Record<string, JsonValue>> | undefined;
  /** The denial of requests that no route matches, after the layers. */
  readonly unmatched: Halt | undefined;
  readonly authentication: readonly PluginHandle[];
}

/**
 * The fields that run after layering, broadest layer first. Of two pipelines of one field the more specific replaces
 * the other, unless it appends. Source: bundle specification, "The policy visitor", point 6.
 */
export function layerFields<Field extends { readonly name: string; readonly append: boolean }>(
  layers: readonly (readonly Field[])[],
): readonly Field[] {
  let fields: readonly Field[] = [];
  for (const layer of layers) {
    if (layer.length === 0) continue;
    const replaced = new Set(layer.filter((field) => !field.append).map((field) => field.name));
    fields = fields.length === 0 ? layer : [...fields.filter((field) => !replaced.has(field.name)), ...layer];
  }
  return fields;
}

/** What one route, or an unmatched request, runs. */
export interface Programs {
  readonly plain: Program;
  /** With runtime tags; undefined when no tag changes anything. */
  readonly tagged: ((tags: readonly string[]) => Program) | undefined;
}

export function programFor({ plain, tagged }: Programs, tags: readonly string[] | undefined): Program {
  return tags === undefined || tagged === undefined ? plain : tagged(tags);
}

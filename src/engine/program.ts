import type { JsonValue } from './operation.ts';
import type { Halt } from './halt.ts';
import type { PluginHandle } from './plugin-handle.ts';
import type { CompiledStep } from './steps.ts';

/** A field's pipeline in a layer. */
export interface LayerField {
  readonly name: string;
  readonly step: CompiledStep;
  /** Runs after the broader layers' pipeline of the field instead of replacing it. */
  readonly append: boolean;
}

/** The compiled policy terms of one section of the bundle. Shared by all routes that it applies to. */
export interface Layer {
  readonly args: readonly LayerField[];
  readonly pre: readonly CompiledStep[];
  readonly result: readonly LayerField[];
  readonly post: readonly CompiledStep[];
  /** Structural activation, in the order written. */
  readonly plugins: readonly PluginHandle[];
  readonly authentication: readonly PluginHandle[];
}

/** All that one operation runs, in both phases. */
export interface Program {
  readonly pre: readonly CompiledStep[];
  readonly post: readonly CompiledStep[];
  /** Run after the phase whatever it decided. */
  readonly audit: readonly PluginHandle[];
  /** Run in the background after the phase allowed. */
  readonly background: readonly PluginHandle[];
  /** `http.status`, `http.body`, `http.headers` for denials. */
  readonly response: Readonly<Record<string, JsonValue>> | undefined;
  /** The denial of requests that no route matches, after the layers. */
  readonly unmatched: Halt | undefined;
  readonly authentication: readonly PluginHandle[];
}

/**
 * Folds layers, broadest first. Lists append; of two pipelines of one field the more specific replaces the other, at
 * the place where it stands. Source: bundle specification, "The policy visitor", point 6.
 */
export function layerFields(layers: readonly (readonly LayerField[])[]): readonly LayerField[] {
  let fields: readonly LayerField[] = [];
  for (const layer of layers) {
    if (layer.length === 0) continue;
    const replaced = new Set(layer.filter((field) => !field.append).map((field) => field.name));
    fields = fields.length === 0 ? layer : [...fields.filter((field) => !replaced.has(field.name)), ...layer];
  }
  return fields;
}

import type { UnmatchedOutline } from '../config/load-bundle.ts';
import type { OutlineStep, RouteOutline } from '../config/outline.ts';
import { ENTITY_TYPES, type EntityType } from '../engine/operation.ts';
import { positionAt } from '../text/source.ts';

/** A step with where it was written; line and column from 1. */
export interface ExplainedStep {
  readonly phase: OutlineStep['phase'];
  /** The rule, or the field and its pipeline, in normal form. */
  readonly text: string;
  /** Code of its denials unless the author wrote one. */
  readonly place: string;
  /** The section that it comes from. */
  readonly layer: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What requests run that meet the same policy, in order. */
export interface ExplainedPipeline {
  /** Sections, broadest first. */
  readonly layers: readonly string[];
  readonly authentication: readonly string[];
  readonly plugins: readonly string[];
  readonly steps: readonly ExplainedStep[];
}

export interface ExplainedRoute extends ExplainedPipeline {
  readonly key: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Whether the route applies only when its `when` holds. */
  readonly conditional: boolean;
  /** Whether the route has a `response` of its own for denials. */
  readonly response: boolean;
}

/** What requests of `types` get that no route matches. */
export interface ExplainedUnmatched extends ExplainedPipeline {
  readonly types: readonly EntityType[];
  readonly decision: 'deny' | 'allow';
}

export interface Explanation {
  readonly routes: readonly ExplainedRoute[];
  readonly unmatched: readonly ExplainedUnmatched[];
}

export function explainRoute(route: RouteOutline): ExplainedRoute {
  const { key, conditional, hasResponse } = route;
  return { key, ...placeOf(route.span), conditional, response: hasResponse, ...pipelineOf(route) };
}

/** Entity types of which unmatched requests meet the same stand together. */
export function explainUnmatched(
  outline: (type: EntityType) => UnmatchedOutline,
  types: readonly EntityType[] = ENTITY_TYPES,
): readonly ExplainedUnmatched[] {
  const groups = new Map<string, ExplainedUnmatched>();
  for (const type of types) {
    const outlined = outline(type);
    const pipeline = pipelineOf(outlined);
    const key = JSON.stringify([outlined.decision, pipeline]);
    const known = groups.get(key)?.types ?? [];
    groups.set(key, { types: [...known, type], decision: outlined.decision, ...pipeline });
  }
  return [...groups.values()];
}

function pipelineOf({ layers, authentication, plugins, steps }: Omit<UnmatchedOutline, 'decision'>): ExplainedPipeline {
  return {
    layers,
    authentication,
    plugins,
    steps: steps.map(({ phase, text, place, span }) => ({
      phase,
      text,
      place,
      layer: layerOf(place, layers),
      ...placeOf(span),
    })),
  };
}

/** The longest of `layers` that `place` lies in: the names of layers may hold dots. */
function layerOf(place: string, layers: readonly string[]): string {
  let found = '';
  for (const layer of layers) if (layer.length > found.length && place.startsWith(`${layer}.`)) found = layer;
  return found;
}

function placeOf({ source, start }: OutlineStep['span']): Pick<ExplainedStep, 'file' | 'line' | 'column'> {
  const { line, column } = positionAt(source, start);
  return { file: source.name, line, column };
}

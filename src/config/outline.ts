import { layerFields } from '../engine/program.ts';
import { printPipeline, printRule } from '../language/printer.ts';
import type { Span } from '../text/source.ts';
import type { RouteHead } from './compile-routes.ts';
import type { SectionLayer } from './section-layer.ts';

/** A route with the layers that apply to it, broadest first, itself last. */
export interface OutlinedRoute {
  readonly head: RouteHead;
  readonly layers: readonly SectionLayer[];
}

/** One step of an effective pipeline, with where it was written. */
export interface OutlineStep {
  readonly phase: 'args' | 'pre_invocation' | 'result' | 'post_invocation';
  /** Code of its denials unless the author wrote one. */
  readonly place: string;
  /** The rule or pipeline in normal form. */
  readonly text: string;
  readonly span: Span;
}

/** What a route runs, in order. */
export interface RouteOutline extends Pick<RouteHead, 'type' | 'matcher' | 'scope'> {
  readonly key: string;
  /** Whether the route has a `when`. */
  readonly conditional: boolean;
  readonly span: Span;
  /** Sections that the route's policy comes from, broadest first. */
  readonly layers: readonly string[];
  readonly authentication: readonly string[];
  /** Plugins that lists activate. */
  readonly plugins: readonly string[];
  readonly hasResponse: boolean;
  readonly steps: readonly OutlineStep[];
}

/** The effective pipeline of a route after layering. */
export function outlineRoute({ head, layers }: OutlinedRoute): RouteOutline {
  const own = layers.at(-1);
  const { type, matcher, scope, when, key, span } = head;
  return {
    key,
    type,
    matcher,
    scope,
    conditional: when !== undefined,
    span,
    hasResponse: own?.response !== undefined,
    ...outlineLayers(layers),
  };
}

/** The effective pipeline of layers, broadest first. */
export function outlineLayers(
  layers: readonly SectionLayer[],
): Pick<RouteOutline, 'layers' | 'authentication' | 'plugins' | 'steps'> {
  const own = layers.at(-1)?.authentication;
  const asking = own?.replaceInherited === true ? [own] : layers.flatMap(({ authentication }) => authentication ?? []);
  return {
    layers: layers.map(({ place }) => place),
    authentication: asking.flatMap(({ plugins }) => plugins.map(({ name }) => name)),
    plugins: [...new Set(layers.flatMap(({ activated }) => activated.map(({ name }) => name)))],
    steps: [
      ...fieldSteps('args', layers),
      ...ruleSteps('pre_invocation', layers),
      ...fieldSteps('result', layers),
      ...ruleSteps('post_invocation', layers),
    ],
  };
}

function fieldSteps(phase: 'args' | 'result', layers: readonly SectionLayer[]): readonly OutlineStep[] {
  return layerFields(layers.map(({ parsed }) => parsed[phase])).map((field) => ({
    phase,
    place: field.place,
    text: `${field.name}: ${printPipeline(field.pipeline)}`,
    span: field.keySpan,
  }));
}

function ruleSteps(
  phase: 'pre_invocation' | 'post_invocation',
  layers: readonly SectionLayer[],
): readonly OutlineStep[] {
  return layers.flatMap(({ parsed }) =>
    parsed[phase === 'pre_invocation' ? 'pre' : 'post'].map(({ known, place, span }) => {
      const printed = printRule(known.root);
      return { phase, place, text: typeof printed === 'string' ? printed : JSON.stringify(printed), span };
    }),
  );
}

import type { Path } from '../language/ast.ts';
import type { Span } from '../text/source.ts';
import type { Text } from '../text/text.ts';
import type { Phase } from '../engine/operation.ts';
import { spanOf, type Note } from './notes.ts';
import type { ParsedLayer } from './parsed-layer.ts';

/** An attribute that a layer reads. */
export interface AttributeUse {
  readonly path: Path;
  readonly text: Text;
  readonly phase: Phase;
}

/** What a layer's rules and pipelines speak of, for checks that need the whole bundle. */
export interface LayerFacts {
  /** Those that requests may not have. */
  readonly attributes: readonly AttributeUse[];
  /** Plugins called by steps and stages, with the first place of each. */
  readonly plugins: ReadonlyMap<string, Span>;
  /** Names of those plugins by the phase that calls them. */
  readonly called: Readonly<Record<Phase, ReadonlySet<string>>>;
  /** Where the first label of a session is attached. */
  readonly sessionTaint: Note | undefined;
  /** Where the first `hash` stage stands. */
  readonly hash: Note | undefined;
}

const NONE: ReadonlySet<string> = new Set();
const NO_FACTS: LayerFacts = {
  attributes: [],
  plugins: new Map(),
  called: { pre: NONE, post: NONE },
  sessionTaint: undefined,
  hash: undefined,
};

export function factsOf(layer: ParsedLayer): LayerFacts {
  const attributes: AttributeUse[] = [];
  const plugins = new Map<string, Span>();
  const calledIn = { pre: new Set<string>(), post: new Set<string>() };
  let sessionTaint: Note | undefined;
  let hash: Note | undefined;

  const collect = (phase: Phase, parts: readonly { notes(phase: Phase): readonly Note[] }[]): void => {
    for (const part of parts) {
      for (const note of part.notes(phase)) {
        const { node, text } = note;
        if (node.kind === 'path') attributes.push({ path: node, text, phase });
        if (node.kind === 'taint' || node.kind === 'scan') sessionTaint ??= note;
        if (node.kind === 'hash') hash ??= note;
        const called = node.kind === 'plugin' ? node.name : 'plugin' in node ? node.plugin : undefined;
        if (called === undefined) continue;
        calledIn[phase].add(called);
        if (!plugins.has(called)) plugins.set(called, spanOf(note));
      }
    }
  };
  collect('pre', layer.args);
  collect('pre', layer.pre);
  collect('post', layer.result);
  collect('post', layer.post);
  const noted = attributes.length + plugins.size;
  if (noted === 0 && sessionTaint === undefined && hash === undefined) return NO_FACTS;
  if (noted === 0) return { ...NO_FACTS, sessionTaint, hash };
  return { attributes, plugins, called: calledIn, sessionTaint, hash };
}

import type { Path, Pipeline, Stage, Step } from '../language/ast.ts';
import { visit, type Visitor } from '../language/visitor.ts';
import type { Span } from '../text/source.ts';
import type { Text } from '../text/text.ts';
import type { Phase } from '../engine/operation.ts';
import type { ParsedLayer } from './parsed-layer.ts';

/** An attribute that a layer reads. */
export interface AttributeUse {
  readonly path: Path;
  readonly text: Text;
  readonly phase: Phase;
}

/** What a layer's rules and pipelines speak of, for checks that need the whole bundle. */
export interface LayerFacts {
  readonly attributes: readonly AttributeUse[];
  /** Plugins called by steps and stages, with the first place of each. */
  readonly plugins: ReadonlyMap<string, Span>;
  /** Names of those plugins by the phase that calls them. */
  readonly called: Readonly<Record<Phase, ReadonlySet<string>>>;
  /** Where the first label of a session is attached. */
  readonly sessionTaint: Span | undefined;
  /** Where the first `hash` stage stands. */
  readonly hash: Span | undefined;
}

export function factsOf(layer: ParsedLayer): LayerFacts {
  const attributes: AttributeUse[] = [];
  const plugins = new Map<string, Span>();
  const calledIn = { pre: new Set<string>(), post: new Set<string>() };
  let sessionTaint: Span | undefined;
  let hash: Span | undefined;

  const note = (node: Step | Stage, text: Text, phase: Phase): void => {
    const span = text.span(node.range.start, node.range.end);
    const called = node.kind === 'plugin' ? node.name : 'plugin' in node ? node.plugin : undefined;
    if (called !== undefined) {
      calledIn[phase].add(called);
      if (!plugins.has(called)) plugins.set(called, span);
    }
    if ((node.kind === 'taint' && node.scopes.includes('session')) || node.kind === 'scan') sessionTaint ??= span;
    if (node.kind === 'hash') hash ??= span;
  };
  const collect = (root: Step | Pipeline, phase: Phase): void => {
    const noteNode = (node: Step | Stage, _ancestors: unknown, text: Text | undefined): void => {
      if (text !== undefined) note(node, text, phase);
    };
    const visitor: Visitor = {
      path: (path, _ancestors, text) => {
        if (text !== undefined) attributes.push({ path, text, phase });
      },
      taint: noteNode,
      plugin: noteNode,
      delegate: noteNode,
      elicit: noteNode,
      scan: noteNode,
      hash: noteNode,
    };
    visit(root, visitor);
  };

  for (const field of layer.args) collect(field.pipeline, 'pre');
  for (const rule of layer.pre) collect(rule.step, 'pre');
  for (const field of layer.result) collect(field.pipeline, 'post');
  for (const rule of layer.post) collect(rule.step, 'post');
  return { attributes, plugins, called: calledIn, sessionTaint, hash };
}

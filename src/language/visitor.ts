import type { Text } from '../text/text.ts';
import type { FieldPath, Literal, Path, Pipeline, Predicate, RestrictedSet, Restriction, Stage, Step } from './ast.ts';

/** What a visitor may be called with. `taint` and `plugin` name a step and a stage; only the step has `text`. */
export type Node = Step | Predicate | Path | Literal | FieldPath | Pipeline | Stage;
export type NodeKind = Node['kind'];
type NodeOf<Kind extends NodeKind> = Extract<Node, { readonly kind: Kind }>;

/** Returned by `enter`: the children of the node are not visited, nor is it left. */
export const SKIP = Symbol('skip the children');
/** Returned by `enter` or `leave`: nothing more is visited. */
export const STOP = Symbol('stop the visit');

/**
 * `ancestors` lead from the root of the visit to the node's parent; the array is reused, so copy it to keep it. `text` is
 * what the node's range points into; undefined only when the root carries none and none was given.
 */
export type Visit<Visited> = (
  node: Visited,
  ancestors: readonly Node[],
  text: Text | undefined,
) => typeof SKIP | typeof STOP | undefined | void;

export interface EnterLeave<Visited> {
  readonly enter?: Visit<Visited>;
  readonly leave?: Visit<Visited>;
}

/** Functions by kind of node; a bare function is called on entering. */
export type Visitor = {
  readonly [Kind in NodeKind]?: Visit<NodeOf<Kind>> | EnterLeave<NodeOf<Kind>>;
};

const none: readonly Node[] = [];

/** The children of each kind of node in the order of the visit: as written, the sets of a restriction in a fixed order. */
const childrenOf: { readonly [Kind in NodeKind]: (node: NodeOf<Kind>) => readonly Node[] } = {
  allow: () => none,
  deny: () => none,
  require: (step) => step.predicates,
  when: (step) => [step.predicate, ...step.steps],
  taint: () => none,
  plugin: () => none,
  delegate: () => none,
  elicit: (step) => (step.scope ? [step.scope.predicate] : none),
  decide: (step) => [...step.onAllow, ...step.onDeny],
  restrict: (step) => referencesOf(step.restriction).map((set) => set.path),
  sequential: (step) => step.steps,
  parallel: (step) => step.steps,
  field: (step) => [step.path, step.pipeline],
  or: (predicate) => predicate.operands,
  and: (predicate) => predicate.operands,
  not: (predicate) => [predicate.operand],
  truthy: (predicate) => [predicate.path],
  exists: (predicate) => [predicate.path],
  compare: (predicate) => [predicate.path, predicate.literal],
  contains: (predicate) => [predicate.path, predicate.literal],
  in: (predicate) => [predicate.path, predicate.set],
  path: (path) => path.segments.flatMap((segment) => (segment.kind === 'lookup' ? [segment.path] : none)),
  string: () => none,
  integer: () => none,
  float: () => none,
  boolean: () => none,
  'field-path': () => none,
  pipeline: (pipeline) => pipeline.stages,
  type: () => none,
  format: () => none,
  range: () => none,
  length: () => none,
  enum: () => none,
  regex: () => none,
  mask: () => none,
  redact: (stage) => (stage.when ? [stage.when] : none),
  omit: () => none,
  hash: () => none,
  scan: () => none,
};

function referencesOf(restriction: Restriction): readonly Extract<RestrictedSet, { readonly kind: 'reference' }>[] {
  const { allowModels, denyModels, allowRegions, allowSites } = restriction;
  return [allowModels, denyModels, allowRegions, allowSites].flatMap((set) => (set?.kind === 'reference' ? [set] : []));
}

/** The text that the range of `child` points into; `text` is that of `parent`. */
function textOfChild(parent: Node, child: Node, text: Text | undefined): Text | undefined {
  if ('text' in child) return child.text;
  if (parent.kind === 'when') return parent.predicateText;
  if (parent.kind === 'elicit') return parent.scope?.text;
  if (parent.kind === 'restrict') return referencesOf(parent.restriction).find((set) => set.path === child)?.text;
  return text;
}

/** Visits `root` and everything below it, parents first. Never rewrites. `text` is needed for a root that has no text. */
export function visit(root: Node, visitor: Visitor, text?: Text): void {
  visitNode(root, visitor, [], 'text' in root ? root.text : text);
}

function visitNode<Kind extends NodeKind>(
  node: NodeOf<Kind> & { readonly kind: Kind },
  visitor: Visitor,
  ancestors: Node[],
  text: Text | undefined,
): typeof STOP | undefined {
  const handler: Visit<NodeOf<Kind>> | EnterLeave<NodeOf<Kind>> | undefined = visitor[node.kind];
  const { enter, leave } = typeof handler === 'function' ? { enter: handler, leave: undefined } : (handler ?? {});
  const answer = enter?.(node, ancestors, text);
  if (answer === STOP) return STOP;
  if (answer === SKIP) return undefined;
  const children = childrenOf[node.kind](node);
  if (children.length > 0) {
    ancestors.push(node);
    for (const child of children) {
      if (visitNode(child, visitor, ancestors, textOfChild(node, child, text)) === STOP) return STOP;
    }
    ancestors.pop();
  }
  return leave?.(node, ancestors, text) === STOP ? STOP : undefined;
}

import type { FieldPath, FieldSegment } from '../language/ast.ts';
import type { JsonObject, JsonValue } from './operation.ts';
import { isObject } from './values.ts';

/** Answer of a field's pipeline: a new value (the same one when nothing changed), or one of these. */
export const OMIT = Symbol('omit');
export const HALTED = Symbol('halted');
export type FieldAnswer = JsonValue | typeof OMIT | typeof HALTED;

/** Replaces what stands at a path; a missing place is left alone. Answers `root` itself when nothing changed. */
export type FieldRewriter<Context> = (
  root: JsonValue,
  context: Context,
  change: (value: JsonValue, context: Context) => FieldAnswer,
) => FieldAnswer;

/**
 * Compiles a field path. Only the containers on the path are copied, and only when something below them changed; the
 * value given is never touched. Source: policy language section 4.
 */
export function compileFieldPath<Context>(path: FieldPath): FieldRewriter<Context> {
  return compileSegments(path.segments, 0);
}

function compileSegments<Context>(segments: readonly FieldSegment[], at: number): FieldRewriter<Context> {
  const segment = segments[at];
  if (segment === undefined) return (value, context, change) => change(value, context);
  const below = compileSegments<Context>(segments, at + 1);
  switch (segment.kind) {
    case 'name': {
      const name = segment.text;
      return (node, context, change) => {
        if (!isObject(node) || !Object.hasOwn(node, name)) return node;
        const before = node[name];
        if (before === undefined) return node;
        return replaceMember(node, name, before, below(before, context, change));
      };
    }
    case 'members':
      return (node, context, change) => {
        if (!isObject(node)) return node;
        let next: FieldAnswer = node;
        for (const name of Object.keys(node)) {
          const before = node[name];
          if (before === undefined) continue;
          next = replaceMember(next, name, before, below(before, context, change));
          if (!isObject(next)) return next;
        }
        return next;
      };
    case 'elements':
      return (node, context, change) => rewriteElements(node, (element) => below(element, context, change));
    case 'index': {
      const { index } = segment;
      return (node, context, change) =>
        rewriteElements(node, (element, i) => (i === index ? below(element, context, change) : element));
    }
  }
}

function replaceMember(
  node: JsonObject,
  name: string,
  before: JsonValue,
  after: FieldAnswer,
): JsonObject | typeof HALTED {
  if (after === HALTED) return HALTED;
  if (after === before) return node;
  if (after === OMIT) {
    const { [name]: _omitted, ...rest } = node;
    return rest;
  }
  if (name === '__proto__') return { ...node, [name]: after };
  // Assigning keeps the copy's layout, which a computed member of the literal would not.
  const copy: Record<string, JsonValue> = { ...node };
  copy[name] = after;
  return copy;
}

/** Omitted elements leave the array. */
function rewriteElements(
  node: JsonValue,
  rewrite: (element: JsonValue, index: number) => FieldAnswer,
): JsonValue | typeof HALTED {
  if (!Array.isArray(node)) return node;
  const elements: readonly JsonValue[] = node;
  let next: JsonValue[] | undefined;
  for (const [i, before] of elements.entries()) {
    const after = rewrite(before, i);
    if (after === HALTED) return HALTED;
    if (next === undefined) {
      if (after === before) continue;
      next = elements.slice(0, i);
    }
    if (after !== OMIT) next.push(after);
  }
  return next ?? node;
}

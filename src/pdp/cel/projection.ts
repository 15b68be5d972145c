/**
 * Which parts of the attributes an expression reads. `whole`: the value itself is used. Neither `whole` nor members:
 * only whether it is there.
 */
export interface Projection {
  whole: boolean;
  readonly members: Map<string, Projection>;
}

export function emptyProjection(): Projection {
  return { whole: false, members: new Map() };
}

/** Notes that `path` is read, or only tested for presence. */
export function addPath(root: Projection, path: readonly string[], use: 'value' | 'presence'): void {
  let at = root;
  for (const segment of path) {
    let next = at.members.get(segment);
    if (next === undefined) {
      next = emptyProjection();
      at.members.set(segment, next);
    }
    at = next;
  }
  if (use === 'value') at.whole = true;
}

/** The dotted names of everything that is read, for messages. */
export function projectedNames(projection: Projection, prefix = ''): readonly string[] {
  const names: string[] = [];
  for (const [segment, inner] of projection.members) {
    const name = prefix === '' ? segment : `${prefix}.${segment}`;
    if (inner.whole || inner.members.size === 0) names.push(name);
    else names.push(...projectedNames(inner, name));
  }
  return names;
}

import type { RawAttributes } from './operation.ts';

type RawValue = RawAttributes[string];

/** Raw attributes as a tree of segments, so that a name given by a request stays one segment whatever it contains. */
export interface OverlayNode {
  readonly value: RawValue | undefined;
  readonly children: ReadonlyMap<string, OverlayNode>;
}

export interface Overlay extends OverlayNode {
  /** Labels among the raw attributes: they add to those of the session and never hide them. */
  readonly labels: readonly string[] | undefined;
}

interface Node {
  value: RawValue | undefined;
  readonly children: Map<string, Node>;
}

const LABEL_NAMES: ReadonlySet<string> = new Set(['security.labels', 'session.labels']);

/** Dotted names become paths; of two equal names the last counts. */
export function overlayOf(attributes: RawAttributes): Overlay {
  const root: Node = { value: undefined, children: new Map() };
  let labels: string[] | undefined;
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (LABEL_NAMES.has(name)) {
      labels = [...(labels ?? []), ...labelsOf(value)];
      continue;
    }
    let node = root;
    for (const segment of name.split('.')) {
      let child = node.children.get(segment);
      if (child === undefined) {
        child = { value: undefined, children: new Map() };
        node.children.set(segment, child);
      }
      node = child;
    }
    node.value = value;
  }
  return { ...root, labels };
}

function labelsOf(value: RawValue | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'object' ? value.map(String) : [String(value)];
}

/** The value at exactly `segments`. */
export function readOverlay(overlay: OverlayNode, segments: readonly string[]): RawValue | undefined {
  let node: OverlayNode | undefined = overlay;
  for (const segment of segments) {
    node = node.children.get(segment);
    if (node === undefined) return undefined;
  }
  return node.value;
}

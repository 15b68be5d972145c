import type { RawAttributes } from './operation.ts';

type RawValue = RawAttributes[string];

/** Raw attributes as a tree of segments, so that a name given by a request stays one segment whatever it contains. */
export interface Overlay {
  readonly value: RawValue | undefined;
  readonly children: ReadonlyMap<string, Overlay>;
}

interface Node {
  value: RawValue | undefined;
  readonly children: Map<string, Node>;
}

/** Dotted names become paths; of two equal names the last counts. */
export function overlayOf(attributes: RawAttributes): Overlay {
  const root: Node = { value: undefined, children: new Map() };
  for (const name of Object.keys(attributes)) {
    let node = root;
    for (const segment of name.split('.')) {
      let child = node.children.get(segment);
      if (child === undefined) {
        child = { value: undefined, children: new Map() };
        node.children.set(segment, child);
      }
      node = child;
    }
    node.value = attributes[name];
  }
  return root;
}

/** The value at exactly `segments`. */
export function readOverlay(overlay: Overlay, segments: readonly string[]): RawValue | undefined {
  let node: Overlay | undefined = overlay;
  for (const segment of segments) {
    node = node.children.get(segment);
    if (node === undefined) return undefined;
  }
  return node.value;
}

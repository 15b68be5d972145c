import type { Span } from './source.ts';
import type { Text } from './text.ts';

/** A parsed configuration document as plain data with positions. Knows nothing of the format it was written in. */
export type DocumentNode = ScalarNode | SequenceNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  /** Integers outside ±(2^53−1) are bigint. */
  readonly value: string | number | bigint | boolean | null;
  /** The scalar as text: the decoded value of a string, the written form of everything else. */
  readonly text: Text;
  readonly span: Span;
}

export interface SequenceNode {
  readonly kind: 'sequence';
  readonly items: readonly DocumentNode[];
  readonly span: Span;
}

export interface MapNode {
  readonly kind: 'map';
  /** In the order written; keys are unique. */
  readonly entries: readonly MapEntry[];
  readonly span: Span;
}

export interface MapEntry {
  readonly key: string;
  readonly keyText: Text;
  readonly keySpan: Span;
  readonly value: DocumentNode;
}

/** The entry of `map` under `key`. */
export function entryOf(map: MapNode, key: string): MapEntry | undefined {
  return map.entries.find((entry) => entry.key === key);
}

/** True for an explicit or implied YAML null. */
export function isNull(node: DocumentNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** The node as plain data. Map keys become own properties in written order; a bigint stays one. */
export function toValue(node: DocumentNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'sequence':
      return node.items.map(toValue);
    case 'map':
      return Object.fromEntries(node.entries.map((entry) => [entry.key, toValue(entry.value)]));
  }
}

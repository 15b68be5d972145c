import { isMap, isNode, isScalar, isSeq, parseDocument, type Scalar } from 'yaml';
import type { DocumentNode } from '../../src/text/document.ts';
import { plainText } from '../../src/text/text.ts';
import type { Source } from '../../src/text/source.ts';

/** Reads well-formed YAML without aliases; spans inside scalars are those of plain scalars. */
export function documentOf(text: string, name = 'policy.yaml'): DocumentNode {
  const source = { name, text };
  const document = parseDocument(text, { version: '1.2', schema: 'core', stringKeys: true });
  const error = document.errors[0];
  if (error) throw error;
  return asNode(document.contents, source, 0);
}

function asNode(node: unknown, source: Source, fallback: number): DocumentNode {
  const [start, end] = rangeOf(node, fallback);
  const span = { source, start, end };
  if (isMap(node)) {
    const entries = node.items.map(({ key, value }) => {
      if (!isScalar(key)) throw new Error('not a plain key');
      const [keyStart, keyEnd] = rangeOf(key, start);
      const name = String(key.value);
      const keySpan = { source, start: keyStart, end: keyEnd };
      return { key: name, keyText: plainText(source, name, keyStart), keySpan, value: asNode(value, source, keyEnd) };
    });
    return { kind: 'map', entries, span };
  }
  if (isSeq(node)) return { kind: 'sequence', items: node.items.map((item) => asNode(item, source, start)), span };
  if (node !== null && !isScalar(node)) throw new Error('not a plain node');
  return { kind: 'scalar', value: scalarValue(node), text: plainText(source, String(node?.value), start), span };
}

function scalarValue(node: Scalar | null): string | number | bigint | boolean | null {
  const value = node?.value ?? null;
  if (typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(node?.source ?? '')) {
    return BigInt(node?.source ?? '');
  }
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  throw new Error('not a plain scalar');
}

function rangeOf(node: unknown, fallback: number): readonly [number, number] {
  const range = isNode(node) ? node.range : undefined;
  return range ? [range[0], range[1]] : [fallback, fallback];
}

import { isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import type { DocumentNode, MapEntry } from '../../src/text/document.ts';
import type { Source, Span } from '../../src/text/source.ts';
import type { Text } from '../../src/text/text.ts';

/**
 * A YAML text as document nodes. Good enough for tests of the language: spans of flow scalars are exact when the scalar
 * stands on one line without escapes; everything else spans its node.
 */
export function documentOf(yaml: string): DocumentNode {
  const source: Source = { name: 'test.yaml', text: yaml };
  const document = parseDocument(yaml, { intAsBigInt: true, uniqueKeys: false });
  const [error] = document.errors;
  if (error) throw error;
  return nodeOf(source, document.contents);
}

function nodeOf(source: Source, node: unknown): DocumentNode {
  const [start = 0, end = source.text.length] = rangeOf(node) ?? [];
  const span: Span = { source, start, end };
  if (isMap(node)) {
    const entries: MapEntry[] = node.items.map((pair) => {
      const key = scalarOf(source, pair.key);
      return {
        key: key.text.value,
        keyText: key.text,
        keySpan: key.span,
        value: nodeOf(source, pair.value),
      };
    });
    return { kind: 'map', entries, span };
  }
  if (isSeq(node)) return { kind: 'sequence', items: node.items.map((item) => nodeOf(source, item)), span };
  return scalarOf(source, node);
}

function scalarOf(source: Source, node: unknown): DocumentNode & { readonly kind: 'scalar' } {
  const [start = 0, end = start] = rangeOf(node) ?? [];
  const span: Span = { source, start, end };
  const raw: unknown = isScalar(node) ? node.value : null;
  const value = typeof raw === 'bigint' && Number.isSafeInteger(Number(raw)) ? Number(raw) : raw;
  const decoded = typeof value === 'string' ? value : source.text.slice(start, end);
  const offset = source.text.indexOf(decoded, start);
  const isPlain = offset !== -1 && offset + decoded.length <= end;
  const text: Text = {
    value: decoded,
    span: (from, to) => (isPlain ? { source, start: offset + from, end: offset + to } : span),
  };
  if (isScalarValue(value)) return { kind: 'scalar', value, text, span };
  throw new TypeError(`unexpected scalar ${source.text.slice(start, end)}`);
}

function rangeOf(node: unknown): readonly number[] | undefined {
  return (isNode(node) && node.range) || undefined;
}

function isScalarValue(value: unknown): value is string | number | bigint | boolean | null {
  return value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

import type { Report } from '../diagnostics/report.ts';
import type { DocumentNode, MapEntry, MapNode } from '../text/document.ts';
import { excerpt } from './excerpt.ts';

/**
 * The one map that the documents of a bundle folder make up, in the order given: lists such as `routes` are joined, the
 * keys of maps such as `groups` come together, and everything else is defined in one file only. A key defined twice is
 * reported with both places, and the first is kept. Nodes keep the positions of their own files; a joined map or list
 * has the span of its first part. Undefined when a document is not a map, which is reported, or there is none.
 */
export function mergeDocuments(documents: readonly DocumentNode[], report: Report): MapNode | undefined {
  const maps: MapNode[] = [];
  for (const document of documents) {
    if (document.kind === 'map') maps.push(document);
    else report.add('config/not-a-map', document.span, 'a bundle file is a map of sections, such as `routes:`');
  }
  const [first] = maps;
  if (first === undefined || maps.length < documents.length) return undefined;
  if (maps.length === 1) return first;
  return joinMaps(maps, first, report, (parts) => joinSections(parts, report));
}

type Parts = readonly [MapEntry, ...MapEntry[]];

/** `maps` in one; `join` answers what the entries under one key make together, or undefined when only one may stand. */
function joinMaps(
  maps: readonly MapNode[],
  { span }: MapNode,
  report: Report,
  join: (parts: Parts) => DocumentNode | undefined,
): MapNode {
  const partsOf = new Map<string, [MapEntry, ...MapEntry[]]>();
  for (const entry of maps.flatMap((map) => map.entries)) {
    const parts = partsOf.get(entry.key);
    if (parts === undefined) partsOf.set(entry.key, [entry]);
    else parts.push(entry);
  }
  const entries = Array.from(partsOf.values(), (parts): MapEntry => {
    const [earliest, ...others] = parts;
    if (others.length === 0) return earliest;
    const value = join(parts);
    const { key, keyText, keySpan } = earliest;
    if (value !== undefined) return { key, keyText, keySpan, value };
    for (const other of others) reportTwice(earliest, other, report);
    return earliest;
  });
  return { kind: 'map', entries, span };
}

function joinSections(parts: Parts, report: Report): DocumentNode | undefined {
  const [{ value: first }] = parts;
  const values = parts.map(({ value }) => value);
  if (first.kind === 'sequence' && values.every((value) => value.kind === 'sequence')) {
    return { kind: 'sequence', items: values.flatMap(({ items }) => items), span: first.span };
  }
  if (first.kind === 'map' && values.every((value) => value.kind === 'map')) {
    return joinMaps(values, first, report, () => undefined);
  }
  return undefined;
}

function reportTwice(earlier: MapEntry, later: MapEntry, report: Report): void {
  report.add('config/duplicate-key', later.keySpan, `key ${excerpt(later.key)} is already defined in another file`, {
    related: [{ span: earlier.keySpan, note: 'first defined here' }],
  });
}

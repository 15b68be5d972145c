import { isAbsolute, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Report } from '../diagnostics/report.ts';
import type { JsonObject, JsonValue } from '../engine/operation.ts';
import { entryOf, isNull, toValue, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import type { Source, Span } from '../text/source.ts';
import type { DocumentReader } from './document-reader.ts';
import { stringOf } from './policy-terms.ts';

/** The merged `data` tree and the files it was read from. */
export interface AttributeTree {
  readonly data: JsonObject;
  readonly sources: readonly Source[];
}

interface Leaf {
  readonly kind: 'leaf';
  readonly value: JsonValue;
  readonly span: Span;
}
interface Branch {
  readonly kind: 'branch';
  readonly members: Map<string, Leaf | Branch>;
  readonly span: Span;
}

/**
 * Reads and merges `attribute_files`: YAML with `data` as the only key; maps merge, equal leaves agree, everything else
 * is a conflict. Paths start from `baseDirectory`. Findings go to `report`.
 */
export async function readAttributeFiles(
  entry: MapEntry | undefined,
  baseDirectory: string,
  reader: DocumentReader,
  report: Report,
): Promise<AttributeTree> {
  const root: Branch = { kind: 'branch', members: new Map(), span: emptySpan };
  const sources: Source[] = [];
  const files = entry?.value.kind === 'sequence' ? entry.value.items : [];
  for (const file of files) {
    const path = stringOf(file);
    if (path === undefined) continue;
    const findings = new Report();
    const read = await reader.read(isAbsolute(path) ? path : join(baseDirectory, path), 'attributes', findings);
    sources.push(...(read?.sources ?? []));
    for (const document of read?.documents ?? []) {
      const data = dataOf(document, findings);
      if (data !== undefined) merge(root, data, 'data', findings);
    }
    if (findings.hasErrors) {
      report.add('config/attribute-file', file.span, `the attribute file \`${path}\` cannot be used`);
    }
    report.addAll(findings);
  }
  return { data: toData(root), sources };
}

const emptySpan: Span = { source: { name: '', text: '' }, start: 0, end: 0 };

/** The map under `data`; undefined when the file adds nothing or is reported. `root` is undefined for these too. */
function dataOf(root: DocumentNode | undefined, report: Report): MapNode | undefined {
  if (root === undefined || isNull(root)) return undefined;
  if (root.kind !== 'map') {
    report.add('config/attribute-file', root.span, 'an attribute file is a map with the key `data`');
    return undefined;
  }
  for (const entry of root.entries) {
    if (entry.key === 'data') continue;
    report.add('config/attribute-file', entry.keySpan, `\`${entry.key}\` does not belong in an attribute file`, {
      help: 'put it under `data`',
    });
  }
  const data = entryOf(root, 'data')?.value;
  if (data === undefined || isNull(data)) return undefined;
  if (data.kind === 'map') return data;
  report.add('config/attribute-file', data.span, '`data` must be a map');
  return undefined;
}

function merge(into: Branch, map: MapNode, path: string, report: Report): void {
  for (const entry of map.entries) {
    const place = `${path}.${entry.key}`;
    const known = into.members.get(entry.key);
    if (known === undefined) {
      into.members.set(entry.key, treeOf(entry.value));
    } else if (known.kind === 'branch' && entry.value.kind === 'map') {
      merge(known, entry.value, place, report);
    } else if (
      known.kind === 'branch' ||
      entry.value.kind === 'map' ||
      !isDeepStrictEqual(known.value, leafValue(entry.value))
    ) {
      report.add('config/attribute-conflict', entry.value.span, `\`${place}\` has another value in an earlier file`, {
        related: [{ span: known.span, note: 'the earlier value' }],
      });
    }
  }
}

function treeOf(node: DocumentNode): Leaf | Branch {
  if (node.kind !== 'map') return { kind: 'leaf', value: leafValue(node), span: node.span };
  return {
    kind: 'branch',
    members: new Map(node.entries.map((entry) => [entry.key, treeOf(entry.value)])),
    span: node.span,
  };
}

function leafValue(node: DocumentNode): JsonValue {
  // A document holds JSON data: scalars, sequences and maps of them.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return toValue(node) as JsonValue;
}

function toData(branch: Branch): JsonObject {
  return Object.fromEntries(
    [...branch.members].map(([key, member]) => [key, member.kind === 'leaf' ? member.value : toData(member)]),
  );
}

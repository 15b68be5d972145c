import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DocumentNode } from '../../src/text/document.ts';
import type { Span } from '../../src/text/source.ts';
import type { Text } from '../../src/text/text.ts';
import { rowsOf } from './engine.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** Every YAML file among the fixtures, and the documents of `fixtures/config/documents.yaml` written into `folder`. */
export function documentFiles(folder: string): readonly string[] {
  const files = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(FIXTURES, name));
  mkdirSync(folder, { recursive: true });
  const written = rowsOf('config/documents').map((row, index) => {
    const path = join(folder, `${index}.yaml`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, (row as { readonly text: string }).text);
    return path;
  });
  return [...files, ...written];
}

/** All there is to know of a node: values, and the place of every character. */
export function describeNode(node: DocumentNode | undefined): unknown {
  switch (node?.kind) {
    case undefined:
      return undefined;
    case 'scalar':
      return ['scalar', node.value, describeText(node.text), place(node.span)];
    case 'sequence':
      return ['sequence', place(node.span), node.items.map(describeNode)];
    case 'map':
      return [
        'map',
        place(node.span),
        node.entries.map(({ key, keyText, keySpan, value }) => [
          key,
          describeText(keyText),
          place(keySpan),
          describeNode(value),
        ]),
      ];
  }
}

function describeText(text: Text): unknown {
  const { length } = text.value;
  return [text.value, Array.from({ length: length + 1 }, (_, at) => place(text.span(at, Math.min(at + 1, length))))];
}

function place({ start, end }: Span): readonly number[] {
  return [start, end];
}

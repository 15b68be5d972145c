import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { assert as assertProperty, constantFrom, jsonValue, property } from 'fast-check';
import { stringify } from 'yaml';
import { readDocument } from '../../src/config/load.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { entryOf, type DocumentNode } from '../../src/text/document.ts';
import { packDocument, unpackDocument } from '../../src/text/packed-document.ts';
import type { Source } from '../../src/text/source.ts';
import { describeNode, documentFiles } from '../support/document-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-packed-'));
after(() => rmSync(folder, { recursive: true }));

function read(text: string): { readonly source: Source; readonly root: DocumentNode | undefined } {
  const source = { name: 'test.yaml', text };
  return { source, root: readDocument(source, new Report()) };
}

function repacked(text: string): DocumentNode {
  const { source, root } = read(text);
  assert.ok(root);
  // As a thread or a file gives it back.
  return unpackDocument(structuredClone(packDocument(root)), source);
}

describe('a packed document', () => {
  test('is the same document for every fixture, at every character', () => {
    let compared = 0;
    for (const path of documentFiles(folder)) {
      const text = readFileSync(path, 'utf8');
      const { root } = read(text);
      if (root === undefined) continue;
      assert.deepEqual(describeNode(repacked(text)), describeNode(root), path);
      compared += 1;
    }
    assert.ok(compared > 100, `${compared}`);
  });

  test('is the same document for whatever is written in any style', () => {
    const styles = constantFrom('PLAIN', 'QUOTE_SINGLE', 'QUOTE_DOUBLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED');
    const value = jsonValue({ maxDepth: 3 });
    assertProperty(
      property(value, styles, constantFrom(20, 80), (data, style, lineWidth) => {
        const text = stringify(data, { defaultStringType: style, defaultKeyType: 'PLAIN', lineWidth });
        const { root } = read(text);
        if (root !== undefined) assert.deepEqual(describeNode(repacked(text)), describeNode(root));
      }),
    );
  });

  test('shares what aliases share', () => {
    const root = repacked('a: &x {k: [1, 2]}\nb: *x\nc: [*x, &y 3, *y]\n');
    assert.ok(root.kind === 'map');
    const [a, b, c] = ['a', 'b', 'c'].map((key) => entryOf(root, key)?.value);
    assert.ok(a !== undefined && c?.kind === 'sequence');
    assert.equal(a, b);
    assert.equal(c.items[0], a);
  });

  test('holds an equal text once, and no text that the source has as it is', () => {
    const { root } = read('- "a secret"\n- a secret\n- {k: a secret}\n- "an \\x65scape"\n- 12345678901234567890\n');
    assert.ok(root);
    const { literals, decoded } = packDocument(root);
    assert.deepEqual(decoded, ['an escape', 12345678901234567890n]);
    assert.equal(literals.length, 2 * new Set(['a secret', 'k']).size);
  });
});

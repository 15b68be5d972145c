import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { checkCharacters } from '../../src/config/characters.ts';
import { composeDocument } from '../../src/config/load.ts';
import { readPlainDocument } from '../../src/config/plain-document.ts';
import { Report } from '../../src/diagnostics/report.ts';
import type { DocumentNode } from '../../src/text/document.ts';
import type { Text } from '../../src/text/text.ts';

/** Every value and position of a tree. */
function detailsOf(node: DocumentNode): unknown {
  const { start, end } = node.span;
  switch (node.kind) {
    case 'scalar':
      return { value: node.value, start, end, ...textDetails(node.text) };
    case 'sequence':
      return { items: node.items.map(detailsOf), start, end };
    case 'map':
      return {
        entries: node.entries.map(({ key, keyText, keySpan, value }) => ({
          key,
          keyText: textDetails(keyText),
          keySpan: [keySpan.start, keySpan.end],
          value: detailsOf(value),
        })),
        start,
        end,
      };
  }
}

function textDetails(text: Text): object {
  const characters = Array.from({ length: text.value.length + 1 }, (_, at) => text.span(at, at + 1));
  return { text: text.value, characters: characters.map(({ start, end }) => [start, end]) };
}

/** True when the document is plain; then it has to be what the composer makes of it. */
function readsAsComposed(text: string): boolean {
  const source = { name: 'test.yaml', text };
  const report = new Report();
  const plain = checkCharacters(source, report) ? readPlainDocument(source) : undefined;
  if (plain === undefined) return false;
  const composed = composeDocument(source, report);
  assert.deepEqual(report.diagnostics, [], text);
  assert.deepEqual(detailsOf(plain), composed && detailsOf(composed), text);
  return true;
}

const plain: Readonly<Record<string, string>> = {
  'a block map': 'a: 1\nb: two words\n',
  'a block list': '- a\n- - b\n  - c\n-   d: e\n    f: g\n',
  'a list at the column of its key': 'a:\n- b\n- c\nd: e\n',
  'comments and empty lines': '# one\na: # two\n\n  # three\n  - b # four\n\n  # five\n  - c\n# six\n\n# seven\n',
  'missing values': 'a:\nb: # none\nc:\n  -\n  - # none\n\nd:\n',
  'quoted scalars': `'a': 'it''s'\n"b": "x\\ty \\u00e9"\nc: "# no comment: at all"\n`,
  'scalars over several lines': `a: one\n  two\n\n  three\nb: 'one\n  two'\nc: "one \\\n  two"\n`,
  'block scalars': 'a: |\n  one\n    two\n\nb: >-\n  one\n  two\n\n  three\nc: |2+\n   one\n\nd: e\n',
  'flow collections': 'a: [b, "c", [d], ]\ne: {f: g, "h":1, i: [j, {k: l}]}\nm: []\nn: {}\no: [ ]\n',
  'flow collections over several lines': 'a: [b, # one\n  c,\n  {d: e,\n   f: g}\n  ]\nh: i\n',
  'a flow collection alone': '[a, {b: c}]\n',
  'values that are no strings': '[null, ~, true, FALSE, 0, -12, 0o14, 0x1F, 0.5, -.5e3, 014]\n',
  'strings that look like other values': "[yes, '1', nul, 1.2.3, -a, .., tRUE, 1_000]\n",
  'a directives end marker': '# one\n---\na: b\n',
  'a byte order mark and carriage returns': '\ufeffa: b\r\nc:\r\n  - d\r\n',
};

const composed: Readonly<Record<string, string>> = {
  'an anchor': 'a: &b c\n',
  'an alias': 'a: *b\n',
  'a tag': 'a: !!str 1\n',
  'a directive': '%YAML 1.2\n---\na: b\n',
  'a second document': 'a: b\n---\nc: d\n',
  'a document end marker': 'a: b\n...\n',
  nothing: '# nothing\n',
  'a scalar alone': 'a\n',
  'an explicit key': '? a\n: b\n',
  'a pair in a list': '[a: b]\n',
  'a key without a value in a flow map': '{a}\n',
  'a key twice': 'a: 1\n"a": 2\n',
  'a merge key': '<<: {a: b}\n',
  'a key that is not a string': '1: a\n',
  'an empty key': ': a\n',
  'an unsafe key': '__proto__: a\n',
  'an escaped null character': 'a: "\\0"\n',
  'an integer beyond 2^53': 'a: 9007199254740993\n',
  'an infinite number': 'a: .inf\n',
  'an unterminated quote': 'a: "b\n',
  'a wrong escape': 'a: "\\q"\n',
  'a missing comma': '[a b, "c" "d"]\n',
  'a comma too many': '[a, , b]\n',
  'a comment without a blank before it': 'a: "b"#c\n',
  'a tab as indentation': 'a:\n\tb: c\n',
  'an entry at another column': '- a\n b: c\n',
  'a map in the line of its key': 'a: b: c\n',
  'a list in the line of its key': 'a: - b\n',
  'a key behind 1024 blanks': `a: 1\nb${' '.repeat(1025)}: c\n`,
  'a reserved character': 'a: @b\n',
  'more levels than allowed': `${'['.repeat(101)}${']'.repeat(101)}\n`,
};

describe('readPlainDocument', () => {
  for (const [name, text] of Object.entries(plain)) {
    it(`reads ${name}`, () => assert.ok(readsAsComposed(text)));
  }

  for (const [name, text] of Object.entries(composed)) {
    it(`leaves ${name} to the composer`, () => assert.equal(readsAsComposed(text), false));
  }

  it('reads the documents of the fixtures and examples as the composer does', () => {
    const files = ['fixtures', 'examples'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.yaml') && !name.includes('node_modules'))
        .map((name) => join(folder, name)),
    );
    const inside = parse(readFileSync('fixtures/config/documents.yaml', 'utf8')) as readonly {
      readonly text: string;
    }[];
    const texts = [...files.map((file) => readFileSync(file, 'utf8')), ...inside.map(({ text }) => text)];
    const read = texts.filter(readsAsComposed);
    assert.ok(read.length > texts.length / 3);
  });

  it('reads what it takes for plain as the composer does', () => {
    const part = fc.constantFrom(...PARTS);
    const value = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
    const text = fc.oneof(
      value,
      value.map((each) => `a: ${each}\nb: c\n`),
      value.map((each) => `- ${each}\n- b: c\n`),
      value.map((each) => `a:\n  b: {c: ${each}, d: e}\n  f: [${each}]\ng: h\n`),
    );
    let read = 0;
    fc.assert(
      fc.property(text, (each) => void (read += readsAsComposed(each) ? 1 : 0)),
      { numRuns: 4000 },
    );
    assert.ok(read > 200);
  });

  it('reads a long list as the composer does', () => {
    const part = fc.constantFrom(...PARTS, 'a: b', 'a: b', 'a: [b]');
    const entry = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `  - ${parts.join('')}\n`);
    const between = fc.constantFrom('', '', '  # note\n', '\n', '    # deep\n', '    more: 1\n');
    const list = fc
      .tuple(fc.array(fc.tuple(entry, between), { minLength: 1, maxLength: 3 }), fc.integer({ min: 60, max: 200 }))
      .map(([entries, count]) => entries.flat().join('').repeat(count));
    const text = fc.tuple(list, fc.constantFrom('', 'c: d\n', '# end\n')).map(([each, end]) => `a:\n${each}${end}`);
    let read = 0;
    fc.assert(
      fc.property(text, (each) => void (read += readsAsComposed(each) ? 1 : 0)),
      { numRuns: 150 },
    );
    assert.ok(read > 5);
  });
});

const PARTS: readonly string[] = [
  ['a', 'a b', 'x: y', '1', 'null', '~', '0.5', 'true', '.5', '@', '%', '\\'],
  ['\n', '\n\n', '\n  ', '\n    ', '\r\n', '\t', ' ', '  ', '- ', '- a\n', ': ', ':', '-', '? '],
  ['#', ' # c', '"', "'", "''", '"a"', "'b'", '"a": ', '\\n', '\\"'],
  ['[', ']', '{', '}', ',', ', ', '[a, b]', '{a: b}', '{a: }', '[a, ]'],
  ['|', '>', '|-\n    c', '>+', '&a ', '*a', '!t ', '---\n', '...\n'],
].flat();

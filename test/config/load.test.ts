import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { MAX_DEPTH, MAX_SIZE } from '../../src/config/document-limits.ts';
import { readDocument } from '../../src/config/load.ts';
import type { CatalogEntry } from '../../src/diagnostics/catalog-entry.ts';
import { catalog, type Code } from '../../src/diagnostics/catalog.ts';
import { MAX_DIAGNOSTICS, Report } from '../../src/diagnostics/report.ts';
import { type DocumentNode, toValue } from '../../src/text/document.ts';

function read(text: string): { root: DocumentNode | undefined; report: Report; finds: [string, string][] } {
  const report = new Report();
  const root = readDocument({ name: 'test.yaml', text }, report);
  const finds = report.diagnostics.map(({ code, span }): [string, string] => [code, text.slice(span.start, span.end)]);
  return { root, report, finds };
}

function codesIn(text: string): readonly string[] {
  return [...new Set(read(text).finds.map(([code]) => code))];
}

interface Case {
  readonly name: string;
  readonly text: string;
  readonly value?: unknown;
  readonly finds?: [string, string][];
}

const cases = parse(readFileSync('fixtures/config/documents.yaml', 'utf8')) as readonly Case[];

describe('readDocument', () => {
  for (const { name, text, value, finds = [] } of cases) {
    it(`reads ${name}`, () => {
      const found = read(text);
      assert.deepEqual(found.finds, finds);
      assert.deepEqual(found.root && toValue(found.root), value);
    });
  }

  it('keeps integers beyond 2^53 exact', () => {
    const { root, finds } = read(
      '[9007199254740991, 9007199254740993, -18446744073709551615, 0x20000000000001, 1e300]',
    );
    assert.deepEqual(finds, []);
    assert.deepEqual(root && toValue(root), [
      9007199254740991,
      9007199254740993n,
      -18446744073709551615n,
      9007199254740993n,
      1e300,
    ]);
  });

  const codes: readonly Code[] = [
    'config/syntax',
    'config/empty',
    'config/several-documents',
    'config/directive',
    'config/tag',
    'config/alias',
    'config/duplicate-key',
    'config/merge-key',
    'config/unsafe-key',
    'config/non-string-key',
    'config/number',
  ];
  for (const code of codes) {
    it(`reports the catalog's example of ${code}`, () => {
      const { example }: CatalogEntry = catalog[code];
      assert.deepEqual(codesIn(example ?? ''), [code]);
    });
  }

  it('names the first of two equal keys', () => {
    const { report } = read('a: 1\nb: 2\na: 3');
    const [related] = report.diagnostics[0]?.related ?? [];
    assert.deepEqual([related?.span.start, related?.span.end, related?.note], [0, 1, 'first defined here']);
  });

  it('gives keys and values the places they were written at', () => {
    const text = "# c\na:\n  - 'x y' # d\n  - {b: |\n  z}\n\nc: >-\n  one\n  two\n\n# e\n";
    const { root } = read(text.replace('{b: |\n  z}', '{b: [1, ]}'));
    const written = text.replace('{b: |\n  z}', '{b: [1, ]}');
    const shown: [string, string][] = [];
    const visit = (node: DocumentNode): void => {
      shown.push([node.kind, written.slice(node.span.start, node.span.end)]);
      if (node.kind === 'sequence') node.items.forEach(visit);
      if (node.kind === 'map') {
        for (const { key, keySpan, value } of node.entries) {
          assert.equal(written.slice(keySpan.start, keySpan.end), key);
          visit(value);
        }
      }
    };
    assert.ok(root);
    visit(root);
    assert.deepEqual(shown, [
      ['map', "a:\n  - 'x y' # d\n  - {b: [1, ]}\n\nc: >-\n  one\n  two"],
      ['sequence', "- 'x y' # d\n  - {b: [1, ]}"],
      ['scalar', "'x y'"],
      ['map', '{b: [1, ]}'],
      ['sequence', '[1, ]'],
      ['scalar', '1'],
      ['scalar', '>-\n  one\n  two'],
    ]);
  });

  it('answers the written form of what is not a string', () => {
    const { root } = read('[0x1F, ~, True, ]');
    assert.ok(root?.kind === 'sequence');
    assert.deepEqual(
      root.items.map((item) => item.kind === 'scalar' && item.text.value),
      ['0x1F', '~', 'True'],
    );
  });

  it('reads documents as the yaml package does, or says why not', () => {
    const pieces = [
      'a',
      'b: ',
      '\n',
      '\n  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      ': ',
      '? ',
      '"',
      "'",
      '|',
      '>',
      '&a ',
      '*a',
    ];
    const more = ['!x ', '!!str ', '%', '#', ' ', '\t', '---\n', '...\n', '1', '~', 'true', '\\', '<<', '\r\n', '.inf'];
    const document = fc.array(fc.constantFrom(...pieces, ...more), { maxLength: 14 }).map((parts) => parts.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(document, (text) => {
        const { root, report } = read(text);
        assert.equal(root === undefined && !report.hasErrors, false, 'a document is refused without a reason');
        for (const { span } of report.diagnostics) {
          assert.ok(0 <= span.start && span.start <= span.end && span.end <= text.length, 'a span lies in the text');
        }
        if (root === undefined || report.hasErrors) return;
        accepted += 1;
        assert.deepEqual(toValue(root), parse(text, { version: '1.2', schema: 'core', stringKeys: true }));
      }),
      { numRuns: 4000 },
    );
    assert.ok(accepted > 300, `only ${accepted} documents were valid`);
  });
});

const much = (pattern: string): string => pattern.repeat(Math.floor(MAX_SIZE / pattern.length));
const deep = (inner: string): string => `${'['.repeat(60)}${inner}${']'.repeat(60)}`;
const aliases = (count: number): string => `- &a 1\n${'- *a\n'.repeat(count)}`;

describe('readDocument on hostile documents', () => {
  for (const pattern of ['[', '- ', '? ', '{a: ', ': ', 'a: b: ', '[{? ']) {
    it(`stops at the depth limit: ${JSON.stringify(pattern)}`, () => {
      assert.deepEqual(codesIn(much(pattern)), ['config/too-deep']);
    });
  }

  it('accepts the depth limit itself, in any mixture', () => {
    const half = MAX_DEPTH / 2;
    for (const depth of [MAX_DEPTH, MAX_DEPTH + 1]) {
      const expected = depth > MAX_DEPTH ? ['config/too-deep'] : [];
      assert.deepEqual(codesIn('['.repeat(depth) + ']'.repeat(depth)), expected);
      assert.deepEqual(codesIn('- '.repeat(depth) + 'a'), expected);
      assert.deepEqual(
        codesIn('- '.repeat(half) + '['.repeat(depth - half) + '1' + ']'.repeat(depth - half)),
        expected,
      );
      assert.deepEqual(codesIn(`${'- '.repeat(depth - 1)}a: b`), expected);
    }
  });

  it('counts what aliases stand for towards the depth', () => {
    assert.deepEqual(codesIn(`- &a ${deep('1')}\n- ${deep('*a')}`), ['config/too-deep']);
  });

  it('bounds the expansion of aliases', () => {
    const names = Array.from('abcdefghijk');
    const lines = names.map((name, i) => {
      const inner = i === 0 ? '1' : `*${names[i - 1] ?? ''}`;
      return `${name}: &${name} [${Array(9).fill(inner).join(', ')}]`;
    });
    const { root, finds } = read(lines.join('\n'));
    assert.deepEqual([...new Set(finds.map(([code]) => code))], ['config/alias']);
    assert.ok(root);
    assert.ok(JSON.stringify(toValue(root)).length < 200_000);
  });

  it('bounds the number of aliases', () => {
    assert.deepEqual(read(aliases(100)).finds, []);
    assert.deepEqual(read(aliases(5000)).finds, [['config/alias', '*a']]);
  });

  it('refuses a text over the size limit without reading it', () => {
    assert.deepEqual(codesIn(`${'['.repeat(MAX_SIZE)}]`), ['config/too-large']);
  });

  it('refuses a document of too many parts', () => {
    assert.deepEqual(codesIn(`[${','.repeat(4_000_000)}]`), ['config/too-large']);
  });

  it('compares the keys of a large map in linear time', () => {
    const keys = Array.from({ length: 50_000 }, (_, i) => `k${i}: 1\n`).join('');
    const { root, finds } = read(`${keys}k0: 2\n`);
    assert.deepEqual(finds, [['config/duplicate-key', 'k0']]);
    assert.equal(root?.kind === 'map' && root.entries.length, 50_000);
  });

  for (const pattern of ['}', '"\n', '%a\n', '---\n', '\0', '- @\n', '[! ! ', 'a:\n \n[']) {
    it(`reports a bounded number of mistakes: ${JSON.stringify(pattern)}`, () => {
      const { root, report } = read(pattern.repeat(60_000));
      assert.equal(root, undefined);
      assert.ok(report.hasErrors);
      assert.ok(report.diagnostics.length + report.dropped <= 2 * MAX_DIAGNOSTICS);
    });
  }

  it('refuses an integer that takes long to convert', () => {
    assert.deepEqual(codesIn('9'.repeat(MAX_SIZE)), ['config/number']);
  });

  it('gives a key of any length a message of a bounded one', () => {
    const key = 'k'.repeat(1000);
    const { report } = read(`{"${key}": 1, "${key}": 2}`);
    assert.ok((report.diagnostics[0]?.message.length ?? 0) < 200);
  });
});

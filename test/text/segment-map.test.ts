import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { readDocument } from '../../src/config/load.ts';
import { Report } from '../../src/diagnostics/report.ts';
import type { Source } from '../../src/text/source.ts';
import type { Text } from '../../src/text/text.ts';

/** The text of the scalar under key `k`, or undefined when `text` is not such a document. */
function scalarIn(text: string): { source: Source; scalar: Text } | undefined {
  const source = { name: 'test.yaml', text };
  const report = new Report();
  const root = readDocument(source, report);
  if (root?.kind !== 'map' || report.hasErrors) return undefined;
  const value = root.entries.find(({ key }) => key === 'k')?.value;
  return value?.kind === 'scalar' ? { source, scalar: value.text } : undefined;
}

/** What is underlined for the first occurrence of `part` in the decoded scalar. */
function underlined(text: string, part: string): string {
  const found = scalarIn(text);
  assert.ok(found, `not a scalar: ${text}`);
  const at = found.scalar.value.indexOf(part);
  assert.notEqual(at, -1, `${JSON.stringify(part)} is not in ${JSON.stringify(found.scalar.value)}`);
  const { start, end } = found.scalar.span(at, at + part.length);
  return text.slice(start, end);
}

const cases: readonly { name: string; text: string; part: string; expected: string }[] = [
  { name: 'plain', text: 'k: role.hr & x', part: 'hr', expected: 'hr' },
  { name: 'plain, across a fold', text: 'k: one\n  two\n  three', part: 'e two t', expected: 'e\n  two\n  t' },
  { name: 'plain, on a later line', text: 'k: one\n  two\n\n  three', part: 'three', expected: 'three' },
  { name: 'plain, an empty line', text: 'k: one \n  \t\n  two', part: '\n', expected: '\n' },
  { name: 'single-quoted, a doubled quote', text: "k: 'it''s so'", part: "'", expected: "''" },
  { name: 'single-quoted, after a doubled quote', text: "k: 'it''s so'", part: 's so', expected: 's so' },
  { name: 'single-quoted, folded', text: "k: 'one\r\n  two'", part: 'two', expected: 'two' },
  { name: 'double-quoted, an escape', text: 'k: "a\\tb"', part: '\t', expected: '\\t' },
  { name: 'double-quoted, after escapes', text: 'k: "\\x41\\u00e9\\"b"', part: 'b', expected: 'b' },
  { name: 'double-quoted, a pair by one escape', text: 'k: "\\U0001F600!"', part: '\ude00', expected: '\\U0001F600' },
  { name: 'double-quoted, an escaped break', text: 'k: "one\\\n   two"', part: 'etw', expected: 'e\\\n   tw' },
  { name: 'double-quoted, folded', text: 'k: "one \n\n two"', part: '\n', expected: '\n' },
  { name: 'literal', text: 'k: |\n  one\n   two\n', part: ' two', expected: ' two' },
  { name: 'literal, with an indicator', text: 'k: |1-\n   one\n', part: '  one', expected: '  one' },
  { name: 'literal, its break', text: 'k: |\r\n  one\r\n  two\r\n', part: '\n', expected: '\r\n' },
  { name: 'literal, kept breaks', text: 'k: |+ # all\n  one\n\n\nj: 1', part: 'one\n\n', expected: 'one\n\n' },
  { name: 'folded', text: 'k: >-\n  one\n  two\n\n  three', part: 'o\nthree', expected: 'o\n\n  three' },
  {
    name: 'folded, more indented',
    text: 'k: >\n  one\n\n    two\n  three\n',
    part: '  two\nthree',
    expected: '  two\n  three',
  },
  { name: 'folded, a space from a break', text: 'k: >\n  one\n  two\n', part: ' ', expected: '\n' },
];

const pieces = (...more: string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom('a', 'bc', ' ', '  ', 'é', '😀', '\n  ', '\r\n  ', ' \n\n   ', '\n\t\n  ', '\t', ...more), {
      minLength: 1,
      maxLength: 12,
    })
    .map((parts) => parts.join(''));

describe('scalarText', () => {
  for (const { name, text, part, expected } of cases) {
    it(`underlines what was written: ${name}`, () => assert.equal(underlined(text, part), expected));
  }

  it('places an empty range before the character, or at the end', () => {
    const found = scalarIn('k: "a\\nb"');
    assert.ok(found);
    const at = (offset: number): number => found.scalar.span(offset, offset).start;
    assert.deepEqual([at(0), at(1), at(2), at(3)], [4, 5, 7, 8]);
  });

  it('keeps offsets outside the value at its ends', () => {
    const found = scalarIn('k: abc # d');
    assert.ok(found);
    const { start, end } = found.scalar.span(-5, 99);
    assert.deepEqual([start, end], [3, 6]);
  });

  it('answers the place of an empty scalar', () => {
    const found = scalarIn("k: ''");
    assert.ok(found);
    assert.equal(found.scalar.span(0, 0).start, 4);
  });

  const escapes = [
    '\\n',
    '\\"',
    '\\\\',
    '\\x41',
    '\\u00e9',
    '\\U0001F600',
    '\\ud83d\\ude00',
    '\\\n  ',
    '\\ ',
    '\\\t',
    '\\/',
  ];
  const blockLine = fc.tuple(fc.nat(5), fc.constantFrom('', '', 'x', 'a b', '\ty', '- z', 'é😀', 'w '));
  const block = fc
    .tuple(
      fc.constantFrom('|', '>'),
      fc.constantFrom('', '1', '2', '3'),
      fc.constantFrom('', '-', '+'),
      fc.array(blockLine, { maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
    )
    .map(([style, indent, chomp, lines, newline, ended]) => {
      const body = lines.map(([spaces, content]) => ' '.repeat(spaces) + content).join(newline);
      return `${style}${indent}${chomp}${newline}${body}${ended ? newline : ''}`;
    });
  const scalars: Readonly<Record<string, fc.Arbitrary<string>>> = {
    plain: pieces('"', "'", '#'),
    'single-quoted': pieces("''", '"', '\\').map((text) => `'${text}'`),
    'double-quoted': pieces("'", ...escapes).map((text) => `"${text}"`),
    block,
  };
  const before = fc.constantFrom('k: ', 'k:   ', 'j: [1]\nk:\n ', '# c\r\nj: {}\r\nk: ');

  for (const [style, scalar] of Object.entries(scalars)) {
    it(`maps every character to the one it was written as: ${style}`, () => {
      let checked = 0;
      fc.assert(
        fc.property(before, scalar, fc.constantFrom('', '\n', '\nz: 1\n'), (start, written, end) => {
          const found = scalarIn(start + written + end);
          if (found === undefined) return;
          checked += 1;
          checkEveryCharacter(found.source, found.scalar);
        }),
        { numRuns: 1500 },
      );
      assert.ok(checked > 300, `only ${checked} documents were valid`);
    });
  }
});

function checkEveryCharacter(source: Source, scalar: Text): void {
  let last = 0;
  for (let i = 0; i < scalar.value.length; i++) {
    const { start, end } = scalar.span(i, i + 1);
    const written = source.text.slice(start, end);
    const decoded = scalar.value.charAt(i);
    assert.ok(start >= last, 'places do not go backwards');
    last = start;
    if (written === decoded || (written === "''" && decoded === "'") || /^\\[^\r\n]/.test(written)) continue;
    const isBreak = /^\r?\n$/.test(written) || (written === '' && start === source.text.length);
    const where = `${JSON.stringify(decoded)} in ${JSON.stringify(source.text)} is placed at ${JSON.stringify(written)}`;
    assert.ok(isBreak && (decoded === ' ' || decoded === '\n'), where);
  }
}

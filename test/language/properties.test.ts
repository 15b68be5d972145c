import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Report } from '../../src/diagnostics/report.ts';
import type { Literal, Path, Predicate, Segment, Stage } from '../../src/language/ast.ts';
import { parseFieldPath } from '../../src/language/parse-field-path.ts';
import { parsePipeline } from '../../src/language/parse-pipeline.ts';
import { parsePredicate } from '../../src/language/parse-predicate.ts';
import { parseRule } from '../../src/language/parse-rule.ts';
import { printPipeline, printPredicate, printRule } from '../../src/language/printer.ts';
import { visit } from '../../src/language/visitor.ts';
import { plainText, type Text } from '../../src/text/text.ts';
import { documentOf } from '../support/document.ts';
import { withoutPlaces } from './table.ts';

const textOf = (text: string): Text => plainText({ name: 'test', text });
const nowhere = { start: 0, end: 0 };

const NEAR_WORDS = [
  "'",
  '"',
  '(',
  ')',
  '[',
  ']',
  '.',
  ',',
  ':',
  '|',
  '&',
  '!',
  '=',
  '==',
  '>=',
  '..',
  ' ',
  '-',
  '*',
  '|| ',
  'a',
  'args.x',
  'result[*].y',
  'in',
  'not in',
  'contains',
  'exists(',
  'require(',
  'true',
  '5',
  '1.5',
  '10k',
  'deny',
  "deny('r', 'c')",
  'allow',
  'taint(',
  'plugin(',
  'delegate(x, ',
  'confirm(x, from: y',
  'scope: ',
  'str',
  'mask(4)',
  'redact(',
  'regex("',
  'enum(',
  'len(',
  'omit',
  'é',
  '🚫',
  '\u00a0',
  '\n',
  '[',
];

/** Text that is likely to come close to the language. */
const nearlyLanguage = fc
  .array(fc.oneof(fc.constantFrom(...NEAR_WORDS), fc.string({ maxLength: 3 })), { maxLength: 12 })
  .map((parts) => parts.join(''));

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/);
const first = name.filter((word) => !/^(?:contains|in|exists|require|true|false|not)$/.test(word));
/** Text that can stand between quotes of one kind or the other. */
const quotable = fc.string({ maxLength: 6 }).filter((text) => !(text.includes("'") && text.includes('"')));
const pathOf = (segment: fc.Arbitrary<Segment>): fc.Arbitrary<Path> =>
  fc
    .tuple(first, fc.array(segment, { maxLength: 3 }))
    .map(([text, rest]) => ({ kind: 'path', segments: [{ kind: 'name', text }, ...rest], range: nowhere }));
const namedSegment: fc.Arbitrary<Segment> = name.map((text) => ({ kind: 'name', text }));
const path = pathOf(
  fc.oneof(
    namedSegment,
    quotable.filter((text) => text !== '').map((text): Segment => ({ kind: 'literal', text })),
    pathOf(namedSegment).map((inner): Segment => ({ kind: 'lookup', path: inner })),
  ),
);
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).filter((value) => !Number.isSafeInteger(Number(value))),
);
const positive = (value: number): number => (value === 0 ? 0 : value);
const literal: fc.Arbitrary<Literal> = fc.oneof(
  quotable.map((value): Literal => ({ kind: 'string', value, range: nowhere })),
  integer.map((value): Literal => ({ kind: 'integer', value, range: nowhere })),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value): Literal => ({ kind: 'float', value: positive(value), range: nowhere })),
  fc.boolean().map((value): Literal => ({ kind: 'boolean', value, range: nowhere })),
);
const predicate = fc.letrec<{ predicate: Predicate }>((tie) => {
  const operands = fc.array(tie('predicate'), { minLength: 2, maxLength: 3 });
  return {
    predicate: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      path.map((each): Predicate => ({ kind: 'truthy', path: each, range: nowhere })),
      path.map((each): Predicate => ({ kind: 'exists', path: each, range: nowhere })),
      fc
        .record({ path, operator: fc.constantFrom('==', '!=', '>', '>=', '<', '<=') })
        .chain((part) =>
          literal.map((each): Predicate => ({ kind: 'compare', ...part, literal: each, range: nowhere })),
        ),
      fc.record({ path, literal }).map((part): Predicate => ({ kind: 'contains', ...part, range: nowhere })),
      fc
        .record({ path, negated: fc.boolean(), set: path })
        .map((part): Predicate => ({ kind: 'in', ...part, range: nowhere })),
      tie('predicate').map((operand): Predicate => ({ kind: 'not', operand, range: nowhere })),
      operands.map((each): Predicate => ({ kind: 'or', operands: each, range: nowhere })),
      operands.map((each): Predicate => ({ kind: 'and', operands: each, range: nowhere })),
    ),
  };
}).predicate;

const label = quotable.filter((text) => text.trim() !== '');
const stage: fc.Arbitrary<Stage> = fc.oneof(
  fc
    .constantFrom('str', 'int', 'bool', 'float')
    .map((type): Stage => ({ kind: 'type', type: type as 'str', range: nowhere })),
  fc.tuple(integer, integer).map(([a, b]): Stage => {
    const [minimum, maximum] = a <= b ? [a, b] : [b, a];
    return { kind: 'range', minimum, maximum, range: nowhere };
  }),
  fc.nat().map((maximum): Stage => ({ kind: 'length', maximum, range: nowhere })),
  fc
    .uniqueArray(quotable, { minLength: 1, maxLength: 4 })
    .map((values): Stage => ({ kind: 'enum', values, range: nowhere })),
  fc.constantFrom('^a|b$', '\\d+', "it's").map((pattern): Stage => ({ kind: 'regex', pattern, range: nowhere })),
  fc.nat().map((keep): Stage => ({ kind: 'mask', keep, range: nowhere })),
  predicate.map((when): Stage => ({ kind: 'redact', when, range: nowhere })),
  fc.constantFrom<Stage>({ kind: 'redact', range: nowhere }, { kind: 'hash', range: nowhere }),
  fc
    .record({
      label,
      scopes: fc.constantFrom<('session' | 'message')[]>(['session'], ['message'], ['message', 'session']),
    })
    .map((part): Stage => ({ kind: 'taint', ...part, range: nowhere })),
  label.map((each): Stage => ({ kind: 'plugin', name: each, range: nowhere })),
);

test('no text makes a parser throw, and every span lies inside the text', () => {
  fc.assert(
    fc.property(nearlyLanguage, (written) => {
      const text = textOf(written);
      const report = new Report();
      const node = { kind: 'scalar', value: written, text, span: text.span(0, written.length) } as const;
      const trees = [
        parseRule(node, report),
        parsePredicate(text, report),
        parsePipeline(text, report),
        parseFieldPath(text, report),
      ];
      for (const { span, message } of report.diagnostics) {
        assert.ok(0 <= span.start && span.start <= span.end && span.end <= written.length, message);
      }
      if (!report.hasErrors) assert.ok(trees.every((tree) => tree !== undefined));
    }),
    { numRuns: 3000 },
  );
});

test('a text gives a tree exactly when nothing in it is an error', () => {
  fc.assert(
    fc.property(nearlyLanguage, (written) => {
      const text = textOf(written);
      const node = { kind: 'scalar', value: written, text, span: text.span(0, written.length) } as const;
      const parsers = [
        (report: Report) => parseRule(node, report),
        (report: Report) => parsePredicate(text, report),
        (report: Report) => parsePipeline(text, report),
        (report: Report) => parseFieldPath(text, report),
      ];
      for (const parser of parsers) {
        const report = new Report();
        assert.equal(parser(report) === undefined, report.hasErrors);
      }
    }),
    { numRuns: 3000 },
  );
});

test('printing and parsing a predicate gives the same tree', () => {
  fc.assert(
    fc.property(predicate, (tree) => {
      const report = new Report();
      const printed = printPredicate(tree);
      assert.deepEqual(withoutPlaces(parsePredicate(textOf(printed), report)), withoutPlaces(tree), printed);
    }),
    { numRuns: 1000 },
  );
});

test('printing and parsing a pipeline gives the same tree', () => {
  fc.assert(
    fc.property(fc.array(stage, { minLength: 1, maxLength: 4 }), (stages) => {
      const printed = printPipeline({ kind: 'pipeline', stages, text: textOf('') });
      const parsed = parsePipeline(textOf(printed), new Report());
      assert.deepEqual(withoutPlaces(parsed?.stages), withoutPlaces(stages), printed);
    }),
    { numRuns: 500 },
  );
});

test('a rule that parses prints to a rule with the same tree', () => {
  fc.assert(
    fc.property(nearlyLanguage, (written) => {
      const text = textOf(written);
      const node = { kind: 'scalar', value: written, text, span: text.span(0, written.length) } as const;
      const tree = parseRule(node, new Report());
      fc.pre(tree !== undefined);
      const again = parseRule(documentOf(JSON.stringify(printRule(tree))), new Report());
      assert.deepEqual(withoutPlaces(again), withoutPlaces(tree));
    }),
    { numRuns: 300 },
  );
});

test('the range of every path of a predicate is where the path is written', () => {
  fc.assert(
    fc.property(predicate, (tree) => {
      const printed = printPredicate(tree);
      const parsed = parsePredicate(textOf(printed), new Report());
      assert.ok(parsed);
      visit(parsed, {
        path: ({ range, segments }) => {
          const [start] = segments;
          assert.ok(start?.kind === 'name');
          assert.ok(printed.slice(range.start, range.end).startsWith(start.text));
        },
      });
    }),
    { numRuns: 300 },
  );
});

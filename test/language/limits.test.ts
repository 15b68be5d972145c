import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DIAGNOSTICS, Report } from '../../src/diagnostics/report.ts';
import { MAX_FIELD_SEGMENTS, parseFieldPath } from '../../src/language/parse-field-path.ts';
import { parsePipeline } from '../../src/language/parse-pipeline.ts';
import { MAX_PREDICATE_DEPTH, parsePredicate } from '../../src/language/parse-predicate.ts';
import { MAX_STEP_DEPTH, parseRule } from '../../src/language/parse-rule.ts';
import { MAX_RULE_LENGTH } from '../../src/language/text-report.ts';
import type { DocumentNode } from '../../src/text/document.ts';
import { plainText } from '../../src/text/text.ts';
import { documentOf } from '../support/document.ts';
import { findingsOf } from './table.ts';

function codesOf(parse: (report: Report) => unknown): readonly string[] {
  const report = new Report();
  const tree = parse(report);
  assert.equal(tree === undefined, report.hasErrors);
  return report.diagnostics.map(({ code }) => code);
}

const textOf = (text: string) => plainText({ name: 'test', text });
const nested = (depth: number): string => `${'('.repeat(depth)}a${')'.repeat(depth)}`;
const nestedSteps = (depth: number): string => `${'{sequential: ['.repeat(depth)}allow${']}'.repeat(depth)}`;
const codesOfSteps = (depth: number): readonly string[] =>
  codesOf((report) => parseRule(documentOf(nestedSteps(depth)), report));
const codesOfPath = (segments: number): readonly string[] =>
  codesOf((report) => parseFieldPath(textOf(`${'a.'.repeat(segments - 1)}a`), report));

test('a rule of the greatest length parses, one character more is refused', () => {
  const longest = 'a'.repeat(MAX_RULE_LENGTH);
  assert.deepEqual(
    codesOf((report) => parsePredicate(textOf(longest), report)),
    [],
  );
  for (const parse of [parsePredicate, parsePipeline, parseFieldPath]) {
    assert.deepEqual(
      codesOf((report) => parse(textOf(`${longest}a`), report)),
      ['language/limit'],
    );
  }
  const text = textOf(`${longest}: deny`);
  const node: DocumentNode = { kind: 'scalar', value: text.value, text, span: text.span(0, 1) };
  assert.deepEqual(
    codesOf((report) => parseRule(node, report)),
    ['language/limit'],
  );
});

test('predicates nest up to the limit and give one finding beyond it', () => {
  assert.deepEqual(
    codesOf((report) => parsePredicate(textOf(nested(MAX_PREDICATE_DEPTH)), report)),
    [],
  );
  for (const written of [
    nested(MAX_PREDICATE_DEPTH + 1),
    nested(20_000),
    `${'!'.repeat(60_000)}a`,
    '!('.repeat(30_000),
    `a & ${nested(200)} | b`,
  ]) {
    assert.deepEqual(
      codesOf((report) => parsePredicate(textOf(written), report)),
      ['language/limit'],
    );
  }
});

test('a chain of operators is no nesting', () => {
  const written = Array.from({ length: 5000 }, (_, index) => `a${index}`).join(' & ');
  assert.deepEqual(
    codesOf((report) => parsePredicate(textOf(written), report)),
    [],
  );
});

test('steps nest up to the limit', () => {
  assert.deepEqual(codesOfSteps(MAX_STEP_DEPTH), []);
  assert.deepEqual(codesOfSteps(MAX_STEP_DEPTH + 1), ['language/limit']);
});

test('a field path has at most so many segments', () => {
  assert.deepEqual(codesOfPath(MAX_FIELD_SEGMENTS), []);
  assert.deepEqual(codesOfPath(MAX_FIELD_SEGMENTS + 1), ['language/limit']);
});

test('hostile repetitions end in findings, never in an exception', () => {
  const units = ['(', '!', '[', ')', ']', '"', 'a.', 'a[', 'a|', 'a:', 'args.a|', 'a-', ',', 'require(', '🚫', 'x: ['];
  for (const unit of units) {
    const written = `${unit.repeat(10_000).slice(0, MAX_RULE_LENGTH - 2)} $`;
    const text = textOf(written);
    const node: DocumentNode = { kind: 'scalar', value: written, text, span: text.span(0, 1) };
    for (const parse of [
      (report: Report) => parseRule(node, report),
      (report: Report) => parsePredicate(text, report),
      (report: Report) => parsePipeline(text, report),
    ]) {
      const report = new Report();
      assert.equal(parse(report), undefined, unit);
      assert.ok(findingsOf(report).length <= MAX_DIAGNOSTICS);
    }
  }
});

test('a pattern that nests too deep for its compiler is a bad pattern', () => {
  const written = `regex('${'('.repeat(30_000)}a${')'.repeat(30_000)}')`;
  assert.deepEqual(
    codesOf((report) => parsePipeline(textOf(written), report)),
    ['language/bad-regex'],
  );
});

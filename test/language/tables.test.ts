import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Report } from '../../src/diagnostics/report.ts';
import { parseFieldPath } from '../../src/language/parse-field-path.ts';
import { parsePipeline } from '../../src/language/parse-pipeline.ts';
import { parsePredicate } from '../../src/language/parse-predicate.ts';
import { parseRule } from '../../src/language/parse-rule.ts';
import { printFieldPath, printPipeline, printPredicate, printRule } from '../../src/language/printer.ts';
import type { DocumentNode } from '../../src/text/document.ts';
import { plainText, type Text } from '../../src/text/text.ts';
import { documentOf } from '../support/document.ts';
import { casesOf, findingsOf, onlyWarns, withoutPlaces } from './table.ts';

const textOf = (text: string): Text => plainText({ name: 'test', text });

function scalarOf(value: string): DocumentNode {
  const text = textOf(value);
  return { kind: 'scalar', value, text, span: text.span(0, value.length) };
}

function table<Tree>(
  name: string,
  key: 'text' | 'rule',
  parse: (written: string, report: Report) => Tree | undefined,
  print: (tree: Tree) => unknown,
  reparse: (printed: unknown, report: Report) => Tree | undefined,
): void {
  describe(name, () => {
    for (const { written, printed, errors } of casesOf(name, key)) {
      test(JSON.stringify(written), () => {
        const report = new Report();
        const tree = parse(written, report);
        assert.deepEqual(findingsOf(report), errors);
        if (!onlyWarns(errors)) return assert.equal(tree, undefined);
        assert.ok(tree);
        const text = print(tree);
        assert.deepEqual(text, printed ?? (key === 'text' ? written : documentValue(written)));
        const again = reparse(text, new Report());
        assert.deepEqual(withoutPlaces(again), withoutPlaces(tree), 'printing and parsing gives another tree');
      });
    }
  });
}

function documentValue(yaml: string): unknown {
  const node = documentOf(yaml);
  return node.kind === 'scalar' ? node.value : JSON.parse(JSON.stringify(plain(node)));
}

function plain(node: DocumentNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'sequence') return node.items.map(plain);
  return Object.fromEntries(node.entries.map((entry) => [entry.key, plain(entry.value)]));
}

const text = (printed: unknown): Text => {
  assert.equal(typeof printed, 'string');
  return textOf(String(printed));
};

table(
  'predicates',
  'text',
  (written, report) => parsePredicate(textOf(written), report),
  printPredicate,
  (printed, report) => parsePredicate(text(printed), report),
);
table(
  'pipelines',
  'text',
  (written, report) => parsePipeline(textOf(written), report),
  printPipeline,
  (printed, report) => parsePipeline(text(printed), report),
);
table(
  'field-paths',
  'text',
  (written, report) => parseFieldPath(textOf(written), report),
  printFieldPath,
  (printed, report) => parseFieldPath(text(printed), report),
);
table(
  'rules',
  'text',
  (written, report) => parseRule(scalarOf(written), report),
  printRule,
  (printed, report) => parseRule(documentOf(JSON.stringify(printed)), report),
);
table(
  'rule-maps',
  'rule',
  (written, report) => parseRule(documentOf(written), report),
  printRule,
  (printed, report) => parseRule(documentOf(JSON.stringify(printed)), report),
);

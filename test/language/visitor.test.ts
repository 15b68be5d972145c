import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Report } from '../../src/diagnostics/report.ts';
import { parseRule } from '../../src/language/parse-rule.ts';
import { parsePredicate } from '../../src/language/parse-predicate.ts';
import { SKIP, STOP, visit } from '../../src/language/visitor.ts';
import { plainText } from '../../src/text/text.ts';
import { documentOf } from '../support/document.ts';

const rule = `
when: a & b[c.d]
do:
  - "e == 1: taint(x)"
  - args.f | redact(g | h) | plugin(p)
  - 'confirm(boss, from: i, scope: "j > 2")'
  - cel: {expr: x}
    on_allow: [require(k)]
    on_deny: ["l: deny"]
  - restrict: {allow_models: "data.m[n]", deny_models: [o]}
`;

function parsed() {
  const report = new Report();
  const step = parseRule(documentOf(rule), report);
  assert.deepEqual(report.diagnostics, []);
  assert.ok(step);
  return step;
}

test('paths are visited as written, and their text and range lead back to the file', () => {
  const written: string[] = [];
  visit(parsed(), {
    path: ({ range }, _ancestors, text) => {
      assert.ok(text);
      const span = text.span(range.start, range.end);
      written.push(span.source.text.slice(span.start, span.end));
    },
  });
  assert.deepEqual(written, ['a', 'b[c.d]', 'c.d', 'e', 'g', 'h', 'j', 'k', 'l', 'data.m[n]', 'n']);
});

test('a step is entered before its children and left after them; ancestors lead to it', () => {
  const order: string[] = [];
  const seen: string[] = [];
  visit(parsed(), {
    field: { enter: () => void order.push('enter field'), leave: () => void order.push('leave field') },
    pipeline: { leave: () => void order.push('leave pipeline') },
    redact: () => void order.push('redact'),
    plugin: (node) => void order.push('text' in node ? 'plugin step' : 'plugin stage'),
    or: (_node, ancestors) => void seen.push(ancestors.map(({ kind }) => kind).join(' ')),
  });
  assert.deepEqual(order, ['enter field', 'redact', 'plugin stage', 'leave pipeline', 'leave field']);
  assert.deepEqual(seen, ['when field pipeline redact']);
});

test('SKIP leaves out the children and the leaving, STOP everything that follows', () => {
  const skipped: string[] = [];
  visit(parsed(), {
    when: {
      enter: (_node, ancestors) => (ancestors.length > 0 ? SKIP : undefined),
      leave: () => void skipped.push('left'),
    },
    compare: () => void skipped.push('compare'),
  });
  assert.deepEqual(skipped, ['compare', 'left']);

  const stopped: string[] = [];
  visit(parsed(), {
    truthy: { leave: () => (stopped.push('truthy'), STOP) },
    compare: () => void stopped.push('compare'),
  });
  assert.deepEqual(stopped, ['truthy']);
});

test('a predicate on its own is visited with the text that is given', () => {
  const text = plainText({ name: 'test', text: 'a in b' });
  const predicate = parsePredicate(text, new Report());
  assert.ok(predicate);
  const kinds: string[] = [];
  visit(
    predicate,
    {
      in: (_node, _ancestors, given) => assert.equal(given, text),
      path: { leave: (node) => void kinds.push(node.kind) },
    },
    text,
  );
  assert.deepEqual(kinds, ['path', 'path']);
});

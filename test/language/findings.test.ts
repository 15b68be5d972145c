import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languageCodes } from '../../src/diagnostics/codes-language.ts';
import { Report } from '../../src/diagnostics/report.ts';
import type { Step } from '../../src/language/ast.ts';
import { parseRule, parseRules } from '../../src/language/parse-rule.ts';
import { parsePipeline } from '../../src/language/parse-pipeline.ts';
import { type DocumentNode, entryOf } from '../../src/text/document.ts';
import { plainText } from '../../src/text/text.ts';
import { documentOf } from '../support/document.ts';
import { casesOf, codeOf, findingsOf } from './table.ts';

/** What is said about a rule string, and the advice. */
function said(rule: string): readonly (readonly [message: string, help: string | undefined])[] {
  const report = new Report();
  parseRule(documentOf(JSON.stringify(rule)), report);
  return report.diagnostics.map(({ message, help }) => [message, help]);
}

test('every code of the language is fired by a case of the tables', () => {
  const fired = new Set<string>();
  for (const name of ['predicates', 'pipelines', 'field-paths', 'rules']) {
    for (const { errors } of casesOf(name, 'text')) errors.forEach(([slug]) => fired.add(codeOf(slug)));
  }
  for (const { errors } of casesOf('rule-maps', 'rule')) errors.forEach(([slug]) => fired.add(codeOf(slug)));
  assert.deepEqual(
    Object.keys(languageCodes).filter((code) => !fired.has(code)),
    [],
  );
});

test('advice says what to write instead', () => {
  assert.deepEqual(said("subject.id = 'ann': deny"), [['`=` is not an operator, `==` is', 'use `==`']]);
  assert.deepEqual(said('a && b: deny'), [['`&&` is not an operator, `&` is', 'use `&`']]);
  assert.deepEqual(said('subject.type == allowed: deny'), [
    [
      '`allowed` is a path, but only a literal may stand on the right of `==`; membership is asked for with `in`',
      "to ask for membership write `subject.type in allowed`; text goes in quotes: `'allowed'`",
    ],
  ]);
  assert.equal(
    said('security.labels contains args.x')[0]?.[1]?.startsWith(
      'to ask for membership write `args.x in security.labels`',
    ),
    true,
  );
  assert.equal(said('require(role.hr-admin)')[0]?.[1], "write `role['hr-admin']`");
  assert.equal(said('require(data.t[subject.id].eu-west)')[0]?.[1], "write `data.t[subject.id]['eu-west']`");
  assert.equal(said('a: dney')[0]?.[1], 'did you mean `deny`?');
  assert.equal(said('args.x | maks(4)')[0]?.[1], 'did you mean `mask`?');
  assert.equal(said('args.a | vip')[0]?.[1], 'for a predicate put it in parentheses: `(args.a | vip)`');
  assert.equal(said('taint(x, sesion)')[0]?.[1], 'did you mean `session`?');
});

test('a message about an argument names the call that it belongs to', () => {
  const report = new Report();
  parsePipeline(plainText({ name: 'test', text: 'redact(a = 1)' }), report);
  assert.equal(report.diagnostics[0]?.message, '`=` is not an operator, `==` is in `redact(...)`');
});

test('invisible characters are spelled out and long text is shortened', () => {
  assert.equal(said('a\u200b')[0]?.[0], 'unexpected character `U+200B`');
  assert.ok((said(`a: ${'x'.repeat(500)}`)[0]?.[0] ?? '').length < 120);
});

test('all rules of a list are read, so that all mistakes are found at once', () => {
  const report = new Report();
  const steps = parseRules(documentOf('["a = 1: reject", deny, "b c", {when: d, do: []}]'), report, {
    listName: 'pre_invocation',
    parse: (rule) => parseRule(rule, report),
  });
  assert.equal(steps, undefined);
  assert.deepEqual(findingsOf(report), [
    ['single-equals', '='],
    ['unknown-effect', 'reject'],
    ['syntax', 'c'],
    ['empty-list', '[]'],
  ]);
});

test('a list keeps the order of its rules and may be empty', () => {
  const report = new Report();
  const parse = (yaml: string) =>
    parseRules(documentOf(yaml), report, {
      listName: 'pre_invocation',
      parse: (rule) => parseRule(rule, report),
    });
  assert.deepEqual(
    parse('[deny, "a: allow", taint(x)]')?.map(({ kind }) => kind),
    ['deny', 'when', 'taint'],
  );
  assert.deepEqual(parse('[]'), []);
  assert.equal(report.hasErrors, false);
});

test('what is not a list is refused by the name of the list', () => {
  for (const yaml of ['null', 'deny', '{a: [deny]}', '5']) {
    const report = new Report();
    const section = documentOf(`{post_invocation: ${yaml}}`);
    const list = section.kind === 'map' && entryOf(section, 'post_invocation');
    assert.ok(list);
    const parse = (rule: DocumentNode): Step | undefined => parseRule(rule, report);
    assert.equal(parseRules(list.value, report, { listName: 'post_invocation', parse }), undefined);
    assert.match(report.diagnostics[0]?.message ?? '', /^`post_invocation` must be a list of rules, not /);
  }
});

test('a key named like a member of every object stays a key', () => {
  const text = (value: string) => plainText({ name: 'test', text: value });
  const mapOf = (key: string, value: DocumentNode): DocumentNode => {
    const keyText = text(key);
    const span = keyText.span(0, key.length);
    return { kind: 'map', entries: [{ key, keyText, keySpan: span, value }], span };
  };
  const yes = text('true');
  const scalar: DocumentNode = { kind: 'scalar', value: true, text: yes, span: yes.span(0, 4) };
  const step = parseRule(mapOf('cel', mapOf('__proto__', mapOf('polluted', scalar))), new Report());
  assert.ok(step?.kind === 'decide');
  assert.deepEqual(Object.keys(step.body), ['__proto__']);
  assert.equal('polluted' in {}, false);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDocument } from '../../src/config/load.ts';
import { mergeDocuments } from '../../src/config/merge-documents.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { type DocumentNode, entryOf, toValue } from '../../src/text/document.ts';

function merge(...texts: readonly string[]): { merged: DocumentNode | undefined; report: Report } {
  const report = new Report();
  const documents = texts.map((text, i) => readDocument({ name: `${i}.yaml`, text }, report));
  const merged = mergeDocuments(
    documents.filter((document) => document !== undefined),
    report,
  );
  return { merged, report };
}

describe('mergeDocuments', () => {
  it('answers a single document as it is', () => {
    const report = new Report();
    const root = readDocument({ name: 'a.yaml', text: 'a: 1' }, report);
    assert.ok(root);
    assert.equal(mergeDocuments([root], report), root);
  });

  it('joins lists, and the keys of maps, in the order of the files', () => {
    const { merged, report } = merge(
      'global: {pdp: []}\nroutes: [{tool: a}]\ngroups: {x: {args: {}}}',
      'groups: {y: {}}\nplugins: [p]\nroutes: [{tool: b}, {tool: c}]',
      'global: {unmatched: deny}\nroutes: []',
    );
    assert.deepEqual(report.diagnostics, []);
    assert.deepEqual(merged && toValue(merged), {
      global: { pdp: [], unmatched: 'deny' },
      routes: [{ tool: 'a' }, { tool: 'b' }, { tool: 'c' }],
      groups: { x: { args: {} }, y: {} },
      plugins: ['p'],
    });
  });

  it('keeps each node at the place in its own file', () => {
    const { merged } = merge('routes: [a]', '\nroutes: [b]');
    assert.ok(merged?.kind === 'map');
    const routes = entryOf(merged, 'routes')?.value;
    assert.ok(routes?.kind === 'sequence');
    assert.deepEqual(
      routes.items.map(({ span }) => [span.source.name, span.start]),
      [
        ['0.yaml', 9],
        ['1.yaml', 10],
      ],
    );
  });

  const twice: readonly { name: string; texts: readonly string[]; key: string; value: unknown }[] = [
    {
      name: 'inside a section',
      texts: ['groups: {x: 1}', 'groups: {y: 2, x: 3}'],
      key: 'x',
      value: { groups: { x: 1, y: 2 } },
    },
    {
      name: 'maps two levels down',
      texts: ['global: {args: {a: 1}}', 'global: {args: {b: 2}}'],
      key: 'args',
      value: { global: { args: { a: 1 } } },
    },
    { name: 'scalars', texts: ['version: 1', 'version: 1'], key: 'version', value: { version: 1 } },
    { name: 'a list and a map', texts: ['routes: []', 'routes: {}'], key: 'routes', value: { routes: [] } },
    { name: 'a map and null', texts: ['global: {}', 'global:'], key: 'global', value: { global: {} } },
  ];
  for (const { name, texts, key, value } of twice) {
    it(`names both places of a key defined twice: ${name}`, () => {
      const { merged, report } = merge(...texts);
      const [only] = report.diagnostics;
      assert.equal(report.diagnostics.length, 1);
      assert.ok(only?.code === 'config/duplicate-key');
      const [related] = only.related ?? [];
      const places = [only.span, related?.span].map((span) => [
        span?.source.name,
        span?.source.text.slice(span.start, span.end),
      ]);
      assert.deepEqual(places, [
        ['1.yaml', key],
        ['0.yaml', key],
      ]);
      assert.deepEqual(merged && toValue(merged), value);
    });
  }

  it('refuses a document that is not a map', () => {
    const { merged, report } = merge('routes: []', '- tool: a');
    assert.equal(merged, undefined);
    assert.deepEqual(
      report.diagnostics.map(({ code, span }) => [code, span.source.name]),
      [['config/not-a-map', '1.yaml']],
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDocument } from '../../src/config/load.ts';
import { pointerAt, withPaths } from '../../src/diagnostics/locate.ts';
import { Report } from '../../src/diagnostics/report.ts';
import type { DocumentNode } from '../../src/text/document.ts';
import type { Source, Span } from '../../src/text/source.ts';

function rootOf(source: Source): DocumentNode {
  const root = readDocument(source, new Report());
  assert.ok(root);
  return root;
}

const text = `# first
routes:
  - tool: pay
    session_store: {kind: valkey}
    "a/b~c": [deny, &rule "log"]
  - *rule
`;
const source: Source = { name: 'policy.yaml', text };

function spanOf(part: string): Span {
  const start = text.indexOf(part);
  assert.notEqual(start, -1);
  return { source, start, end: start + part.length };
}

describe('pointerAt', () => {
  const cases: readonly [string, string][] = [
    ['pay', '/routes/0/tool'],
    ['a', '/routes/0/tool'],
    ['session_store', '/routes/0/session_store'],
    ['{kind: valkey}', '/routes/0/session_store'],
    ['valkey', '/routes/0/session_store/kind'],
    ['kind: valkey', '/routes/0/session_store'],
    ['a/b~c', '/routes/0/a~1b~0c'],
    ['deny', '/routes/0/a~1b~0c/0'],
    ['"log"', '/routes/0/a~1b~0c/1'],
    ['*rule', '/routes'],
    ['routes', '/routes'],
    ['# first', ''],
  ];
  for (const [part, pointer] of cases) {
    it(`answers ${pointer || 'the document'} for \`${part}\``, () => {
      const root = rootOf(source);
      const span =
        part === 'a' ? { ...spanOf('pay'), start: spanOf('pay').start + 1, end: spanOf('pay').end - 1 } : spanOf(part);
      assert.equal(pointerAt(root, span), pointer);
    });
  }
});

describe('withPaths', () => {
  it('adds the path within the document of the same source, and none without one', () => {
    const other: Source = { name: 'other.yaml', text: 'groups: {x: 1}' };
    const roots = [rootOf(source), rootOf(other)];
    const report = new Report();
    report.add('config/unknown-key', { source: other, start: 9, end: 10 }, 'b');
    report.add('config/unknown-key', spanOf('tool'), 'c');
    report.add('config/unreadable', { source: { name: 'gone.yaml', text: '' }, start: 0, end: 0 }, 'a');
    assert.deepEqual(
      withPaths(report.diagnostics, roots).map(({ message, path }) => [message, path]),
      [
        ['a', undefined],
        ['b', '/groups/x'],
        ['c', '/routes/0/tool'],
      ],
    );
  });
});

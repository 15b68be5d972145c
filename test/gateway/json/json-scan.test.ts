import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  MAX_JSON_DEPTH,
  arrayItems,
  findJsonFault,
  objectMembers,
  rootSpan,
} from '../../../src/gateway/json/json-scan.ts';

/** Writes JSON with white space and escapes that `JSON.stringify` would not use. */
function write(value: unknown, space: string, escape: boolean): string {
  if (typeof value === 'string') return quote(value, escape);
  if (Array.isArray(value)) {
    return `[${space}${value.map((item) => write(item, space, escape)).join(`${space},${space}`)}${space}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, item]) => `${quote(key, escape)}${space}:${space}${write(item, space, escape)}`,
  );
  return `{${space}${members.join(`${space},${space}`)}${space}}`;
}

function quote(text: string, escape: boolean): string {
  if (!escape) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}

const spaces = fc.constantFrom('', ' ', '\n\t', '\r\n  ');

test('members and items are found wherever white space and escapes stand', () => {
  fc.assert(
    fc.property(fc.jsonValue(), spaces, fc.boolean(), (value, space, escape) => {
      const text = `${space}${write(value, space, escape)}${space}`;
      assert.equal(findJsonFault(text), undefined);
      const root = rootSpan(text);
      assert.deepEqual(JSON.parse(text.slice(root.start, root.end)), JSON.parse(JSON.stringify(value)));
      if (Array.isArray(value)) {
        const items = arrayItems(text, 0).map(({ start, end }) => JSON.parse(text.slice(start, end)) as unknown);
        assert.deepEqual(items, JSON.parse(JSON.stringify(value)));
      } else if (typeof value === 'object' && value !== null) {
        const members = objectMembers(text, 0).map(
          ({ key, value: span }) => [key, JSON.parse(text.slice(span.start, span.end))] as const,
        );
        assert.deepEqual(members, Object.entries(JSON.parse(JSON.stringify(value)) as object));
      }
    }),
  );
});

test('a duplicate key is found at any depth and in any spelling', () => {
  for (const text of [
    '{"method":1,"method":2}',
    '{"method":1,"\\u006dethod":2}',
    '{"a":[{"b":{"c":1,"d":[],"c":2}}]}',
    '{"":1,"":2}',
    '{"a\\"b":1,"x":{},"a\\u0022b":2}',
    '{"__proto__":1,"__proto__":2}',
  ]) {
    assert.equal(findJsonFault(text), 'duplicate-key', text);
  }
});

test('what only looks like a duplicate key is none', () => {
  for (const text of [
    '{"a":{"a":1},"b":{"a":2}}',
    '[{"a":1},{"a":2}]',
    '{"a":"b","b":"a"}',
    '{"a":"\\",\\"a\\":1"}',
    '{"a":["a","a"]}',
    '{"a":"\\\\","b":1}',
  ]) {
    assert.equal(findJsonFault(text), undefined, text);
  }
});

test('nesting is bounded', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  assert.equal(findJsonFault(nested(MAX_JSON_DEPTH)), undefined);
  assert.equal(findJsonFault(nested(MAX_JSON_DEPTH + 1)), 'too-deep');
  assert.equal(findJsonFault('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)), 'too-deep');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonValue } from '../../../src/engine/operation.ts';
import { rootSpan } from '../../../src/gateway/json/json-scan.ts';
import { replaceMember, spliceJson, withoutItems } from '../../../src/gateway/json/json-splice.ts';
import { parseJson } from '../../../src/text/json.ts';

function splice(text: string, change: (value: JsonValue) => JsonValue): string {
  const before = parseJson(text) as JsonValue;
  return spliceJson(text, rootSpan(text), before, change(before));
}

const object = (value: JsonValue): Record<string, JsonValue> => value as Record<string, JsonValue>;

test('what did not change keeps its text', () => {
  const text =
    '{ "big": 12345678901234567890.5 , "one": 1.0, "e": 1e400, "deep": {"n": 0.10, "ssn": "1"}, "s": "\\u0041" }';
  const changed = splice(text, (value) => ({
    ...object(value),
    deep: { ...object(object(value)['deep'] ?? null), ssn: 'x' },
  }));
  assert.equal(changed, '{"big":12345678901234567890.5,"one":1.0,"e":1e400,"deep":{"n":0.10,"ssn":"x"},"s":"\\u0041"}');
});

test('a deep copy is as good as the object itself', () => {
  const text = '{"a":[1.50,{"b":9007199254740993}],"c":"x"}';
  const changed = splice(text, (value) => {
    const copy = structuredClone(object(value));
    copy['c'] = 'y';
    return copy;
  });
  assert.equal(changed, '{"a":[1.50,{"b":9007199254740993}],"c":"y"}');
});

test('items go with one comma, and nothing else changes', () => {
  const text = '[ 1.0 ,\n  {"a": [2]} , 3 ]';
  const without = (...places: number[]): string => withoutItems(text, rootSpan(text), new Set(places));
  assert.equal(without(), text);
  assert.equal(without(0), '[ {"a": [2]} , 3 ]');
  assert.equal(without(1), '[ 1.0 , 3 ]');
  assert.equal(without(2), '[ 1.0 ,\n  {"a": [2]} ]');
  assert.equal(without(0, 1, 2), '[  ]');
  assert.equal(withoutItems('x[ ]', { start: 1, end: 4 }, new Set([0])), '[ ]');
});

test('without items it is the JSON of the items that are left', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue()),
      fc.array(fc.nat(5)),
      fc.constantFrom(undefined, 1),
      (items, places, indent) => {
        const text = JSON.stringify(items, undefined, indent);
        const removed = new Set(places);
        const left: unknown = JSON.parse(withoutItems(text, rootSpan(text), removed));
        assert.deepEqual(left, JSON.parse(JSON.stringify(items.filter((_, place) => !removed.has(place)))));
      },
    ),
  );
});

test('items that a filter leaves keep their text', () => {
  const text = '[{"n":1.0},{"n":2.0},{"n":3.0}]';
  assert.equal(
    splice(text, (value) => (value as JsonValue[]).filter((_, index) => index !== 1)),
    '[{"n":1.0},{"n":3.0}]',
  );
  assert.equal(
    splice('[1.0,2.0]', (value) => [...(value as JsonValue[]), 3]),
    '[1.0,2.0,3]',
  );
});

test('members come and go', () => {
  const text = '{"a":1.0,"b":2,"__proto__":3}';
  assert.equal(
    splice(text, (value) => ({ ...object(value), c: null })),
    '{"a":1.0,"b":2,"__proto__":3,"c":null}',
  );
  assert.equal(replaceMember(text, rootSpan(text), 'b', undefined), '{"a":1.0,"__proto__":3}');
  assert.equal(replaceMember(text, rootSpan(text), 'd', '[]'), '{"a":1.0,"b":2,"__proto__":3,"d":[]}');
  assert.equal(replaceMember(text, rootSpan(text), 'a', '0'), '{"a":0,"b":2,"__proto__":3}');
});

test('integers that a number would round can be written anew', () => {
  assert.equal(
    splice('{"a":1}', () => ({ a: 9007199254740993n })),
    '{"a":9007199254740993}',
  );
});

test('the outcome is always the new value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.boolean(), (before, after, pretty) => {
      const text = JSON.stringify(before, undefined, pretty ? 2 : undefined);
      const spliced = spliceJson(text, rootSpan(text), JSON.parse(text) as JsonValue, after as JsonValue);
      assert.deepEqual(JSON.parse(spliced), JSON.parse(JSON.stringify(after)));
    }),
  );
});

test('a change of one member leaves the text of all others alone', () => {
  const members = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, maxKeys: 6, noNullPrototype: true });
  fc.assert(
    fc.property(members, fc.nat(), (before, pick) => {
      const text = JSON.stringify(before);
      const parsed = JSON.parse(text) as Record<string, JsonValue>;
      const keys = Object.keys(parsed);
      const key = keys[pick % keys.length] ?? '';
      const after = Object.fromEntries(
        Object.entries(parsed).map(([name, value]) => [name, name === key ? 'new' : value]),
      );
      const expected = JSON.stringify(after);
      assert.equal(spliceJson(text, rootSpan(text), parsed, after), expected);
    }),
  );
});

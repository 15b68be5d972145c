import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { JsonValue } from '../../../src/engine/operation.ts';
import type { Finder, Finding } from '../../../src/engine/scan/finding.ts';
import { findInjection } from '../../../src/engine/scan/injection-detectors.ts';
import { findPii } from '../../../src/engine/scan/pii-detectors.ts';
import { redactFindings, scanValue } from '../../../src/engine/scan/scan-value.ts';
import { arbitraryText } from './arbitrary-text.ts';

const SSN = '123-45-6789';
const CARD = 4_111_111_111_111_111;
const DEPTH = 200_000;

const arbitraryValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    arbitraryText,
    fc.oneof(fc.double(), fc.integer(), fc.constant(CARD)),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(arbitraryText, fc.constant('__proto__')), tie('value'), { maxKeys: 4 }),
  ),
})).value;

function nested(inner: JsonValue): JsonValue {
  let value = inner;
  for (let level = 0; level < DEPTH; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function redact(value: JsonValue): JsonValue {
  return redactFindings(value, findPii, '[PII]');
}

function findAb(text: string): readonly Finding[] {
  const start = text.indexOf('ab');
  return start === -1 ? [] : [{ detector: 'ab', start, end: start + 2 }];
}

describe('scanValue', () => {
  const hits: readonly JsonValue[] = [
    SSN,
    CARD,
    [1, [2, [`my number is ${SSN}`]]],
    { a: { b: [{ c: SSN }] } },
    { [SSN]: true },
    JSON.parse(`{"__proto__": {"x": "${SSN}"}}`) as JsonValue,
    { first: undefined, second: SSN } as unknown as JsonValue,
  ];
  for (const value of hits) {
    test(`finds in ${JSON.stringify(value)}`, () => {
      assert.equal(scanValue(value, findPii), true);
    });
  }

  const clean: readonly JsonValue[] = [null, true, '', 0, -1.5, 1_763_788_153_000, [], {}, { a: ['x', { b: null }] }];
  for (const value of clean) {
    test(`finds nothing in ${JSON.stringify(value)}`, () => {
      assert.equal(scanValue(value, findPii), false);
    });
  }

  test('deep values', () => {
    assert.equal(scanValue(nested(SSN), findPii), true);
    assert.equal(scanValue(nested('x'), findPii), false);
  });

  test('stops at the first finding', () => {
    let calls = 0;
    const find: Finder = () => {
      calls += 1;
      return [{ detector: 'any', start: 0, end: 1 }];
    };
    assert.equal(scanValue(['a', 'b', 'c'], find), true);
    assert.equal(calls, 1);
  });
});

describe('redactFindings', () => {
  test('only the findings of a string are replaced', () => {
    assert.equal(redact(`SSN ${SSN}, mail bob@example.com.`), 'SSN [PII], mail [PII].');
  });

  test('a number whose text is a finding is replaced as a whole', () => {
    assert.deepEqual(redact({ card: CARD, count: 3 }), { card: '[PII]', count: 3 });
  });

  test('the same value comes back when nothing is found', () => {
    const value = { a: [1, 'x', { b: null }], c: 'y' };
    assert.equal(redact(value), value);
  });

  test('only what changed is copied, and the input stays as it is', () => {
    const value = { same: { a: ['x'] }, changed: [SSN, { b: 'y' }] };
    const before = structuredClone(value);
    const after = redact(value) as typeof value;
    assert.deepEqual(after, { same: { a: ['x'] }, changed: ['[PII]', { b: 'y' }] });
    assert.equal(after.same, value.same);
    assert.equal(after.changed[1], value.changed[1]);
    assert.deepEqual(value, before);
  });

  test('member names are redacted, in order and without losing a member', () => {
    const value = { [`a ${SSN}`]: 1, '[PII] (2)': 2, [SSN]: 3, '[PII]': 4, '987-65-4320': 5, '123-45-6780': 6 };
    const after = redact(value) as Record<string, JsonValue>;
    assert.deepEqual(Object.entries(after), [
      ['a [PII]', 1],
      ['[PII] (2)', 2],
      ['[PII]', 3],
      ['[PII] (3)', 4],
      ['987-65-4320', 5],
      ['[PII] (4)', 6],
    ]);
  });

  test('a member named `__proto__` stays a member', () => {
    const value = JSON.parse(`{"__proto__": {"x": "${SSN}"}, "y": 1}`) as JsonValue;
    const after = redact(value);
    assert.equal(JSON.stringify(after), '{"__proto__":{"x":"[PII]"},"y":1}');
    assert.equal(Object.getPrototypeOf(after), Object.prototype);
  });

  test('deep values', () => {
    let after = redact(nested(SSN));
    let levels = 0;
    while (typeof after === 'object' && after !== null) {
      after = Object.values(after)[0] ?? null;
      levels += 1;
    }
    assert.equal(after, '[PII]');
    assert.equal(levels, DEPTH);
  });

  test('what only a replacement brings together is replaced too', () => {
    assert.equal(redactFindings('xaabby', findAb, ''), 'xy');
    assert.equal(redactFindings(`x${'a'.repeat(9)}${'b'.repeat(9)}y`, findAb, ''), '');
  });

  test('a replacement that is a finding itself ends as the replacement', () => {
    assert.equal(redactFindings(`id ${SSN}!`, findPii, '321-54-9876'), '321-54-9876');
  });

  test('no text with a finding is left, at any depth', () => {
    for (const find of [findPii, findInjection]) {
      fc.assert(fc.property(arbitraryValue, (value) => !scanValue(redactFindings(value, find, '[REDACTED]'), find)));
    }
  });

  test('without a finding the value comes back, with one it does not', () => {
    fc.assert(fc.property(arbitraryValue, (value) => Object.is(redact(value), value) !== scanValue(value, findPii)));
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { finderOf } from '../../../src/engine/scan/finder-of.ts';
import { findInjection, hiddenText, INJECTION_DETECTORS } from '../../../src/engine/scan/injection-detectors.ts';
import { arbitraryText } from './arbitrary-text.ts';
import { found, misplaced, readScanFixtures } from './scan-fixtures.ts';

const fixtures = readScanFixtures('injection');
const MEGABYTE = 1 << 20;

describe('findInjection', () => {
  for (const { text, found: expected } of fixtures.findings) {
    test(`finds ${expected.map(([detector]) => detector).join(' and ')} in ${JSON.stringify(text)}`, () => {
      assert.deepEqual(found(findInjection, text), expected);
    });
  }
  for (const text of fixtures.clean) {
    test(`finds nothing in ${JSON.stringify(text)}`, () => {
      assert.deepEqual(found(findInjection, text), []);
    });
  }

  test('each detector has a text in the fixtures', () => {
    const covered = new Set(fixtures.findings.flatMap(({ found: expected }) => expected.map(([detector]) => detector)));
    assert.deepEqual([...covered].toSorted(), INJECTION_DETECTORS.map(({ name }) => name).toSorted());
  });

  test('findings are in bounds, not empty, ascending and apart', () => {
    fc.assert(fc.property(arbitraryText, (text) => misplaced(findInjection, text) === undefined));
  });

  test('any text written in tag characters is found whole', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{1,40}$/), (secret) => {
        const hidden = Array.from(secret, (c) => String.fromCodePoint(0xe0000 + (c.codePointAt(0) ?? 0))).join('');
        assert.deepEqual(found(finderOf([hiddenText]), `a${hidden}b`), [['hidden_text', hidden]]);
      }),
    );
  });
});

describe('hostile text of a megabyte', () => {
  const clean = {
    'one word again and again': 'ignore '.repeat(MEGABYTE / 7),
    'a phrase that never ends': `ignore ${'all '.repeat(MEGABYTE / 4)}`,
    'phrase starts': 'ignore all of the '.repeat(MEGABYTE / 18),
    'disclosure starts': 'tell me all of the text '.repeat(MEGABYTE / 24),
    'role starts': 'you are now a '.repeat(MEGABYTE / 14),
    'long names': `you are now ${'a'.repeat(MEGABYTE)}`,
    'wide gaps': `ignore${' '.repeat(MEGABYTE)}previous instructions`,
    'tag starts': '<tool_call '.repeat(MEGABYTE / 11),
    'angle brackets': '<'.repeat(MEGABYTE),
    'delimiter starts': '<|'.repeat(MEGABYTE / 2),
    'zero-width characters of one kind': '\u200b'.repeat(MEGABYTE),
    'joiners between letters': 'x\u200d'.repeat(MEGABYTE / 2),
  };
  for (const [name, text] of Object.entries(clean)) {
    test(`${name}: nothing found`, () => {
      assert.deepEqual(found(findInjection, text), []);
    });
  }

  test('a megabyte of hidden text is one finding', () => {
    const text = '\u200b\u200c'.repeat(MEGABYTE / 2);
    assert.deepEqual(findInjection(text), [{ detector: 'hidden_text', start: 0, end: text.length }]);
  });

  test('zero-width characters inside a phrase do not hide it', () => {
    const text = 'ignore previous instructions'.replaceAll(/(?=.)/g, '\u200b'.repeat(40_000));
    const [finding] = findInjection(text);
    assert.equal(finding?.detector, 'instruction_override');
    assert.equal(finding?.end, text.length);
  });
});

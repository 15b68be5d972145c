import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { foldText } from '../../../src/engine/scan/fold-text.ts';
import { arbitraryText } from './arbitrary-text.ts';

describe('foldText', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain ASCII - 12', 'plain ASCII - 12'],
    ['Grüße, 東京', 'Grüße, 東京'],
    ['\uff21\uff42\uff11\uff20', 'Ab1@'],
    ['\u{1d400}\u{1d7d8}', 'A0'],
    ['\u0663\u06f4\u096b\u{1d7ff}', '3459'],
    ['a\u00a0b\u3000c\u2009d', 'a b c d'],
    ['1\u20102\u20113\u20134\u20145\u22126', '1-2-3-4-5-6'],
    ['don\u2019t', "don't"],
    ['\ufeffa\u200bb\u00adc\u{e0041}d\u2060', 'abcd'],
    ['\u200b', ''],
  ];
  for (const [text, expected] of cases) {
    test(`${JSON.stringify(text)} reads ${JSON.stringify(expected)}`, () => {
      assert.equal(foldText(text).text, expected);
    });
  }

  test('each range maps to a range whose text folds to the same', () => {
    fc.assert(
      fc.property(arbitraryText, fc.nat(), fc.nat(), (text, a, b) => {
        const folded = foldText(text);
        if (folded.text.length === 0) return;
        const start = a % folded.text.length;
        const end = start + 1 + (b % (folded.text.length - start));
        const range = folded.original({ start, end });
        assert.ok(range.start >= 0 && range.end <= text.length && range.start < range.end);
        const within = text.slice(range.start, range.end);
        assert.ok(foldText(within).text.startsWith(folded.text.slice(start, end)));
      }),
    );
  });

  test('folding again changes nothing', () => {
    fc.assert(fc.property(arbitraryText, (text) => foldText(foldText(text).text).text === foldText(text).text));
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { finderOf } from '../../../src/engine/scan/finder-of.ts';
import {
  creditCardNumber,
  emailAddress,
  findPii,
  PII_DETECTORS,
  socialSecurityNumber,
} from '../../../src/engine/scan/pii-detectors.ts';
import { arbitraryText } from './arbitrary-text.ts';
import { found, misplaced, readScanFixtures } from './scan-fixtures.ts';

const fixtures = readScanFixtures('pii');
const MEGABYTE = 1 << 20;

describe('findPii', () => {
  for (const { text, found: expected } of fixtures.findings) {
    test(`finds ${expected.map(([detector]) => detector).join(' and ')} in ${JSON.stringify(text)}`, () => {
      assert.deepEqual(found(findPii, text), expected);
    });
  }
  for (const text of fixtures.clean) {
    test(`finds nothing in ${JSON.stringify(text)}`, () => {
      assert.deepEqual(found(findPii, text), []);
    });
  }

  test('findings of one text come in ascending order', () => {
    const text = 'bob@example.com, 123-45-6789, 192.0.2.1, +4915112345678, DE89370400440532013000, 4111111111111111';
    assert.deepEqual(
      findPii(text).map(({ detector }) => detector),
      ['email', 'ssn', 'ip_address', 'phone', 'iban', 'credit_card'],
    );
  });

  test('findings are in bounds, not empty, ascending and apart', () => {
    fc.assert(fc.property(arbitraryText, (text) => misplaced(findPii, text) === undefined));
  });

  test('each detector alone finds what it finds among all, or part of it', () => {
    fc.assert(
      fc.property(arbitraryText, (text) => {
        const all = findPii(text);
        return PII_DETECTORS.every((detector) =>
          finderOf([detector])(text).every(({ start, end }) => all.some((f) => f.start <= start && f.end >= end)),
        );
      }),
    );
  });

  test('a valid card number is found, and with one digit changed it is not', () => {
    const digits = fc.stringMatching(/^[0-9]{11}$/);
    fc.assert(
      fc.property(digits, fc.constantFrom('', ' ', '-'), fc.integer({ min: 1, max: 9 }), (rest, separator, change) => {
        const body = `4539${rest}`;
        const check = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].find((digit) => luhnSum(`${body}${digit}`) % 10 === 0);
        const grouped = (number: string): string => (number.match(/.{4}/g) ?? []).join(separator);
        const valid = grouped(`${body}${check}`);
        const invalid = grouped(`${body}${((check ?? 0) + change) % 10}`);
        const find = finderOf([creditCardNumber]);
        assert.deepEqual(found(find, `card ${valid}.`), [['credit_card', valid]]);
        assert.deepEqual(
          found(find, `card ${invalid}.`).filter(([, text]) => text === invalid),
          [],
        );
      }),
    );
  });

  test('a social security number counts by its ranges alone', () => {
    const find = finderOf([socialSecurityNumber]);
    const number = fc.tuple(fc.nat(999), fc.nat(99), fc.nat(9999));
    fc.assert(
      fc.property(number, ([area, group, serial]) => {
        const text = `${pad(area, 3)}-${pad(group, 2)}-${pad(serial, 4)}`;
        const valid = area !== 0 && area !== 666 && area < 900 && group !== 0 && serial !== 0;
        assert.equal(find(text).length, valid ? 1 : 0);
      }),
    );
  });
});

describe('finderOf', () => {
  test('overlapping findings become one that covers all and bears the name of the longest', () => {
    const find = finderOf([
      { name: 'short', reads: 'folded', find: () => [{ start: 0, end: 4 }] },
      { name: 'long', reads: 'folded', find: () => [{ start: 2, end: 9 }] },
      { name: 'apart', reads: 'folded', find: () => [{ start: 9, end: 10 }] },
      { name: 'empty', reads: 'folded', find: () => [{ start: 5, end: 5 }] },
    ]);
    assert.deepEqual(find('0123456789'), [
      { detector: 'long', start: 0, end: 9 },
      { detector: 'apart', start: 9, end: 10 },
    ]);
  });

  test('of two equal findings the detector listed first gives the name', () => {
    const same = { reads: 'raw', find: () => [{ start: 0, end: 1 }] } as const;
    const find = finderOf([
      { name: 'first', ...same },
      { name: 'second', ...same },
    ]);
    assert.deepEqual(find('x'), [{ detector: 'first', start: 0, end: 1 }]);
  });

  test('a picked detector finds nothing of the others', () => {
    assert.deepEqual(found(finderOf([emailAddress]), 'a@b.example 123-45-6789'), [['email', 'a@b.example']]);
  });
});

describe('hostile text of a megabyte', () => {
  const clean = {
    'one long digit run': '4'.repeat(MEGABYTE),
    'single digits with blanks': '1 '.repeat(MEGABYTE / 2),
    'single digits with hyphens': '1-'.repeat(MEGABYTE / 2),
    'digit groups with dots': '999.'.repeat(MEGABYTE / 4),
    'a@a@a@…': 'a@'.repeat(MEGABYTE / 2),
    'only @': '@'.repeat(MEGABYTE),
    'a local part without end': `${'a.'.repeat(MEGABYTE / 2)}@`,
    'labels without a top-level domain': `a@${'1.'.repeat(MEGABYTE / 2)}`,
    'labels that never end': 'a@a.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1'.repeat(MEGABYTE / 32),
    'only plus signs': '+'.repeat(MEGABYTE),
    'plus signs and digits': '+1'.repeat(MEGABYTE / 2),
    'account starts': 'DE89 '.repeat(MEGABYTE / 4),
    'only colons': ':'.repeat(MEGABYTE),
    'groups without end': '1:'.repeat(MEGABYTE / 2),
    'zero-width characters': '\u200b'.repeat(MEGABYTE),
    'zero-width characters between letters': 'x\u200b'.repeat(MEGABYTE / 2),
    parentheses: '(2'.repeat(MEGABYTE / 2),
  };
  for (const [name, text] of Object.entries(clean)) {
    test(`${name}: nothing found`, () => {
      assert.deepEqual(found(findPii, text), []);
    });
  }

  test('what stands at the end is still found', () => {
    const text = `${'4'.repeat(MEGABYTE)} ${'1 '.repeat(1000)}x 123-45-6789`;
    assert.deepEqual(found(findPii, text), [['ssn', '123-45-6789']]);
  });

  test('as many findings as there are', () => {
    assert.equal(findPii('123-45-6789 '.repeat(80_000)).length, 80_000);
    assert.equal(findPii('1\u200b23-45-6789 '.repeat(80_000)).length, 80_000);
  });
});

function luhnSum(number: string): number {
  return Array.from(number)
    .toReversed()
    .reduce((sum, character, index) => {
      const digit = Number(character) * (index % 2 === 0 ? 1 : 2);
      return sum + (digit > 9 ? digit - 9 : digit);
    }, 0);
}

function pad(number: number, width: number): string {
  return String(number).padStart(width, '0');
}

import { NO_RANGES, type Detector, type Range } from './finding.ts';
import { continuesNumber, endsToken, isDigit, numberContinues, startsToken, touchesUuid } from './token-boundary.ts';

interface Issuer {
  /** First four digits of the number, inclusive. */
  readonly first: number;
  readonly last: number;
  readonly lengths: readonly number[];
}

/** Source: ISO/IEC 7812 issuer ranges as the card schemes publish them. */
const ISSUERS: readonly Issuer[] = [
  { first: 4000, last: 4999, lengths: [13, 16, 18, 19] }, // Visa
  { first: 5100, last: 5599, lengths: [16] }, // Mastercard
  { first: 2221, last: 2720, lengths: [16] },
  { first: 3400, last: 3499, lengths: [15] }, // American Express
  { first: 3700, last: 3799, lengths: [15] },
  { first: 6011, last: 6011, lengths: [16, 17, 18, 19] }, // Discover
  { first: 6440, last: 6599, lengths: [16, 17, 18, 19] },
  { first: 6200, last: 6299, lengths: [16, 17, 18, 19] }, // UnionPay
  { first: 8100, last: 8199, lengths: [16, 17, 18, 19] },
  { first: 3528, last: 3589, lengths: [16, 17, 18, 19] }, // JCB
  { first: 3000, last: 3059, lengths: [14, 16, 17, 18, 19] }, // Diners Club
  { first: 3095, last: 3095, lengths: [14, 16, 17, 18, 19] },
  { first: 3600, last: 3699, lengths: [14, 15, 16, 17, 18, 19] },
  { first: 3800, last: 3999, lengths: [14, 16, 17, 18, 19] },
  { first: 5018, last: 5018, lengths: [13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { first: 5020, last: 5020, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 5038, last: 5038, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 5612, last: 5612, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 5893, last: 5893, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 6304, last: 6304, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 6390, last: 6390, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 6759, last: 6763, lengths: [13, 14, 15, 16, 17, 18, 19] },
  { first: 2200, last: 2204, lengths: [16, 17, 18, 19] }, // Mir
  { first: 5060, last: 5061, lengths: [16, 18, 19] }, // Verve
  { first: 6000, last: 6099, lengths: [16] }, // RuPay
  { first: 5080, last: 5089, lengths: [16] },
  { first: 8200, last: 8299, lengths: [16] },
  { first: 9792, last: 9792, lengths: [16] }, // Troy
];

const MIN_DIGITS = 13;
const MAX_DIGITS = 19;
/** After a plus sign, up to so many digits are a phone number. Source: ITU-T E.164. */
const MAX_PHONE_DIGITS = 15;
/** Shorter groups in the middle are rather a list of small numbers, unless nothing else stands in the list. */
const MIN_GROUP = 3;

/**
 * Payment card numbers of 13 to 19 digits, with or without single blanks or hyphens between them, that start as an
 * issuer's numbers do, have a length the issuer uses and pass the Luhn check.
 */
export const creditCardNumber: Detector<'credit_card'> = { name: 'credit_card', reads: 'folded', find };

/** So many digits that a number may start there. */
const ANCHOR = /[0-9](?:[ -]?[0-9]){12}/g;

function find(text: string): readonly Range[] {
  let ranges: Range[] | undefined;
  let index = nextAnchor(text, 0);
  while (index !== undefined) {
    let end = mayStart(text, index) ? cardEnd(text, index) : undefined;
    if (end === undefined) {
      end = index;
      while (isDigit(text.charCodeAt(end))) end += 1;
    } else {
      ranges ??= [];
      ranges.push({ start: index, end });
    }
    index = nextAnchor(text, end);
  }
  return ranges ?? NO_RANGES;
}

function nextAnchor(text: string, from: number): number | undefined {
  ANCHOR.lastIndex = from;
  return ANCHOR.exec(text)?.index;
}

function mayStart(text: string, start: number): boolean {
  return startsToken(text, start) && !continuesNumber(text, start, '.');
}

/** Where the longest card number that starts at `start` ends. */
function cardEnd(text: string, start: number): number | undefined {
  const firstOfList = !continuesNumber(text, start, ' -');
  const mostDigitsOfPhone = text[start - 1] === '+' ? MAX_PHONE_DIGITS : 0;
  const digits: number[] = [];
  let index = start;
  let group = 0;
  let shortGroup = false;
  let best: number | undefined;
  while (digits.length < MAX_DIGITS) {
    digits.push(text.charCodeAt(index) - 48);
    index += 1;
    group += 1;
    if (isDigit(text.charCodeAt(index))) continue;
    const lastOfList = !numberContinues(text, index, ' -');
    const mayEnd = endsToken(text, index) && !numberContinues(text, index, '.');
    const mayBeCard = digits.length >= MIN_DIGITS && digits.length > mostDigitsOfPhone && (!shortGroup || lastOfList);
    if (mayEnd && mayBeCard && isCardNumber(digits) && !touchesUuid(text, start, index)) best = index;
    if (lastOfList) break;
    shortGroup ||= group < MIN_GROUP;
    if (shortGroup && !firstOfList) break;
    group = 0;
    index += 1;
  }
  return best;
}

function isCardNumber(digits: readonly number[]): boolean {
  let prefix = 0;
  for (const digit of digits.slice(0, 4)) prefix = prefix * 10 + digit;
  const known = ISSUERS.some(
    ({ first, last, lengths }) => prefix >= first && prefix <= last && lengths.includes(digits.length),
  );
  return known && passesLuhn(digits);
}

/** Source: ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: readonly number[]): boolean {
  let sum = 0;
  for (const [index, digit] of digits.entries()) {
    const doubled = (digits.length - index) % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

import { NO_RANGES, type Detector, type Range } from './finding.ts';
import { continuesNumber, endsToken, isDigit, numberContinues, startsToken, touchesUuid } from './token-boundary.ts';

/** What may stand between two digits of an international number. */
const SEPARATORS: ReadonlySet<string> = new Set([
  ' ',
  '-',
  '.',
  '/',
  '(',
  ')',
  ' (',
  ') ',
  ')-',
  ').',
  ')/',
  '-(',
  '.(',
  ' - ',
  ' / ',
]);
const MAX_SEPARATOR = 3;

/** Source: ITU-T E.164, section 6. */
const MAX_DIGITS = 15;
const MIN_DIGITS = 8;
/** Without separators fewer digits are rather a number with a sign. */
const MIN_COMPACT_DIGITS = 10;
const COUNTRY_CODE =
  /^(?:1|7|2(?:0|7|[1-69][0-9])|3(?:[0-469]|[578][0-9])|4(?:[013-9]|2[0-9])|5(?:[1-8]|[09][0-9])|6(?:[0-6]|[789][0-9])|8(?:[1246]|[0578][0-9])|9(?:[0-58]|[679][0-9]))/;

/** Area and exchange start with 2–9 and do not end in 11. Source: ATIS-0300051, NANP numbering. */
const NORTH_AMERICAN =
  /(?:1[ .-]|1(?=\())?(?:\([2-9](?!11)[0-9]{2}\)[ .-]?|[2-9](?!11)[0-9]{2}[ .-])[2-9](?!11)[0-9]{2}[ .-][0-9]{4}/g;
const NORTH_AMERICAN_COMPACT = /^1[2-9](?!11)[0-9]{2}[2-9](?!11)[0-9]{6}$/;
const ONLY_BLANKS = /^[0-9 ]+$/;

/**
 * Phone numbers: international ones from the plus sign on, and North American ones with separators. Other national
 * numbers look like any number and are not found.
 */
export const phoneNumber: Detector<'phone'> = {
  name: 'phone',
  reads: 'folded',
  find: (text) => {
    const ranges: Range[] = [];
    for (let plus = text.indexOf('+'); plus !== -1; plus = text.indexOf('+', plus + 1)) {
      if (!startsToken(text, plus) || text[plus - 1] === '+') continue;
      const end = internationalEnd(text, plus + 1);
      if (end !== undefined) ranges.push({ start: plus, end });
    }
    for (const { index: start, 0: found } of text.matchAll(NORTH_AMERICAN)) {
      const end = start + found.length;
      if (isWhole(text, start, end, ONLY_BLANKS.test(found) ? ' .-' : '.-')) ranges.push({ start, end });
    }
    return ranges.length === 0 ? NO_RANGES : ranges;
  },
};

function isWhole(text: string, start: number, end: number, separators: string): boolean {
  if (text[start] !== '(' && !startsToken(text, start)) return false;
  if (continuesNumber(text, start, separators)) return false;
  if (!endsToken(text, end) || numberContinues(text, end, separators)) return false;
  return !touchesUuid(text, start, end);
}

/** Where the longest run of digit groups from `start` on ends that can be an international number. */
function internationalEnd(text: string, start: number): number | undefined {
  let digits = '';
  let separated = false;
  let end: number | undefined;
  let index = text[start] === '(' ? start + 1 : start;
  while (isDigit(text.charCodeAt(index))) {
    while (isDigit(text.charCodeAt(index)) && digits.length <= MAX_DIGITS) {
      digits += text.charAt(index);
      index += 1;
    }
    if (digits.length > MAX_DIGITS) break;
    if (endsToken(text, index) && isInternational(digits, separated)) end = index;
    const separator = separatorLength(text, index);
    if (separator === 0) break;
    separated = true;
    index += separator;
  }
  return end;
}

function isInternational(digits: string, separated: boolean): boolean {
  if (!COUNTRY_CODE.test(digits)) return false;
  if (digits.startsWith('1')) return NORTH_AMERICAN_COMPACT.test(digits);
  return digits.length >= (separated ? MIN_DIGITS : MIN_COMPACT_DIGITS);
}

/** Length of the separator at `index` that a digit follows, or 0. */
function separatorLength(text: string, index: number): number {
  let length = 0;
  while (length <= MAX_SEPARATOR && index + length < text.length && !isDigit(text.charCodeAt(index + length)))
    length += 1;
  return index + length < text.length && SEPARATORS.has(text.slice(index, index + length)) ? length : 0;
}

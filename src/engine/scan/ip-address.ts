import { NO_RANGES, type Detector, type Range } from './finding.ts';
import { continuesNumber, endsToken, numberContinues, startsToken } from './token-boundary.ts';

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const VERSION_4 = new RegExp(`${OCTET}(?:\\.${OCTET}){3}(?![0-9])`, 'g');
const VERSION_4_WHOLE = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
/** What numbers of four parts are more often than addresses. */
const OTHER_NUMBER = /(?:versions?|releases?|builds?|sections?|chapters?|(?:^|[^A-Za-z])v(?:er)?\.?)[ :=]{0,2}$/i;
const OTHER_NUMBER_LENGTH = 12;

/** From the first colon on. */
const VERSION_6_TAIL = /:[0-9A-Fa-f:.]{2,}/g;
const MAX_GROUP = 4;
const HEX = /[0-9A-Fa-f]/;
const GROUP = /^[0-9A-Fa-f]{1,4}$/;
const MAX_VERSION_6_LENGTH = 45;
const GROUPS = 8;
/** Shorter compressed texts are more often ranges, slices or qualified names of a program. */
const MIN_COMPRESSED_DIGITS = 4;

/**
 * IPv4 addresses in dotted decimal, and IPv6 addresses, zone and prefix length left out. Loopback and unspecified
 * addresses of IPv6 (`::1`, `::`) do not count. Source: RFC 4291, section 2.2.
 */
export const ipAddress: Detector<'ip_address'> = {
  name: 'ip_address',
  reads: 'folded',
  find: (text) => {
    const ranges: Range[] = [];
    for (const { index: start, 0: found } of text.matchAll(VERSION_4)) {
      const end = start + found.length;
      if (isWhole(text, start, end) && !isOtherNumber(text, start)) ranges.push({ start, end });
    }
    for (const { index, 0: found } of text.matchAll(VERSION_6_TAIL)) {
      const range = versionSix(text, index, found);
      if (range !== undefined) ranges.push(range);
    }
    return ranges.length === 0 ? NO_RANGES : ranges;
  },
};

function isWhole(text: string, start: number, end: number): boolean {
  if (!startsToken(text, start) || continuesNumber(text, start, '.')) return false;
  return endsToken(text, end) && !numberContinues(text, end, '.');
}

function isOtherNumber(text: string, start: number): boolean {
  return OTHER_NUMBER.test(text.slice(Math.max(0, start - OTHER_NUMBER_LENGTH), start));
}

function versionSix(text: string, colon: number, tail: string): Range | undefined {
  if (tail.length > MAX_VERSION_6_LENGTH + 1) return undefined;
  let start = colon;
  while (start > colon - MAX_GROUP && HEX.test(text.charAt(start - 1))) start -= 1;
  // `address:2001:db8::1`: the letters before the first colon belong to a word.
  if (!startsToken(text, start)) start = colon;
  if (text[start] === ':' && text[start + 1] !== ':') start += 1;
  let end = colon + tail.length;
  while (text[end - 1] === '.') end -= 1;
  if (text[end - 1] === ':' && text[end - 2] !== ':') end -= 1;
  return endsToken(text, end) && isVersionSix(text.slice(start, end)) ? { start, end } : undefined;
}

function isVersionSix(address: string): boolean {
  if (address.length > MAX_VERSION_6_LENGTH) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  const mapped = last !== undefined && VERSION_4_WHOLE.test(last);
  const plain = mapped ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => GROUP.test(group))) return false;
  const count = plain.length + (mapped ? 2 : 0);
  if (halves.length === 1) return count === GROUPS && !plain.every((group) => group.length === 2);
  if (count < 2 || count >= GROUPS) return false;
  return address.replaceAll(/[^0-9A-Fa-f]/g, '').length >= MIN_COMPRESSED_DIGITS && /[0-9]/.test(address);
}

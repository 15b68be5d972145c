import { NO_RANGES, type Detector, type Range } from './finding.ts';

/** Source: RFC 5321, section 4.5.3.1. */
const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;
const LOCAL = /[\p{L}\p{M}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
/** Legal before the `@`, but far more often what an address is embedded in: `to=a@b.example`, `{a@b.example}`. */
const LIKELY_DELIMITER = /^.*[!#$&*/=?^`{|}~](?=.)/su;
const LEADING = /^[.'%+-]+(?=.)/su;
const DOMAIN =
  /(?:[\p{L}\p{N}][\p{L}\p{M}\p{N}-]{0,62}\.){1,127}(?:xn--[a-z0-9-]{1,59}|[\p{L}\p{M}]{2,63})(?![\p{L}\p{M}\p{N}])/iuy;
/** Names of image files for dense screens: `logo@2x.png`. */
const IMAGE_SCALE = /^[0-9]x\.(?:png|jpe?g|gif|svg|webp|avif)$/i;

/** E-mail addresses with a domain of two labels or more; quoted local parts and address literals do not count. */
export const emailAddress: Detector<'email'> = {
  name: 'email',
  reads: 'folded',
  find: (text) => {
    let ranges: Range[] | undefined;
    for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
      const start = localStart(text, at);
      if (start === at) continue;
      const end = domainEnd(text, at + 1);
      if (end === undefined) continue;
      ranges ??= [];
      ranges.push({ start, end });
    }
    return ranges ?? NO_RANGES;
  },
};

const SIGNIFICANT = /[\p{L}\p{N}_]/u;
const ESCAPED = /^[bfnrt](?=.)/su;

function localStart(text: string, at: number): number {
  const earliest = Math.max(0, at - MAX_LOCAL);
  let start = at;
  while (start > earliest && LOCAL.test(text.charAt(start - 1))) start -= 1;
  if (start === at) return at;
  if (text[start - 1] === '\\' && ESCAPED.test(text.slice(start, at))) start += 1;
  start += lengthOf(LIKELY_DELIMITER, text.slice(start, at));
  start += lengthOf(LEADING, text.slice(start, at));
  return SIGNIFICANT.test(text.slice(start, at)) ? start : at;
}

function lengthOf(pattern: RegExp, text: string): number {
  return pattern.exec(text)?.[0].length ?? 0;
}

function domainEnd(text: string, start: number): number | undefined {
  DOMAIN.lastIndex = start;
  const domain = DOMAIN.exec(text)?.[0];
  if (domain === undefined || domain.length > MAX_DOMAIN || IMAGE_SCALE.test(domain)) return undefined;
  return start + domain.length;
}

import { NO_RANGES, type Detector, type Range } from './finding.ts';
import { endsToken, isAlphanumeric, startsToken } from './token-boundary.ts';

/** Country and length of its account numbers, without blanks. Source: SWIFT IBAN registry (ISO 13616-2). */
const REGISTRY =
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 ' +
  'EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 ' +
  'KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 ' +
  'PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 ' +
  'UA29 VA22 VG24 XK20 YE30';

const LENGTHS: ReadonlyMap<string, number> = new Map(
  REGISTRY.split(' ').map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const START = /[A-Za-z]{2}[0-9]{2}/g;
/** Printed in groups of four. */
const GROUP = 4;

/**
 * International bank account numbers, compact or in groups of four with a blank or hyphen between them, in either case,
 * of the country's length and with correct check digits. Source: ISO 13616-1.
 */
export const bankAccountNumber: Detector<'iban'> = {
  name: 'iban',
  reads: 'folded',
  find: (text) => {
    let ranges: Range[] | undefined;
    for (const { index: start, 0: found } of text.matchAll(START)) {
      const length = LENGTHS.get(found.slice(0, 2).toUpperCase());
      if (length === undefined || !startsToken(text, start)) continue;
      const end = accountEnd(text, start, length);
      if (end === undefined) continue;
      ranges ??= [];
      ranges.push({ start, end });
    }
    return ranges ?? NO_RANGES;
  },
};

function accountEnd(text: string, start: number, length: number): number | undefined {
  let compact = '';
  let index = start;
  while (compact.length < length) {
    if (compact.length > 0 && compact.length % GROUP === 0 && ' -'.includes(text.charAt(index))) index += 1;
    if (!isAlphanumeric(text.charCodeAt(index))) return undefined;
    compact += text.charAt(index);
    index += 1;
  }
  return endsToken(text, index) && hasCheckDigits(compact) ? index : undefined;
}

/** Source: ISO 7064, MOD 97-10. */
function hasCheckDigits(account: string): boolean {
  let remainder = 0;
  for (const character of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

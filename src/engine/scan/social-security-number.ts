import { NO_RANGES, type Detector, type Range } from './finding.ts';
import { continuesNumber, endsToken, numberContinues, startsToken } from './token-boundary.ts';

const SHAPE = /(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}/g;
const NAMED = /ssn$/i;

/**
 * United States social security numbers with hyphens whose area is not 000, 666 or 900–999, whose group is not 00 and
 * whose serial is not 0000. Source: Social Security Administration, POMS RM 10201.035.
 */
export const socialSecurityNumber: Detector<'ssn'> = {
  name: 'ssn',
  reads: 'folded',
  find: (text) => {
    let ranges: Range[] | undefined;
    for (const { index: start, 0: found } of text.matchAll(SHAPE)) {
      const end = start + found.length;
      if (!startsToken(text, start) && !NAMED.test(text.slice(Math.max(0, start - 3), start))) continue;
      if (continuesNumber(text, start, '-.') || !endsToken(text, end) || numberContinues(text, end, '-.')) continue;
      ranges ??= [];
      ranges.push({ start, end });
    }
    return ranges ?? NO_RANGES;
  },
};

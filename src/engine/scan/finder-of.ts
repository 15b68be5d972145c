import type { Detector, Finder, Finding } from './finding.ts';
import { foldText } from './fold-text.ts';

const NO_FINDINGS: readonly never[] = [];

/**
 * Runs `detectors` over a text. Where findings overlap they become one that covers them all, so that nothing sensitive
 * sticks out; it bears the name of the longest, and of equals the one listed first.
 */
export function finderOf<Name extends string>(detectors: readonly Detector<Name>[]): Finder<Name> {
  return (text) => {
    const folded = foldText(text);
    let findings: Finding<Name>[] | undefined;
    for (const { name, reads, find } of detectors) {
      const ranges = find(reads === 'raw' ? text : folded.text);
      for (const range of ranges) {
        if (range.end <= range.start) continue;
        const { start, end } = reads === 'raw' ? range : folded.original(range);
        findings ??= [];
        findings.push({ detector: name, start, end });
      }
    }
    return findings === undefined ? NO_FINDINGS : separate(findings);
  };
}

function separate<Name extends string>(findings: Finding<Name>[]): readonly Finding<Name>[] {
  if (findings.length < 2) return findings;
  findings.sort((a, b) => a.start - b.start);
  const separated: Finding<Name>[] = [];
  let current: Finding<Name> | undefined;
  let longest = 0;
  for (const finding of findings) {
    const length = finding.end - finding.start;
    if (current === undefined || finding.start >= current.end) {
      if (current !== undefined) separated.push(current);
      current = finding;
      longest = length;
      continue;
    }
    current = {
      detector: length > longest ? finding.detector : current.detector,
      start: current.start,
      end: Math.max(current.end, finding.end),
    };
    longest = Math.max(longest, length);
  }
  if (current !== undefined) separated.push(current);
  return separated;
}

import { readFileSync } from 'node:fs';
import type { Finder } from '../../../src/engine/scan/finding.ts';

/** Texts with what is found in them, as detector and text, and texts without a finding. */
export interface ScanFixtures {
  readonly findings: readonly { readonly text: string; readonly found: readonly (readonly [string, string])[] }[];
  readonly clean: readonly string[];
}

export function readScanFixtures(name: string): ScanFixtures {
  const file = new URL(`../../../fixtures/scan/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as ScanFixtures;
}

export function found(find: Finder, text: string): readonly (readonly [string, string])[] {
  return find(text).map(({ detector, start, end }) => [detector, text.slice(start, end)]);
}

/** What is wrong with the order or the bounds of the findings, or undefined. */
export function misplaced(find: Finder, text: string): string | undefined {
  let previous = 0;
  for (const { start, end, detector } of find(text)) {
    if (start < previous || end <= start || end > text.length) return `${detector} ${start}–${end} after ${previous}`;
    previous = end;
  }
  return undefined;
}

import { readFileSync } from 'node:fs';
import type { BenchResult, Row } from './result.ts';
import { numeral } from './table.ts';

/** Two result files side by side. Ratios are compared where there are some, since machines differ. */
export function compareFiles(before: string, after: string): string {
  const [old, now] = [readResult(before), readResult(after)];
  const known = new Map(old.rows.map((row) => [keyOf(row), row]));
  const lines = now.rows.flatMap((row) => {
    const earlier = known.get(keyOf(row));
    if (earlier === undefined) return [];
    const change = (row.ratio ?? row.value) / (earlier.ratio ?? earlier.value);
    return [`| ${keyOf(row)} | ${told(earlier)} | ${told(row)} | ${numeral(change)} |`];
  });
  const turned = now.checks.flatMap(({ name, ok }) => {
    const earlier = old.checks.find((check) => check.name === name);
    return earlier === undefined || earlier.ok === ok ? [] : [`${name}: ${ok ? 'reached now' : 'missed now'}`];
  });
  const machines = old.machine === now.machine ? [] : [`before: ${old.machine}`, `after: ${now.machine}`, ''];
  return [...machines, '| | before | after | × |', '|---|---:|---:|---:|', ...lines, '', ...turned].join('\n');
}

function keyOf({ section, name }: Row): string {
  return `${section}: ${name}`;
}

function told({ value, unit, ratio }: Row): string {
  return ratio === undefined ? `${numeral(value)} ${unit}` : `${numeral(value)} ${unit} (× ${numeral(ratio)})`;
}

function readResult(path: string): BenchResult {
  // Files of this program's own making.
  return JSON.parse(readFileSync(path, 'utf8')) as BenchResult;
}

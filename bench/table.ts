import type { BenchResult, Check } from './result.ts';

/** The result as one table in Markdown. */
export function tableOf({ machine, date, rows, checks }: BenchResult): string {
  return [
    `${machine}, ${date.slice(0, 10)}`,
    '',
    '| | measured | × |',
    '|---|---:|---|',
    ...rows.map(({ section, name, value, unit, ratio, of }) => {
      const compared = ratio === undefined ? '' : `${numeral(ratio)} of ${of ?? ''}`;
      return `| ${section}: ${name} | ${numeral(value)} ${unit} | ${compared} |`;
    }),
    '',
    '| must reach | measured | limit | |',
    '|---|---:|---:|---|',
    ...checks.map(lineOf),
    '',
  ].join('\n');
}

function lineOf({ name, value, limit, ok }: Check): string {
  return `| ${name} | ${numeral(value)} | ${numeral(limit)} | ${ok ? 'ok' : 'missed'} |`;
}

/** Three significant digits, thousands apart. */
export function numeral(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

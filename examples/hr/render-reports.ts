import type { StepReport } from './scenario.ts';
import type { Outcome } from './steps.ts';

/** A table of what happened; ends with a line feed. A step that went otherwise than expected says so. */
export function renderReports(reports: readonly StepReport[]): string {
  const rows = reports.map(({ who, call, actual, expected, matches }) => [
    who,
    call,
    actual.outcome,
    describe(actual),
    matches ? '' : `EXPECTED ${expected.outcome} ${describe(expected)}`.trimEnd(),
  ]);
  const header = ['who', 'call', 'outcome', 'code, or what is hidden', ''];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [header, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function describe({ code, hidden }: Outcome): string {
  return code ?? hidden?.join(', ') ?? '';
}

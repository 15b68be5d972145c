import type { Check, ScenarioResult } from './conformance-suite.ts';

/** One scenario, run against the server itself and through the gateway in front of it. */
export interface ScenarioComparison {
  readonly scenario: string;
  readonly required: boolean;
  readonly direct: boolean;
  readonly through: boolean;
  /** Checks that succeed directly and do not through the gateway; the gateway took something away. */
  readonly lost: readonly string[];
}

/** Pairs the results of both runs, in the order of `direct`. */
export function compareResults(
  direct: readonly ScenarioResult[],
  through: readonly ScenarioResult[],
): ScenarioComparison[] {
  const byName = new Map(through.map((result) => [result.scenario, result]));
  return direct.map(({ scenario, required, passed, checks }) => {
    const other = byName.get(scenario);
    return {
      scenario,
      required,
      direct: passed,
      through: other?.passed ?? false,
      lost: lostChecks(checks, other?.checks ?? []),
    };
  });
}

/** Whether nothing that works directly is broken by the gateway. */
export function gatewayKeepsConformance(comparisons: readonly ScenarioComparison[]): boolean {
  return comparisons.every(({ direct, through, lost }) => (through || !direct) && lost.length === 0);
}

/** A table of the comparison, then the counts; ends with a line feed. */
export function renderComparison(title: string, comparisons: readonly ScenarioComparison[]): string {
  const width = Math.max(...['scenario', ...comparisons.map(({ scenario }) => scenario)].map(({ length }) => length));
  const rows = comparisons.map(({ scenario, required, direct, through, lost }) => {
    const notes = [...(required ? [] : ['not required']), ...lost.map((id) => `lost ${id}`)].join(', ');
    return `  ${scenario.padEnd(width)}  ${mark(direct)}    ${mark(through)}     ${notes}`.trimEnd();
  });
  const count = (passed: (comparison: ScenarioComparison) => boolean): number => comparisons.filter(passed).length;
  const required = comparisons.filter((comparison) => comparison.required);
  return [
    title,
    `  ${'scenario'.padEnd(width)}  direct  gateway`,
    ...rows,
    `  passed: ${count(({ direct }) => direct)} of ${comparisons.length} directly, ` +
      `${count(({ through }) => through)} through the gateway; of ${required.length} required: ` +
      `${required.filter(({ direct }) => direct).length} and ${required.filter(({ through }) => through).length}`,
    '',
  ].join('\n');
}

function mark(passed: boolean): string {
  return passed ? 'pass' : 'FAIL';
}

/** Occurrences of one id collapse to one verdict: it succeeded when none of them did worse. */
function lostChecks(direct: readonly Check[], through: readonly Check[]): string[] {
  const after = succeeded(through);
  return [...succeeded(direct)].filter((id) => !after.has(id));
}

function succeeded(checks: readonly Check[]): Set<string> {
  const ids = new Set(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id));
  for (const { id, status } of checks) if (status === 'FAILURE' || status === 'WARNING') ids.delete(id);
  return ids;
}

import { displayWidth, visibleText } from '../diagnostics/visible-text.ts';
import type { ExplainedPipeline, ExplainedRoute, ExplainedStep, Explanation } from './explanation.ts';

/** Steps are aligned up to this many columns; longer ones stand out. */
const MAX_ALIGNED = 72;

/** The explanation for people, section by section. */
export function explainText({ routes, unmatched }: Explanation): string {
  return [
    ...routes.map((route) => `${heading(route)}\n${body(route, 'allow')}`),
    ...unmatched.map(
      (group) => `${group.types.join(', ')} requests that no route matches\n${body(group, group.decision)}`,
    ),
  ].join('\n');
}

function heading({ key, file, line, column, conditional }: ExplainedRoute): string {
  return `${visibleText(key)}  ${visibleText(file)}:${line}:${column}${conditional ? '  (when its `when` holds)' : ''}`;
}

function body(pipeline: ExplainedPipeline, decision: 'allow' | 'deny'): string {
  const lines: string[] = [];
  list(lines, 'layers', pipeline.layers);
  list(lines, 'authentication', pipeline.authentication);
  list(lines, 'plugins', pipeline.plugins);
  const width = Math.min(
    MAX_ALIGNED,
    Math.max(0, ...pipeline.steps.map(({ text }) => displayWidth(visibleText(text)))),
  );
  let phase: ExplainedStep['phase'] | undefined;
  for (const step of pipeline.steps) {
    if (step.phase !== phase) lines.push(`  ${step.phase}`);
    ({ phase } = step);
    const text = visibleText(step.text);
    const padding = ' '.repeat(Math.max(0, width - displayWidth(text)));
    lines.push(
      `    ${text}${padding}  ${visibleText(step.file)}:${step.line}:${step.column}  ${visibleText(step.layer)}`,
    );
  }
  lines.push(`  otherwise ${decision}`);
  return `${lines.join('\n')}\n`;
}

function list(lines: string[], name: string, entries: readonly string[]): void {
  if (entries.length > 0) lines.push(`  ${name}: ${entries.map(visibleText).join(', ')}`);
}

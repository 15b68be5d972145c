import { Command, Option } from 'commander';
import { loadBundle, type BundleSummary, type LoadResult } from '../../config/load-bundle.ts';
import { renderJson, renderText } from '../../diagnostics/render.ts';
import { visibleText } from '../../diagnostics/visible-text.ts';
import { endBundle } from '../../engine/end-bundle.ts';
import { ENTITY_TYPES } from '../../engine/operation.ts';
import { droppedText, exitCodeOf } from '../load-result.ts';
import type { ExitCode, Terminal } from '../terminal.ts';

interface Options {
  readonly format: 'text' | 'json';
  readonly strict?: true;
}

interface Checked {
  readonly path: string;
  readonly result: LoadResult;
  readonly exitCode: ExitCode;
}

/** `check`: load, validate, compile and lint bundles. */
export function checkCommand(terminal: Terminal): Command {
  return new Command('check')
    .summary('load, validate, compile and lint bundles')
    .description('Loads, validates, compiles and lints each BUNDLE, a YAML file or a folder of them.')
    .argument('<bundle...>', 'files or folders')
    .addOption(new Option('--format <format>', 'output').choices(['text', 'json']).default('text'))
    .option('--strict', 'reject on warnings too')
    .addHelpText('after', '\nExit status: 0 accepted, 1 rejected, 2 usage or a file that cannot be read.')
    .action((paths: readonly string[], options: Options) => check(paths, options, terminal));
}

async function check(paths: readonly string[], { format, strict }: Options, terminal: Terminal): Promise<void> {
  const all: Checked[] = [];
  for (const path of paths) {
    const result = await loadBundle(path, { environment: terminal.environment });
    if (result.ok) {
      await endBundle(result.bundle);
    }
    const strictlyRejected = strict === true && result.ok && result.diagnostics.length > 0;
    const exitCode = strictlyRejected ? 1 : exitCodeOf(path, result);
    const checked: Checked = { path, result, exitCode };
    if (exitCode > terminal.exitCode) terminal.exitCode = exitCode;
    if (format === 'text') await terminal.stdout.write(textOf(checked, terminal));
    else all.push(checked);
  }
  if (format === 'json') await terminal.stdout.write(`${JSON.stringify(jsonOf(all), undefined, 2)}\n`);
}

function textOf(checked: Checked, terminal: Terminal): string {
  const { path, result } = checked;
  const diagnostics = renderText(result.diagnostics, { color: terminal.colors(terminal.stdout) });
  const summary = result.ok ? `, ${contents(result.summary)}` : '';
  const verdict = checked.exitCode === 0 ? 'ok' : checked.exitCode === 1 ? 'rejected' : 'unreadable';
  const lines = [`${visibleText(path)}: ${verdict}${summary}${findings(result)}`];
  if (result.ok) lines.push(`  requests that no route matches: ${unmatched(result.summary)}`);
  return `${diagnostics}${droppedText(result.dropped)}${lines.join('\n')}\n`;
}

function contents({ routes, plugins }: BundleSummary): string {
  return `${counted(routes, 'route')}, ${counted(plugins, 'plugin')}`;
}

function findings({ diagnostics, dropped }: LoadResult): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  return (
    (errors === 0 ? '' : `, ${counted(errors, 'error')}`) +
    (warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`) +
    (dropped === 0 ? '' : `, ${dropped} more`)
  );
}

function unmatched(summary: BundleSummary): string {
  return ENTITY_TYPES.map((type) => `${type} ${summary.unmatched[type]}`).join(', ');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `schemas/diagnostics.schema.json`: one report for one bundle, a list of them for several. */
function jsonOf(all: readonly Checked[]): unknown {
  const [first] = all;
  if (first !== undefined && all.length === 1) return reportOf(first);
  return {
    ok: all.every(({ exitCode }) => exitCode === 0),
    bundles: all.map((checked) => ({ bundle: checked.path, ...reportOf(checked) })),
  };
}

function reportOf({ result, exitCode }: Checked): object {
  return {
    ok: exitCode === 0,
    diagnostics: renderJson(result.diagnostics),
    ...(result.dropped === 0 ? {} : { dropped: result.dropped }),
    summary: result.ok ? { routes: result.summary.routes, plugins: result.summary.plugins } : {},
  };
}

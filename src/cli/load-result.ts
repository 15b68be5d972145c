import { relative } from 'node:path';
import type { LoadResult } from '../config/load-bundle.ts';
import { renderText } from '../diagnostics/render.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** How `check` and the commands that need a bundle end with this result of loading `path`. */
export function exitCodeOf(path: string, result: LoadResult): ExitCode {
  if (result.ok) return 0;
  // A file that the bundle names, and that cannot be read, is a fault of the bundle.
  const unreadable = result.diagnostics.some(
    ({ code, span: { source } }) =>
      code === 'config/no-files' || (code === 'config/unreadable' && belongsTo(source.name, path)),
  );
  return unreadable ? 2 : 1;
}

function belongsTo(file: string, bundle: string): boolean {
  const inside = relative(bundle, file);
  return inside === '' || !/^\.\.|[\\/]/.test(inside);
}

/** Tells, on stderr, why the bundle cannot be used. */
export async function reportRejection(path: string, result: LoadResult, terminal: Terminal): Promise<void> {
  const { stderr } = terminal;
  await stderr.write(renderText(result.diagnostics, { color: terminal.colors(stderr) }) + droppedText(result.dropped));
  await terminal.complain(`\`${path}\` is rejected`);
  terminal.exitCode = exitCodeOf(path, result);
}

/** A line about diagnostics left out; empty when there are none. */
export function droppedText(dropped: number): string {
  return dropped === 0 ? '' : `… and ${dropped} more\n`;
}

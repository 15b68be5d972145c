import { Command } from 'commander';
import { catalog } from '../../diagnostics/catalog.ts';
import type { CatalogEntry } from '../../diagnostics/catalog-entry.ts';
import { didYouMean } from '../../diagnostics/nearest.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

const WIDTH = 80;
const entries: ReadonlyMap<string, CatalogEntry> = new Map(Object.entries(catalog));

/** `codes`: the diagnostic catalog. */
export function codesCommand(terminal: Terminal): Command {
  return new Command('codes')
    .summary('the diagnostic catalog, or one entry of it')
    .description('Lists the diagnostic codes by room, or explains CODE, with an example that raises it.')
    .argument('[code]', 'a code such as `config/unknown-key`')
    .action((code: string | undefined) => terminal.stdout.write(code === undefined ? listText() : entryText(code)));
}

function listText(): string {
  const rooms = new Map<string, string[]>();
  const width = Math.max(...[...entries.keys()].map((code) => code.length));
  for (const [code, { severity, title }] of [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const room = code.slice(0, code.indexOf('/'));
    const line = `  ${code.padEnd(width)}  ${severity.padEnd('warning'.length)}  ${title}\n`;
    rooms.set(room, [...(rooms.get(room) ?? []), line]);
  }
  return [...rooms].map(([room, lines]) => `${room}\n${lines.join('')}`).join('\n');
}

function entryText(code: string): string {
  const entry = entries.get(code);
  if (entry === undefined) {
    const advice = didYouMean(code, entries.keys()) ?? '`indelible codes` lists them';
    throw new UsageError(`there is no code \`${code}\`; ${advice}`);
  }
  const { severity, title, explanation, example } = entry;
  const text = `${code} (${severity}): ${title}\n\n${wrapped(explanation)}\n`;
  if (example === undefined) return text;
  return `${text}\nExample:\n\n${example.replace(/^/gm, '  ').trimEnd()}\n`;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

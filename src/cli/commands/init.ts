import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { visibleText } from '../../diagnostics/visible-text.ts';
import { STARTER_BUNDLE, STARTER_REQUESTS } from '../starter.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { schemaText } from './schema.ts';

/** `init`: write a starter bundle. */
export function initCommand(terminal: Terminal): Command {
  return new Command('init')
    .summary('write a commented starter bundle')
    .description(
      'Writes a commented bundle `policy.yaml`, requests to try it with, and the schema that editors check it by into DIR.\n' +
        'Nothing is overwritten.',
    )
    .argument('[dir]', 'folder, made if need be', '.')
    .action((folder: string) => init(folder, terminal));
}

async function init(folder: string, terminal: Terminal): Promise<void> {
  const requests = STARTER_REQUESTS.map(({ request }) => `${JSON.stringify(request)}\n`).join('');
  const files = [
    { path: join(folder, 'policy.yaml'), text: STARTER_BUNDLE },
    { path: join(folder, 'requests.ndjson'), text: requests },
    { path: join(folder, 'bundle.schema.json'), text: await schemaText('bundle') },
  ];
  for (const { path } of files) if (await exists(path)) throw alreadyThere(path);
  await mkdir(folder, { recursive: true });
  for (const { path, text } of files) await writeNew(path, text);
  const [policy, samples] = files.map(({ path }) => visibleText(path));
  await terminal.stdout.write(
    `${files.map(({ path }) => `wrote ${visibleText(path)}\n`).join('')}\nNext:\n` +
      `  indelible check ${policy}\n  indelible eval ${policy} --requests ${samples}\n`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? alreadyThere(path) : error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function alreadyThere(path: string): UsageError {
  return new UsageError(`\`${path}\` exists already; nothing is overwritten`);
}

import { readFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { systemErrorText } from '../system-error.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

const SCHEMAS = ['bundle', 'test', 'request', 'answer', 'diagnostics'];

/** `schema`: print a JSON Schema. */
export function schemaCommand(terminal: Terminal): Command {
  return new Command('schema')
    .summary('print a JSON Schema')
    .description('Prints the JSON Schema (2020-12) of a bundle, or of what the commands read and print.')
    .addArgument(new Argument('[name]', 'which schema').choices(SCHEMAS).default('bundle'))
    .action(async (name: string) => terminal.stdout.write(await schemaText(name)));
}

/** Text of the schema `name` as it comes with the package. Rejects with `UsageError` when there is none. */
export async function schemaText(name: string): Promise<string> {
  try {
    return await readFile(new URL(`../../../schemas/${name}.schema.json`, import.meta.url), 'utf8');
  } catch (error) {
    throw new UsageError(`the schema \`${name}\` is not part of this version`, { cause: systemErrorText(error) });
  }
}

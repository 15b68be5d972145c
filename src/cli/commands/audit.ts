import { createReadStream } from 'node:fs';
import { Argument, Command } from 'commander';
import { CHAIN_START, verifyChain, type ChainReport } from '../../plugins/audit-logger/hash-chain.ts';
import { readLines } from '../read-lines.ts';
import type { Terminal } from '../terminal.ts';

/** `audit`: what an `audit/logger` with `hash_chain` has written. */
export function auditCommand(terminal: Terminal): Command {
  return new Command('audit')
    .summary('check the hash chain of audit files')
    .description('`verify` checks that no record of FILE… was changed, removed or added; name the oldest file first.')
    .addArgument(new Argument('<action>', 'what to do').choices(['verify']))
    .argument('<file...>', 'files of an `audit/logger` with `hash_chain: true`')
    .addHelpText(
      'after',
      '\nRecords cut off the end leave a chain that is whole: compare the last number and hash with a copy kept elsewhere.' +
        '\n\nExit status: 0 the chain is whole, 1 it is broken, 2 usage or unreadable file.',
    )
    .action((_action: 'verify', paths: readonly string[]) => verify(paths, terminal));
}

async function verify(paths: readonly string[], terminal: Terminal): Promise<void> {
  const files = new FileLines(paths);
  const report = await verifyChain(files.read());
  for (const { line, problem } of report.findings) {
    const { path, number } = files.placeOf(line);
    await terminal.stdout.write(`${path}:${number} ${problem}\n`);
  }
  await terminal.stdout.write(summaryOf(report));
  if (report.findings.length > 0 || report.last === undefined) terminal.exitCode = 1;
}

function summaryOf({ records, after, last, findings }: ChainReport): string {
  if (after === undefined || last === undefined) return `${records} records, none of them linked\n`;
  const state = findings.length === 0 ? 'the chain is whole' : 'the chain is broken';
  const earlier = after.seq === CHAIN_START.seq ? '' : `, records up to ${after.seq} are not here`;
  return `${records} records, ${state}${earlier}; last: ${last.seq} ${last.hash}\n`;
}

/** The lines of several files in a row. */
class FileLines {
  readonly #paths: readonly string[];
  /** Lines before each file that was begun. */
  readonly #before: number[] = [];

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  async *read(): AsyncGenerator<string, void, undefined> {
    let count = 0;
    for (const path of this.#paths) {
      this.#before.push(count);
      for await (const line of readLines(createReadStream(path))) {
        count += 1;
        // A line that cannot be read is no record, which is what the chain then says.
        yield 'text' in line ? line.text : '';
      }
    }
  }

  /** Where the line of that number, from 1, stands. */
  placeOf(line: number): { readonly path: string; readonly number: number } {
    const file = this.#before.findLastIndex((before) => before < line);
    return { path: this.#paths[file] ?? '', number: line - (this.#before[file] ?? 0) };
  }
}

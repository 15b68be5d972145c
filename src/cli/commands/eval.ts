import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Command, Option } from 'commander';
import { loadBundle } from '../../config/load-bundle.ts';
import type { Bundle } from '../../engine/bundle.ts';
import type { Engine } from '../../engine/engine.ts';
import { createEngine } from '../../engine/policy-engine.ts';
import { mutedAuditLogger } from '../../plugins/audit-logger/audit-logger.ts';
import type { Alarm } from '../../session/label-store.ts';
import { memoryStore } from '../../session/memory-store.ts';
import { LocalStorage } from '../../transport/local-storage.ts';
import { stringifyJson } from '../../text/json.ts';
import { evaluate } from '../evaluate.ts';
import { reportRejection } from '../load-result.ts';
import { readLines, type Line } from '../read-lines.ts';
import { readRequest } from '../read-request.ts';
import { systemErrorText } from '../system-error.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface Options {
  readonly requests: string;
  readonly trace?: true;
  readonly sessionStore: 'memory' | 'bundle';
}

/** `eval`: decide requests offline, one JSON line in, one out. */
export function evalCommand(terminal: Terminal): Command {
  return new Command('eval')
    .summary('decide requests offline, one JSON line in, one out')
    .description(
      'Decides the requests of FILE on BUNDLE, one JSON line in, one JSON line out, in order. Blank lines are passed over.\n' +
        '`indelible schema request` and `indelible schema answer` describe the lines. Audit records are not written.',
    )
    .argument('<bundle>', 'file or folder')
    .requiredOption('--requests <file>', 'request lines, `-` for standard input')
    .option('--trace', 'add the executed steps to each answer')
    .addOption(
      new Option('--session-store <store>', 'where labels live: in this process, or as the bundle says')
        .choices(['memory', 'bundle'])
        .default('memory'),
    )
    .addHelpText(
      'after',
      '\nExit status: 0 all answered, 1 the bundle is rejected, 2 usage, an unreadable file or an invalid line.',
    )
    .action((path: string, options: Options) => evalRequests(path, options, terminal));
}

async function evalRequests(path: string, options: Options, terminal: Terminal): Promise<void> {
  const alarm = (raised: Alarm): void => void terminal.complain(`alarm ${JSON.stringify(raised)}`);
  const plugins = [mutedAuditLogger];
  const loaded = await loadBundle(path, { environment: terminal.environment, alarm, plugins });
  if (!loaded.ok) {
    await reportRejection(path, loaded, terminal);
    return;
  }
  const { bundle } = loaded;
  if (options.sessionStore === 'memory') {
    await bundle.sessions.store.close();
    bundle.sessions.store = memoryStore();
    await bundle.transport.storage.close();
    bundle.transport.storage = new LocalStorage();
  }
  const engine = await started(bundle, options.trace === true, alarm, terminal);
  if (engine === undefined) return;
  try {
    await answerAll(engine, options.requests, terminal);
  } finally {
    await engine.close();
  }
}

async function started(
  bundle: Bundle,
  trace: boolean,
  alarm: (raised: Alarm) => void,
  terminal: Terminal,
): Promise<Engine | undefined> {
  try {
    return await createEngine(bundle, { trace, alarm });
  } catch (error) {
    await terminal.complain(`the bundle cannot be used: ${error instanceof Error ? error.message : 'a plugin failed'}`);
    terminal.exitCode = 1;
    return undefined;
  }
}

async function answerAll(engine: Engine, requests: string, terminal: Terminal): Promise<void> {
  const input = requests === '-' ? terminal.stdin : createReadStream(requests);
  const named = requests === '-' ? 'standard input' : requests;
  for await (const line of readLines(readable(input, named))) {
    if ('text' in line && line.text.trim() === '') continue;
    await terminal.stdout.write(`${await answerLine(engine, line, named, terminal)}\n`);
    if (terminal.stdout.failure !== undefined) {
      throw new UsageError(`the answers cannot be written: ${systemErrorText(terminal.stdout.failure) ?? 'closed'}`);
    }
  }
}

async function* readable(input: Readable, named: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of input) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  } catch (error) {
    const text = systemErrorText(error);
    if (text === undefined) throw error;
    throw new UsageError(`\`${named}\` cannot be read: ${text}`);
  }
}

/** The answer to a line, or in its place what is wrong with it, which is also told and makes the exit code 2. */
async function answerLine(engine: Engine, line: Line, named: string, terminal: Terminal): Promise<string> {
  const read = 'text' in line ? readRequest(line.text) : { ok: false as const, message: line.problem };
  if (read.ok) return stringifyJson(await evaluate(engine, read.request)) ?? '';
  const { id, message } = read;
  terminal.exitCode = 2;
  await terminal.complain(`${named}:${line.number}: ${message}`);
  return JSON.stringify({
    ...(id === undefined ? {} : { id }),
    error: { code: 'request.invalid', message, line: line.number },
  });
}

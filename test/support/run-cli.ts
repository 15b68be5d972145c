import { Readable, Writable } from 'node:stream';
import { main } from '../../src/cli/main.ts';

export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
}

/** Runs the command line in this process, in its working directory. */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const stdout = collector(options.terminal ?? false);
  const stderr = collector(options.terminal ?? false);
  const { stdin = '', environment = {} } = options;
  const exitCode = await main(argv, {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: environment,
  });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(isTTY: boolean): { readonly stream: Writable & { isTTY: boolean }; readonly text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), text: () => Buffer.concat(chunks).toString('utf8') };
}

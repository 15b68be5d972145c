import type { Readable, Writable } from 'node:stream';
import { visibleText } from '../diagnostics/visible-text.ts';
import { Output } from './output.ts';

/** What the command line uses of its process; `process` itself fits. */
export interface ProcessStreams {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** 0: done; 1: the bundle is rejected; 2: usage, or something cannot be read. Source: command line specification. */
export type ExitCode = 0 | 1 | 2;

/** Where a command reads and writes, and what it ends with. */
export class Terminal {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  exitCode: ExitCode = 0;

  constructor(streams: ProcessStreams) {
    this.stdin = streams.stdin;
    this.stdout = new Output(streams.stdout);
    this.stderr = new Output(streams.stderr);
    this.environment = streams.env;
  }

  /** Whether text for `output` may carry colours. Source: no-color.org. */
  colors(output: Output): boolean {
    return output.isTerminal && (this.environment['NO_COLOR'] ?? '') === '' && this.environment['TERM'] !== 'dumb';
  }

  /** Tells the user one thing, on one line of stderr. */
  async complain(message: string): Promise<void> {
    await this.stderr.write(`indelible: ${visibleText(message)}\n`);
  }
}

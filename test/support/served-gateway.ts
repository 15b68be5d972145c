import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const EXECUTABLE = fileURLToPath(new URL('../../bin/indelible.js', import.meta.url));

/** A process of its own that runs `indelible serve`; lines of its output can be awaited. */
export class ServedGateway {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [EXECUTABLE, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        for (const look of this.#waiting) look();
      });
    }
  }

  /** The first line that holds `text`, now or later; rejects when the process ends without it. */
  line(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find((line) => line.includes(text));
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      this.child.once('close', () => reject(new Error(`ended without "${text}":\n${this.lines.join('\n')}`)));
      look();
    });
  }

  /** URL of the MCP endpoint, once it serves. */
  async url(): Promise<string> {
    return /serving (\S+)/.exec(await this.line('serving http'))?.[1] ?? '';
  }

  /** The exit code; null when the signal ended it. A process that has ended already gives its own. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    await closed;
    return this.child.exitCode;
  }
}

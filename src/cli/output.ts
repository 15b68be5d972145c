import type { Writable } from 'node:stream';

/** One output stream of a command. What goes wrong with it is kept, not thrown: a reader may leave at any time. */
export class Output {
  readonly #stream: Writable;
  readonly isTerminal: boolean;
  #failure: Error | undefined;

  /** Listens for the errors of `stream` from now on. */
  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    stream.on('error', (error: Error) => {
      this.#failure ??= error;
    });
  }

  /** Why nothing more can be written; the reader that left is `EPIPE`. */
  get failure(): Error | undefined {
    return this.#failure ?? (this.#stream.destroyed ? CLOSED : undefined);
  }

  /** Resolves when the stream wants more, or has failed. */
  async write(text: string): Promise<void> {
    if (text === '' || this.failure !== undefined || this.#stream.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ENDS_OF_WAITING) this.#stream.off(event, done);
        resolve();
      };
      for (const event of ENDS_OF_WAITING) this.#stream.on(event, done);
    });
  }

  /** Resolves when all that was written has left the process, or cannot. */
  async flush(): Promise<void> {
    if (this.failure !== undefined || this.#stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      this.#stream.write('', () => resolve());
    });
  }
}

const ENDS_OF_WAITING = ['drain', 'error', 'close'];
const CLOSED = Object.assign(new Error('the stream is closed'), { code: 'EPIPE' });

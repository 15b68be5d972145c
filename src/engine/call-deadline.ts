import type { CallContext } from './plugin.ts';

/** The time that calls have together. It begins when the first of them waits for something and so asks for the signal. */
export class CallDeadline implements CallContext {
  readonly #milliseconds: number;
  readonly #onExpiry: () => void;
  #giveUp: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number, onExpiry: () => void) {
    this.#milliseconds = milliseconds;
    this.#onExpiry = onExpiry;
  }

  get aborted(): boolean {
    return this.#giveUp?.signal.aborted ?? false;
  }

  get signal(): AbortSignal {
    if (this.#giveUp === undefined) {
      const giveUp = new AbortController();
      this.#giveUp = giveUp;
      this.#timer = setTimeout(() => {
        this.#onExpiry();
        giveUp.abort();
      }, this.#milliseconds);
    }
    return this.#giveUp.signal;
  }

  /** To be called when all calls have ended. */
  end(): void {
    clearTimeout(this.#timer);
  }
}

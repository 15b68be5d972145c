import type { Bundle } from './bundle.ts';

/** A bundle from the moment it is put in force until the last operation that began on it has ended. */
export class Tenure {
  /** The engine that decides; an operation may be shown to several. */
  readonly engine: object;
  readonly bundle: Bundle;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Operations that still need the bundle, those between their phases included. */
  operations = 0;
  /** Phases that are being decided. */
  calls = 0;
  /** Settles when what the bundle held has ended. Never rejects. */
  readonly ended: Promise<void>;
  #end: (() => Promise<void>) | undefined;
  #waitsForOperations = true;
  #started = false;
  #settle: () => void = () => undefined;

  constructor(engine: object, bundle: Bundle, now: () => number) {
    this.engine = engine;
    this.bundle = bundle;
    this.now = now;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Runs `end` once: after the last operation, or after `patience` milliseconds if that is earlier. */
  retire(end: () => Promise<void>, patience: number): void {
    const timer = setTimeout(() => this.#start(), patience);
    timer.unref();
    this.#end = () => {
      clearTimeout(timer);
      return end();
    };
    this.left();
  }

  /** Runs `end`, or what `retire` was given, as soon as no phase is being decided. */
  close(end: () => Promise<void>): Promise<void> {
    this.#end ??= end;
    this.#waitsForOperations = false;
    this.left();
    return this.ended;
  }

  /** To be called when a count went down. */
  left(): void {
    if (this.#end === undefined) return;
    if ((this.#waitsForOperations ? this.operations : this.calls) <= 0) this.#start();
  }

  #start(): void {
    if (this.#started || this.#end === undefined) return;
    this.#started = true;
    void this.#end().then(this.#settle, this.#settle);
  }
}

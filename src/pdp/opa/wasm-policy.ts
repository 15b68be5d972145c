import { Worker } from 'node:worker_threads';
import type { WorkerMessage, WorkerQuestion, WorkerStart } from './wasm-messages.ts';

/** Loading compiles the module; nothing of a request is in it. */
const LOAD_TIMEOUT = 30_000;
const MAX_HEAP_MB = 256;
/** Questions that wait for their turn; one more is refused. */
const MAX_WAITING = 1000;

/** The policy gave up on this question, by its own error. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

interface Job {
  readonly question: WorkerQuestion;
  readonly settle: (outcome: WorkerMessage | 'timeout' | 'gone') => void;
}

/** A compiled Rego policy in a thread of its own: one question at a time, each under a time limit. */
export class WasmPolicy {
  readonly #start: WorkerStart;
  readonly #timeout: number;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  #worker: Worker | undefined;
  #starting = false;
  #closed = false;
  /** Rules that can be asked for, such as `policy/allow`. */
  entrypoints: ReadonlySet<string> = new Set();
  /** Functions that the policy calls and that nothing here provides. */
  missing: readonly string[] = [];

  private constructor(start: WorkerStart, timeout: number) {
    this.#start = start;
    this.#timeout = timeout;
  }

  /** Rejects with an `Error` for the author when the module is no policy. `timeout` is of a question, in milliseconds. */
  static async load(start: WorkerStart, timeout: number): Promise<WasmPolicy> {
    const policy = new WasmPolicy(start, timeout);
    await policy.#spawn();
    return policy;
  }

  /** The result set of a rule. Rejects with `EvaluationError`, or another `Error` when there was no answer in time. */
  ask(entrypoint: string, input: ArrayBuffer): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed || this.#waiting.length >= MAX_WAITING) {
        reject(new Error('too many questions wait'));
        return;
      }
      let late = false;
      const job: Job = {
        question: { entrypoint, input },
        settle: (outcome) => {
          clearTimeout(timer);
          if (late) return;
          late = true;
          if (typeof outcome === 'string' || outcome.kind === 'ready' || outcome.kind === 'broken') {
            reject(new Error('the policy gave no answer'));
          } else if (outcome.kind === 'result') resolve(outcome.result);
          else reject(new EvaluationError('the policy cannot be evaluated'));
        },
      };
      const timer = setTimeout(() => this.#giveUp(job), this.#timeout);
      this.#waiting.push(job);
      if (this.#worker === undefined) this.#restart();
      else this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of [this.#running, ...this.#waiting]) job?.settle('gone');
    this.#waiting.length = 0;
    await this.#worker?.terminate();
  }

  #next(): void {
    const worker = this.#worker;
    if (worker === undefined || this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#running = job;
    worker.postMessage(job.question, [job.question.input]);
  }

  /** A question that runs can only be ended with its thread. */
  #giveUp(job: Job): void {
    job.settle('timeout');
    const at = this.#waiting.indexOf(job);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (this.#running === job) this.#replace();
  }

  #replace(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#running?.settle('gone');
    this.#running = undefined;
    worker?.removeAllListeners();
    worker?.on('error', () => undefined);
    void worker?.terminate();
    this.#restart();
  }

  #restart(): void {
    if (!this.#closed && !this.#starting) void this.#spawnAgain();
  }

  async #spawnAgain(): Promise<void> {
    this.#starting = true;
    try {
      await this.#spawn();
    } catch {
      for (const job of this.#waiting.splice(0)) job.settle('gone');
    } finally {
      this.#starting = false;
    }
    this.#next();
  }

  /** Starts a thread and waits until it can be asked. */
  async #spawn(): Promise<void> {
    const file = new URL('./wasm-worker.mjs', import.meta.url);
    const worker = new Worker(file, {
      workerData: this.#start,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    const first = await new Promise<WorkerMessage | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), LOAD_TIMEOUT);
      const settle = (message: WorkerMessage | undefined): void => {
        clearTimeout(timer);
        resolve(message);
      };
      worker.once('message', settle);
      worker.once('error', () => settle(undefined));
      worker.once('exit', () => settle(undefined));
    });
    if (first?.kind !== 'ready' || this.#closed) {
      worker.removeAllListeners();
      worker.on('error', () => undefined);
      await worker.terminate();
      throw new Error('the module is no compiled policy that can be loaded');
    }
    this.entrypoints = new Set(first.entrypoints);
    this.missing = first.missing;
    worker.on('message', (message: WorkerMessage) => this.#answered(message));
    worker.on('error', () => this.#replace());
    worker.on('exit', () => {
      if (this.#worker === worker) this.#replace();
    });
    // A gateway that has nothing else to do may end.
    worker.unref();
    this.#worker = worker;
  }

  #answered(message: WorkerMessage): void {
    const job = this.#running;
    this.#running = undefined;
    job?.settle(message);
    if (message.kind === 'error' && message.fatal) this.#replace();
    else this.#next();
  }
}

import { Worker } from 'node:worker_threads';
import type { Report } from '../diagnostics/report.ts';
import type { Alarm } from '../session/label-store.ts';
import type { BundleSource, DocumentReader } from './document-reader.ts';
import { unpackSet, type DocumentSet, type Purpose } from './document-set.ts';
import type { Answer, Question } from './reading-worker.ts';

/** A worker that has not answered by then never will; in milliseconds. */
const PATIENCE_MS = 120_000;

export interface WorkerReaderOptions {
  /** Folder of the cache; undefined for none. */
  readonly cache: string | undefined;
  readonly alarm: (alarm: Alarm) => void;
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds. */
  readonly patience?: number;
  /** The module that the worker runs. */
  readonly entry?: URL;
}

/**
 * Reads in a thread of its own, which lives as long as the reader. What comes back is handed over, not copied, but for the
 * text. Rejects when the thread ends early or is silent for too long.
 */
export class WorkerReader implements DocumentReader {
  readonly #worker: Worker;
  readonly #alarm: (alarm: Alarm) => void;
  readonly #patience: number;
  /** How the thread ended, once it has. */
  #ended: { readonly reason: unknown } | undefined;
  #settle: ((result: { readonly answer: Answer } | { readonly reason: unknown }) => void) | undefined;

  constructor({ cache, alarm, signal, patience = PATIENCE_MS, entry = ENTRY }: WorkerReaderOptions) {
    this.#alarm = alarm;
    this.#patience = patience;
    this.#worker = startWorker(entry, cache);
    this.#worker.on('message', (answer: Answer) => {
      if (answer.kind === 'alarm') this.#alarm(answer.alarm);
      else this.#settle?.({ answer });
    });
    this.#worker.on('messageerror', (error) => this.#end(error));
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', (code) => this.#end(new Error(`the thread that reads the bundle ended with ${code}`)));
    const abort = (): void => this.#end(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#worker.once('exit', () => signal?.removeEventListener('abort', abort));
    if (signal?.aborted === true) abort();
  }

  async read(source: BundleSource, purpose: Purpose, report: Report): Promise<DocumentSet | undefined> {
    const answer = await this.#ask({ kind: 'read', source, purpose });
    if (answer.kind !== 'read') throw new Error(`the thread answered \`${answer.kind}\` to \`read\``);
    report.addAll(answer.unread);
    return answer.set && unpackSet(answer.set, answer.sources, purpose, report);
  }

  async keep(): Promise<void> {
    await this.#ask({ kind: 'keep' });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const late = new Error(`the thread that reads the bundle has not answered for ${this.#patience} ms`);
      const timer = setTimeout(() => this.#end(late), this.#patience);
      this.#settle = (result) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if ('answer' in result) resolve(result.answer);
        // Whatever ended the thread is what the caller hears.
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors
        else reject(result.reason);
      };
      if (this.#ended === undefined) this.#worker.postMessage(question, []);
      else this.#settle(this.#ended);
    });
  }

  #end(reason: unknown): void {
    this.#ended ??= { reason };
    this.#settle?.(this.#ended);
  }
}

const FROM_SOURCE = import.meta.url.endsWith('.ts');
const ENTRY = new URL(FROM_SOURCE ? './reading-worker.ts' : './reading-worker.js', import.meta.url);

function startWorker(entry: URL, cache: string | undefined): Worker {
  const options = { name: 'indelible-reader', workerData: { cache } };
  if (!FROM_SOURCE) return new Worker(entry, options);
  // What strips types in the main thread does not reach into others by itself.
  const load = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}); });`;
  return new Worker(load, { ...options, eval: true });
}

import { randomUUID } from 'node:crypto';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { Collector, type CollectorOptions } from './collector.ts';
import { CHAIN_START, type ChainLink } from './hash-chain.ts';
import {
  afterLoss,
  CLOSE_WITHIN,
  linked,
  MAX_QUEUED,
  type OnFailure,
  type RecordEntry,
  type RecordSink,
} from './record-sink.ts';

/** In UTF-16 units. */
const MAX_BATCH = 1024 * 1024;
/** In milliseconds. */
const FIRST_RETRY_AFTER = 100;
const LAST_RETRY_AFTER = 30_000;
/** Until the end the last attempts follow one another this closely. */
const RETRY_AT_CLOSE_AFTER = 250;

export interface SenderSettings {
  readonly collector: CollectorOptions;
  /** Most records of one batch. */
  readonly batchSize: number;
  /** How long a batch that is not full waits for more, in milliseconds. */
  readonly flushInterval: number;
  /** Records that may wait, those being sent included. */
  readonly maxQueue: number;
  /** What becomes of a batch that the collector refuses for good: sent again, or lost. */
  readonly keepsRejected: boolean;
  readonly onFailure: OnFailure;
}

interface Batch {
  readonly lines: string;
  readonly key: string;
  readonly count: number;
  readonly length: number;
}

/**
 * Sends records to a collector over HTTP, one batch at a time. A batch that may have arrived is sent again as it was,
 * under the same `idempotency-key`, before any other. The chain of hashes begins anew with each sender.
 */
export class RecordSender implements RecordSink {
  readonly #settings: SenderSettings;
  readonly #collector: Collector;
  readonly #queue: RecordEntry[] = [];
  #queued = 0;
  #batch: Batch | undefined;
  #lost = 0;
  #link: ChainLink = CHAIN_START;
  #closing = false;
  #drained: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  readonly #gaveUp = new AbortController();

  constructor(settings: SenderSettings) {
    this.#settings = settings;
    this.#collector = new Collector(settings.collector);
  }

  get full(): boolean {
    const waiting = this.#queue.length + (this.#batch?.count ?? 0);
    return this.#closing || waiting >= this.#settings.maxQueue || this.#queued >= MAX_QUEUED;
  }

  append(entry: RecordEntry): void {
    if (this.#closing || (this.full && !entry.kept)) {
      this.#lost += 1;
      if (this.#lost === 1) this.#settings.onFailure(this.#closing ? 'closed' : 'overflow', 1);
      return;
    }
    let { text } = entry;
    if (this.#lost > 0) {
      text = afterLoss(text, this.#lost);
      this.#settings.onFailure('overflow', this.#lost);
      this.#lost = 0;
    }
    this.#queue.push({ ...entry, text });
    this.#queued += text.length;
    this.#drained ??= this.#drain();
    if (this.#queue.length >= this.#settings.batchSize && this.#batch === undefined) this.#wake?.();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    const timer = setTimeout(() => {
      this.#gaveUp.abort();
      this.#wake?.();
    }, CLOSE_WITHIN);
    await this.#drained;
    clearTimeout(timer);
    this.flushNow();
    await this.#collector.close();
  }

  /** Nothing can be sent without waiting: what is left is lost, and told. */
  flushNow(): void {
    const left = this.#queue.length + (this.#batch?.count ?? 0);
    if (left > 0) this.#settings.onFailure('closed', left);
  }

  /** Sends until nothing is left. Never rejects. */
  async #drain(): Promise<void> {
    if (this.#queue.length < this.#settings.batchSize) await this.#pause(this.#settings.flushInterval, true);
    let backoff: IBackoff<unknown> | undefined;
    while (!this.#gaveUp.signal.aborted) {
      this.#batch ??= this.#nextBatch();
      if (this.#batch === undefined) break;
      const { lines, key, count, length } = this.#batch;
      const delivery = await this.#collector.post(lines, key, this.#gaveUp.signal);
      if (delivery.taken || (delivery.rejected && !this.#settings.keepsRejected)) {
        if (!delivery.taken) this.#settings.onFailure(delivery.failure, count);
        this.#batch = undefined;
        this.#queued -= length;
        backoff = undefined;
        continue;
      }
      if (this.#gaveUp.signal.aborted) break;
      this.#settings.onFailure(delivery.failure, 0);
      backoff = backoff?.next(undefined) ?? BACKOFF.next();
      await this.#pause(this.#closing ? RETRY_AT_CLOSE_AFTER : backoff.duration, this.#closing);
    }
    this.#drained = undefined;
  }

  #nextBatch(): Batch | undefined {
    const texts: string[] = [];
    let length = 0;
    let waiting = 0;
    for (const entry of this.#queue) {
      if (texts.length === this.#settings.batchSize || (texts.length > 0 && length + entry.text.length > MAX_BATCH))
        break;
      const { text, link } = linked(entry, this.#link);
      this.#link = link;
      texts.push(`${text}\n`);
      length += text.length;
      waiting += entry.text.length;
    }
    if (texts.length === 0) return undefined;
    this.#queue.splice(0, texts.length);
    return { lines: texts.join(''), key: randomUUID(), count: texts.length, length: waiting };
  }

  /** A process with nothing else to do may end meanwhile, unless `holds`. */
  async #pause(milliseconds: number, holds: boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      if (!holds) timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

const BACKOFF = new ExponentialBackoff({ initialDelay: FIRST_RETRY_AFTER, maxDelay: LAST_RETRY_AFTER });

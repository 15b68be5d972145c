import { CHAIN_START, linkOf, type ChainLink } from './hash-chain.ts';
import type { OutputFile } from './output-file.ts';
import {
  afterLoss,
  CLOSE_WITHIN,
  linked,
  MAX_QUEUED,
  type OnFailure,
  type RecordEntry,
  type RecordSink,
} from './record-sink.ts';

/** In bytes. */
const MAX_BATCH = 256 * 1024;
const RETRY_AFTER = 1000;
/** A pipe whose reader lags is tried again this soon. */
const RETRY_FULL_PIPE_AFTER = 20;

export interface WriterSettings {
  readonly maxBytes: number | undefined;
  readonly maxFiles: number | undefined;
  readonly onFailure: OnFailure;
}

/** Appends records to an output, several at a time. */
export class RecordWriter implements RecordSink {
  readonly #output: OutputFile;
  #settings: WriterSettings;
  readonly #queue: RecordEntry[] = [];
  #queued = 0;
  #lost = 0;
  #link: ChainLink;
  /** True when the output ends in a part of a line. */
  #torn: boolean;
  /** How many entries at the head of the queue are being written, and where the chain stands after them. */
  #inFlight: { readonly count: number; readonly link: ChainLink } | undefined;
  #moved = false;
  #closing = false;
  #drained: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  private constructor(output: OutputFile, settings: WriterSettings, tail: string) {
    this.#output = output;
    this.#settings = settings;
    this.#torn = tail !== '' && !tail.endsWith('\n');
    const last = tail.split('\n').findLast((line) => linkOf(line) !== undefined);
    this.#link = (last === undefined ? undefined : linkOf(last)) ?? CHAIN_START;
  }

  /** A writer that goes on where the output ends, its chain of hashes included. Rejects when it cannot be read. */
  static async on(output: OutputFile, settings: WriterSettings): Promise<RecordWriter> {
    return new RecordWriter(output, settings, await output.tail());
  }

  /** Takes over the settings of a later user, and looks whether the file was moved away. */
  renew(settings: WriterSettings): void {
    this.#settings = settings;
    this.#moved = true;
  }

  get full(): boolean {
    return this.#closing || this.#queued >= MAX_QUEUED;
  }

  append(entry: RecordEntry): void {
    const { text, kept } = entry;
    if (this.#closing || (!kept && this.#queued + text.length > MAX_QUEUED)) {
      this.#lost += 1;
      if (this.#lost === 1) this.#settings.onFailure(this.#closing ? 'closed' : 'overflow', 1);
      return;
    }
    let complete = text;
    if (this.#lost > 0) {
      complete = afterLoss(text, this.#lost);
      this.#settings.onFailure('overflow', this.#lost);
      this.#lost = 0;
    }
    this.#queue.push({ ...entry, text: complete });
    this.#queued += complete.length;
    this.#drained ??= this.#drain();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WITHIN);
    });
    await Promise.race([this.#drained, patience]);
    clearTimeout(timer);
    if (this.#queue.length > 0) this.#settings.onFailure('closed', this.#queue.length);
    await this.#output.close();
  }

  flushNow(): void {
    const { count, link } = this.#inFlight ?? { count: 0, link: this.#link };
    let last = link;
    const texts = this.#queue.slice(count).map((entry) => {
      const { text, link: next } = rendered(entry, last);
      last = next;
      return text;
    });
    if (texts.length === 0) return;
    try {
      this.#output.writeNow(texts.join(''));
    } catch (error) {
      this.#settings.onFailure(failureOf(error), texts.length);
    }
  }

  async #drain(): Promise<void> {
    // What is decided in the same turn goes out together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const error = await this.#writeBatch();
      if (error === undefined) continue;
      const failure = failureOf(error);
      if (failure !== 'EAGAIN') this.#settings.onFailure(failure, 0);
      if (this.#closing) break;
      await this.#pause(failure === 'EAGAIN' ? RETRY_FULL_PIPE_AFTER : RETRY_AFTER);
    }
    this.#drained = undefined;
  }

  async #pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      // A process with nothing else to do may end; what is queued is tried once more then.
      const timer = setTimeout(resolve, milliseconds).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Writes as many records as fit, and answers what stopped it from writing them all. Never rejects. */
  async #writeBatch(): Promise<Error | undefined> {
    await this.#arrange();
    const { maxBytes = Infinity } = this.#settings;
    const room = Math.min(MAX_BATCH, maxBytes - this.#output.size);
    const lines: { readonly text: string; readonly size: number; readonly link: ChainLink }[] = [];
    let link = this.#link;
    let total = 0;
    for (const entry of this.#queue) {
      const line = rendered(entry, link);
      const size = Buffer.byteLength(line.text);
      if (lines.length > 0 && total + size > room) break;
      lines.push({ ...line, size });
      link = line.link;
      total += size;
    }
    const mend = this.#torn ? '\n' : '';
    this.#inFlight = { count: lines.length, link };
    const { bytes, error } = await this.#output.write(Buffer.from(mend + lines.map(({ text }) => text).join('')));
    this.#inFlight = undefined;

    let end = mend.length;
    let complete = 0;
    for (const line of lines) {
      if (end + line.size > bytes) break;
      end += line.size;
      complete += 1;
      this.#link = line.link;
    }
    if (bytes > 0) this.#torn = bytes > end;
    for (const { text } of this.#queue.splice(0, complete)) this.#queued -= text.length;
    return error;
  }

  /** Follows a file that was moved, and puts a full one aside. A failure leaves the open file in use. */
  async #arrange(): Promise<void> {
    const { maxBytes, maxFiles } = this.#settings;
    const [next] = this.#queue;
    try {
      if (this.#moved) await this.#output.follow();
      this.#moved = false;
      if (maxBytes === undefined || next === undefined || this.#output.size === 0) return;
      const size = Buffer.byteLength(rendered(next, this.#link).text);
      if (this.#output.size + size > maxBytes) await this.#output.rotate(maxFiles);
    } catch (error) {
      this.#settings.onFailure(failureOf(error), 0);
    }
  }
}

function rendered(entry: RecordEntry, before: ChainLink): { readonly text: string; readonly link: ChainLink } {
  const { text, link } = linked(entry, before);
  return { text: `${text}\n`, link };
}

function failureOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'error';
}

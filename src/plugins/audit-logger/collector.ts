import { Pool } from 'undici';

const CONNECTIONS = 1;

/** What became of a batch: taken, or why not. */
export type Delivery =
  | { readonly taken: true }
  /** `rejected`: the collector will not take this batch, however often it is sent. */
  | { readonly taken: false; readonly failure: string; readonly rejected: boolean };

export interface CollectorOptions {
  /** Absolute. */
  readonly url: URL;
  /** Whole time of a batch, in milliseconds. */
  readonly timeout: number;
  /** Names and values, read anew for each batch. Throws when a secret cannot be had. */
  readonly headers: () => Readonly<Record<string, string>>;
}

/** Statuses that say that the batch itself is at fault. */
const REJECTED: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** A server that takes records in batches. Redirects are not followed, and of its answers only the status is read. */
export class Collector {
  readonly #pool: Pool;
  readonly #options: CollectorOptions;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#pool = new Pool(options.url.origin, { connections: CONNECTIONS, connect: { timeout: options.timeout } });
  }

  /** Posts lines of JSON. `key` is the same whenever the same batch is sent again. Never rejects. */
  async post(lines: string, key: string, cancelled: AbortSignal): Promise<Delivery> {
    const { url, timeout, headers } = this.#options;
    const late = AbortSignal.timeout(timeout);
    let secret: Readonly<Record<string, string>>;
    try {
      secret = headers();
    } catch {
      return { taken: false, failure: 'credentials', rejected: false };
    }
    try {
      const { statusCode, body } = await this.#pool.request({
        method: 'POST',
        path: `${url.pathname}${url.search}`,
        body: lines,
        headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key, ...secret },
        signal: AbortSignal.any([late, cancelled]),
      });
      // Destroying a body that was not read raises an error on it.
      body.on('error', () => undefined).destroy();
      if (statusCode >= 200 && statusCode < 300) return { taken: true };
      return { taken: false, failure: `status ${statusCode}`, rejected: REJECTED.has(statusCode) };
    } catch {
      return { taken: false, failure: late.aborted ? 'timeout' : 'network', rejected: false };
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

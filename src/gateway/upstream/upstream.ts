import { Pool } from 'undici';
import type { Dispatcher } from 'undici';

/** How an exchange with the upstream failed. Holds nothing of its address, its answer or the request. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly failure: 'unreachable' | 'timeout' | 'invalid' | 'too-large' | 'cancelled';
  /** Whether the upstream may have got the request, and may still act on it. */
  readonly sent: boolean;

  constructor(failure: UpstreamError['failure'], sent: boolean, options?: ErrorOptions) {
    super(`upstream exchange failed: ${failure}`, options);
    this.failure = failure;
    this.sent = sent;
  }
}

/** Names in lower case. */
export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer | string | null;
}

export interface UpstreamBody {
  /** The next bytes; undefined at the end. Rejects with `UpstreamError`, also when none come within `idleMs`. */
  next(idleMs: number): Promise<Buffer | undefined>;
  /** All of it. Rejects with `UpstreamError` when it is longer than `maxBytes` or not complete within `totalMs`. */
  collect(maxBytes: number, totalMs: number): Promise<Buffer>;
}

export interface UpstreamResponse {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly body: UpstreamBody;
}

export interface UpstreamExchange {
  /** Rejects with `UpstreamError`. */
  readonly response: Promise<UpstreamResponse>;
  /** Gives the exchange up; whoever waits for it gets an `UpstreamError` of failure `cancelled`. */
  cancel(): void;
}

export interface Upstream {
  send(request: UpstreamRequest): UpstreamExchange;
  /** Waits for the exchanges under way. */
  close(): Promise<void>;
  /** Cuts them. */
  destroy(): Promise<void>;
}

export interface UpstreamLimits {
  readonly connectMs: number;
  /** From the request's last byte to the response's headers. */
  readonly headersMs: number;
  readonly maxHeaderBytes: number;
}

/** Bytes of a response that wait for their reader before the upstream is told to wait. */
const HIGH_WATER_BYTES = 65_536;

/** A pool of connections to one origin. Redirects are not followed and nothing is retried. */
export function createUpstream(origin: string, limits: UpstreamLimits): Upstream {
  const pool = new Pool(origin, {
    connections: null,
    pipelining: 1,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMs,
    bodyTimeout: 0,
    connect: { timeout: limits.connectMs },
  });
  return {
    send(request) {
      const exchange = new PooledExchange();
      pool.dispatch(request, exchange);
      return exchange;
    },
    close: () => pool.close(),
    destroy: () => pool.destroy(),
  };
}

class PooledExchange implements UpstreamExchange, UpstreamBody, Dispatcher.DispatchHandler {
  readonly response: Promise<UpstreamResponse>;
  #resolve: ((response: UpstreamResponse) => void) | undefined;
  #reject: ((error: UpstreamError) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #failure: UpstreamError | undefined;
  #started = false;
  #ended = false;
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | undefined;

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  cancel(): void {
    if (!this.#ended) this.#fail(new UpstreamError('cancelled', this.#controller !== undefined));
  }

  async next(idleMs: number): Promise<Buffer | undefined> {
    if (this.#queue.length === 0 && !this.#ended && this.#failure === undefined) await this.#waitForMore(idleMs);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#take();
  }

  async collect(maxBytes: number, totalMs: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const deadline = this.#ended ? 0 : performance.now() + totalMs;
    for (;;) {
      const chunk = this.#take();
      if (chunk === undefined) {
        const [only] = chunks;
        if (this.#ended) return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes);
        if (this.#failure === undefined) await this.#waitForMore(Math.max(0, deadline - performance.now()));
        if (this.#failure !== undefined) throw this.#failure;
        continue;
      }
      bytes += chunk.length;
      if (bytes > maxBytes) {
        const error = new UpstreamError('too-large', true);
        this.#fail(error);
        throw error;
      }
      chunks.push(chunk);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: UpstreamHeaders): void {
    if (status < 200) return;
    this.#started = true;
    this.#resolve?.({ status, headers, body: this });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= HIGH_WATER_BYTES) controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#ended = true;
    this.#wake?.();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(new UpstreamError(failureOf(error, this.#started), this.#controller !== undefined, { cause: error }));
  }

  #fail(error: UpstreamError): void {
    if (this.#failure !== undefined || this.#ended) return;
    this.#failure = error;
    this.#queue.length = 0;
    this.#reject?.(error);
    this.#wake?.();
    this.#controller?.abort(error);
  }

  #take(): Buffer | undefined {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) this.#queuedBytes -= chunk.length;
    if (this.#queuedBytes < HIGH_WATER_BYTES && this.#controller?.paused === true) this.#controller.resume();
    return chunk;
  }

  #waitForMore(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail(new UpstreamError('timeout', true)), ms);
      this.#wake = () => {
        this.#wake = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function failureOf(error: Error, started: boolean): UpstreamError['failure'] {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
  return started || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW' ? 'invalid' : 'unreachable';
}

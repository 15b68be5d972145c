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
    send: (request) => startExchange(pool, request),
    close: () => pool.close(),
    destroy: () => pool.destroy(),
  };
}

function startExchange(pool: Pool, request: UpstreamRequest): UpstreamExchange {
  let controller: Dispatcher.DispatchController | undefined;
  let failure: UpstreamError | undefined;
  let started = false;
  let ended = false;
  let queue: Buffer[] = [];
  let queuedBytes = 0;
  let wake: (() => void) | undefined;
  let settle: { resolve: (response: UpstreamResponse) => void; reject: (error: UpstreamError) => void } | undefined;
  const response = new Promise<UpstreamResponse>((resolve, reject) => {
    settle = { resolve, reject };
  });

  const fail = (error: UpstreamError): void => {
    if (failure !== undefined || ended) return;
    failure = error;
    queue = [];
    settle?.reject(error);
    wake?.();
    controller?.abort(error);
  };

  const waitForMore = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => fail(new UpstreamError('timeout', true)), ms);
      wake = () => {
        wake = undefined;
        clearTimeout(timer);
        resolve();
      };
    });

  const take = (): Buffer | undefined => {
    const chunk = queue.shift();
    if (chunk !== undefined) queuedBytes -= chunk.length;
    if (queuedBytes < HIGH_WATER_BYTES && controller?.paused === true) controller.resume();
    return chunk;
  };

  const body: UpstreamBody = {
    async next(idleMs) {
      if (queue.length === 0 && !ended && failure === undefined) await waitForMore(idleMs);
      if (failure !== undefined) throw failure;
      return take();
    },
    async collect(maxBytes, totalMs) {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const deadline = ended ? 0 : performance.now() + totalMs;
      for (;;) {
        const chunk = take();
        if (chunk === undefined) {
          if (ended) return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes);
          if (failure === undefined) await waitForMore(Math.max(0, deadline - performance.now()));
          if (failure !== undefined) throw failure;
          continue;
        }
        bytes += chunk.length;
        if (bytes > maxBytes) {
          fail(new UpstreamError('too-large', true));
          throw new UpstreamError('too-large', true);
        }
        chunks.push(chunk);
      }
    },
  };

  pool.dispatch(
    {
      method: request.method,
      path: request.path,
      headers: request.headers,
      body: request.body,
    },
    {
      onRequestStart(given) {
        controller = given;
        if (failure !== undefined) given.abort(failure);
      },
      onResponseStart(_, status, headers) {
        if (status < 200) return;
        started = true;
        settle?.resolve({ status, headers, body });
      },
      onResponseData(given, chunk) {
        if (failure !== undefined) return;
        queue.push(chunk);
        queuedBytes += chunk.length;
        if (queuedBytes >= HIGH_WATER_BYTES) given.pause();
        wake?.();
      },
      onResponseEnd() {
        ended = true;
        wake?.();
      },
      onResponseError(_, error) {
        fail(new UpstreamError(failureOf(error, started), controller !== undefined, { cause: error }));
      },
    },
  );
  return {
    response,
    cancel: () => {
      if (!ended) fail(new UpstreamError('cancelled', controller !== undefined));
    },
  };
}

function failureOf(error: Error, started: boolean): UpstreamError['failure'] {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
  return started || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW' ? 'invalid' : 'unreachable';
}

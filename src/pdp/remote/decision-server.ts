import type { CircuitBreakerPolicy } from 'cockatiel';
import { Pool, type Dispatcher } from 'undici';
import { parseJson, stringifyJson } from '../../text/json.ts';
import { boundedBody } from '../../plugins/bounded-body.ts';
import { isCleartext } from '../../plugins/endpoint-url.ts';

/** Most bytes of an answer. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** After this many failures in a row the server is left alone for `REST_MS`, and every question fails at once. */
export const FAILURES_BEFORE_REST = 5;
export const REST_MS = 2000;
const CONNECTIONS = 32;

export type ServerFailure = 'network' | 'timeout' | 'status' | 'too_large' | 'malformed' | 'resting' | 'cancelled';

/** Why a decision server gave no answer. Holds nothing of the question or the answer besides a status. */
export class DecisionServerError extends Error {
  override readonly name = 'DecisionServerError';
  readonly failure: ServerFailure;
  readonly status: number | undefined;

  constructor(failure: ServerFailure, status?: number) {
    super(`the decision server gave no answer: ${failure}${status === undefined ? '' : ` ${status}`}`);
    this.failure = failure;
    this.status = status;
  }
}

export interface DecisionServerOptions {
  /** Absolute; what `ask` posts to is the path of it. */
  readonly url: URL;
  /** Whole time of a question, in milliseconds. */
  readonly timeout: number;
  /** Sent as a bearer token. */
  readonly token: string | undefined;
}

/** Asks an external decision server over HTTP. Redirects are not followed. Nothing is dialled before the first question. */
export class DecisionServer {
  readonly #pool: Pool;
  readonly #timeout: number;
  readonly #headers: Readonly<Record<string, string>>;
  #breaker: Promise<CircuitBreakerPolicy> | undefined;

  constructor({ url, timeout, token }: DecisionServerOptions) {
    this.#pool = new Pool(url.origin, { connections: CONNECTIONS, connect: { timeout } });
    this.#timeout = timeout;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** Posts `question` as JSON and reads the answer, which is not checked. Rejects with `DecisionServerError`. */
  async ask(
    path: string,
    question: unknown,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const body = stringifyJson(question) ?? 'null';
    try {
      this.#breaker ??= newBreaker();
      const breaker = await this.#breaker;
      return await breaker.execute(() => this.#post(path, body, headers, signal));
    } catch (error) {
      const resting = error instanceof Error && 'isBrokenCircuitError' in error;
      throw resting ? new DecisionServerError('resting') : error;
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #post(
    path: string,
    body: string,
    headers: Readonly<Record<string, string>>,
    cancelled: AbortSignal,
  ): Promise<unknown> {
    const late = AbortSignal.timeout(this.#timeout);
    try {
      const answer = await this.#pool.request({
        method: 'POST',
        path,
        body,
        headers: { ...this.#headers, ...headers },
        signal: AbortSignal.any([late, cancelled]),
      });
      return parseAnswer(await readAnswer(answer));
    } catch (error) {
      if (error instanceof DecisionServerError) throw error;
      throw new DecisionServerError(cancelled.aborted ? 'cancelled' : late.aborted ? 'timeout' : 'network');
    }
  }
}

/** The library is loaded by processes that ask a server, and by no others. */
async function newBreaker(): Promise<CircuitBreakerPolicy> {
  const { circuitBreaker, ConsecutiveBreaker, handleWhen } = await import('cockatiel');
  // A caller that gives up tells nothing of the server.
  const countable = handleWhen((error) => !(error instanceof DecisionServerError && error.failure === 'cancelled'));
  return circuitBreaker(countable, {
    halfOpenAfter: REST_MS,
    breaker: new ConsecutiveBreaker(FAILURES_BEFORE_REST),
  });
}

async function readAnswer({ statusCode, body }: Dispatcher.ResponseData): Promise<Buffer> {
  if (statusCode !== 200) {
    // Destroying a body that was not read raises an error on it.
    body.on('error', () => undefined).destroy();
    throw new DecisionServerError('status', statusCode);
  }
  const bytes = await boundedBody(body, MAX_ANSWER_BYTES);
  if (bytes === undefined) throw new DecisionServerError('too_large');
  return bytes;
}

function parseAnswer(bytes: Buffer): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new DecisionServerError('malformed');
  }
}

/**
 * The address of a server as an entry gives it. Plain HTTP only to this machine, unless `insecure` allows it. Throws an
 * `Error` for the author, without the credentials that an address may hold.
 */
export function serverUrl(text: string, insecure: boolean): URL {
  if (!URL.canParse(text)) throw new Error('`url` is no absolute URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw new Error('`url` must not hold credentials; use `token`');
  if (url.search !== '' || url.hash !== '') throw new Error('`url` must end with its path');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Error('`url` must begin with `https://` or `http://`');
  }
  if (!isCleartext(url) || insecure) return url;
  throw new Error('`url` is plain http to another machine; use https, or allow it with `insecure_http: true`');
}

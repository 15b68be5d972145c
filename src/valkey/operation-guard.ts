import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
  type CircuitBreakerPolicy,
  type RetryPolicy,
} from 'cockatiel';
import type { Connection } from './connection.ts';
import type { Client } from './dial.ts';
import { withTimeLimit } from './time-limit.ts';
import { toValkeyError, ValkeyError } from './valkey-error.ts';

/** Attempts after the first that one operation may make within its budget. */
const MAX_RETRIES = 3;
/** Bounds of the jittered wait between attempts, in milliseconds. */
const RETRY_WAIT_MS = { first: 10, most: 100 } as const;
/** Operations in a row that the server leaves unanswered before others are failed at once. */
export const BREAKER_THRESHOLD = 5;
/** Bounds of how long operations are failed at once before one is let through to probe, in milliseconds. */
const BREAKER_WAIT_MS = { first: 100, most: 1000 } as const;

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface OperationGuardOptions {
  /** Milliseconds that one operation may take, retries and waiting for a connection included. */
  readonly budget: number;
  /** The client itself ends each command when the budget is used up, so that no second timer is needed. */
  readonly limitedByClient: boolean;
  /** Must not throw. */
  readonly onBreaker?: (state: BreakerState, reason: string) => void;
}

/**
 * Runs operations on a connection: each within its budget, repeated with jitter when another attempt may succeed, and
 * failed at once while the server does not answer. Operations must be idempotent, since one that ran out of time may
 * have been executed. Failures are `ValkeyError`s.
 */
export class OperationGuard {
  readonly #connection: Connection;
  readonly #budget: number;
  readonly #limitedByClient: boolean;
  readonly #retry: RetryPolicy;
  readonly #breaker: CircuitBreakerPolicy;
  #state: BreakerState = 'closed';
  /** Whether the breaker may be counting failures. */
  #failing = false;
  #last: ValkeyError | undefined;

  constructor(connection: Connection, options: OperationGuardOptions) {
    this.#connection = connection;
    this.#budget = options.budget;
    this.#limitedByClient = options.limitedByClient;
    this.#retry = retry(handleWhen(isWorthRetrying), {
      maxAttempts: MAX_RETRIES,
      backoff: new ExponentialBackoff({ initialDelay: RETRY_WAIT_MS.first, maxDelay: RETRY_WAIT_MS.most }),
    });
    this.#breaker = circuitBreaker(handleWhen(isServerDown), {
      breaker: new ConsecutiveBreaker(BREAKER_THRESHOLD),
      halfOpenAfter: new ExponentialBackoff({ initialDelay: BREAKER_WAIT_MS.first, maxDelay: BREAKER_WAIT_MS.most }),
    });
    this.#breaker.onStateChange((state) => {
      this.#state = stateName(state);
      options.onBreaker?.(this.#state, this.#last?.message ?? '');
    });
  }

  get breakerState(): BreakerState {
    return this.#state;
  }

  /**
   * The client by which an operation may be tried at once, with nothing in between; its end is told by `succeeded` or
   * `retry`. Undefined when an operation has to be `run`.
   */
  get ready(): Client | undefined {
    return this.#limitedByClient && this.#state === 'closed' ? this.#connection.current : undefined;
  }

  succeeded(): void {
    if (this.#failing) this.#endCount();
  }

  /** Goes on with an operation that began at `started` of `performance.now()` and failed with `error` on `client`. */
  retry<T>(send: (client: Client) => Promise<T>, client: Client, error: unknown, started: number): Promise<T> {
    const first = this.#note(client, error);
    const left = this.#budget - (performance.now() - started);
    return this.#settle(
      this.#breaker.execute(() =>
        isWorthRetrying(first) && left > 0 ? this.#repeat(send, left, first) : Promise.reject(first),
      ),
    );
  }

  run<T>(send: (client: Client) => Promise<T>): Promise<T> {
    const work = this.#breaker.execute(() => this.#repeat(send, this.#budget, undefined));
    return this.#settle(withTimeLimit(work, this.#budget, () => this.#tooLate()));
  }

  async #settle<T>(work: Promise<T>): Promise<T> {
    try {
      const answer = await work;
      this.#succeed();
      return answer;
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** The breaker counts failures in a row, so a success matters to it only after a failure. */
  #endCount(): void {
    this.#succeed();
    // One that opened meanwhile closes by its own probe.
    if (this.#state === 'closed') this.#breaker.execute(() => undefined).catch(() => undefined);
  }

  #succeed(): void {
    this.#failing = false;
    this.#last = undefined;
  }

  #note(client: Client | undefined, error: unknown): ValkeyError {
    const failure = toValkeyError(error);
    this.#last = failure;
    this.#failing = true;
    if (client !== undefined && failure.failure === 'read_only') this.#connection.discard(client, failure);
    return failure;
  }

  #repeat<T>(send: (client: Client) => Promise<T>, budget: number, first: ValkeyError | undefined): Promise<T> {
    const ended = new AbortController();
    const deadline = performance.now() + budget;
    let failed = first;
    const work = this.#retry.execute(async () => {
      let client: Client | undefined;
      try {
        client = await this.#connection.acquire(deadline - performance.now());
        return await send(client);
      } catch (error) {
        failed = this.#note(client, error);
        throw failed;
      }
    }, ended.signal);
    return withTimeLimit(work, budget, () => this.#tooLate(failed)).finally(() => ended.abort());
  }

  #tooLate(last = this.#last): ValkeyError {
    const after = last === undefined || last.failure === 'timeout' ? '' : `: ${last.message}`;
    return new ValkeyError('timeout', `no answer within ${this.#budget} ms${after}`);
  }

  #fail(error: unknown): never {
    if (!(error instanceof BrokenCircuitError)) throw toValkeyError(error);
    const reason = this.#last === undefined ? '' : `: ${this.#last.message}`;
    throw new ValkeyError('unavailable', `not tried, since the last operations failed${reason}`);
  }
}

function isWorthRetrying(error: Error): boolean {
  return error instanceof ValkeyError && ['unavailable', 'read_only', 'no_script'].includes(error.failure);
}

/** Whether another operation would fare no better. What the server answers about a key, a permission or memory is not. */
function isServerDown(error: Error): boolean {
  return error instanceof ValkeyError && ['unavailable', 'timeout', 'read_only'].includes(error.failure);
}

function stateName(state: CircuitState): BreakerState {
  switch (state) {
    case CircuitState.Closed:
      return 'closed';
    case CircuitState.HalfOpen:
      return 'half_open';
    case CircuitState.Open:
    case CircuitState.Isolated:
      return 'open';
  }
}

import type { ConnectionDescription } from './connection-description.ts';
import { dial, type Client, type Prepare } from './dial.ts';
import { withTimeLimit } from './time-limit.ts';
import { toValkeyError, ValkeyError } from './valkey-error.ts';

/** Wait before the first and the longest wait before a further attempt to connect, in milliseconds; doubled each time. */
export const RECONNECT_MS = { first: 25, most: 2000 } as const;

/** A connection that lasts this long was a good one, and the next loss starts with the shortest wait. Milliseconds. */
const LASTING_MS = 1000;

/** How long closing waits for the server to say goodbye, in milliseconds. */
const GOODBYE_MS = 250;

export interface ConnectionOptions {
  readonly prepare: Prepare;
  /** Told of each connection that is ready, and of each loss or failed attempt. Must not throw. */
  readonly onChange?: (change: 'ready' | ValkeyError) => void;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'dialling'; readonly attempt: Promise<Client> }
  | { readonly kind: 'ready'; readonly client: Client; readonly since: number }
  | { readonly kind: 'waiting'; readonly until: number; readonly last: ValkeyError; readonly next: Promise<Client> }
  | { readonly kind: 'closed' };

/**
 * Keeps one client connected. Nothing is dialled before the first use; from then on a lost connection is dialled again
 * in the background with growing, jittered waits, without holding the process. Secrets are read at each attempt.
 */
export class Connection {
  #state: State = { kind: 'idle' };
  #failures = 0;
  readonly #description: ConnectionDescription;
  readonly #options: ConnectionOptions;
  #endWait: (() => void) | undefined;

  constructor(description: ConnectionDescription, options: ConnectionOptions) {
    this.#description = description;
    this.#options = options;
  }

  /** The connected client; undefined while there is none. */
  get current(): Client | undefined {
    return this.#state.kind === 'ready' ? this.#state.client : undefined;
  }

  /**
   * The client, once connected, if that is within `milliseconds`. Rejects with a `ValkeyError`: at once when the next
   * attempt comes later, or when the last one was refused and waiting is no use.
   */
  acquire(milliseconds: number): Promise<Client> {
    const state = this.#state;
    switch (state.kind) {
      case 'ready':
        return Promise.resolve(state.client);
      case 'closed':
        return Promise.reject(closedError());
      case 'idle':
        return this.#inTime(this.#dial(), milliseconds);
      case 'dialling':
        return this.#inTime(state.attempt, milliseconds);
      case 'waiting':
        if (state.last.failure === 'refused' || state.until - performance.now() >= milliseconds) {
          return Promise.reject(state.last);
        }
        return this.#inTime(state.next, milliseconds);
    }
  }

  /** Gives up `client` because of `reason`, and dials again. Does nothing when it is not the current one. */
  discard(client: Client, reason: ValkeyError): void {
    const state = this.#state;
    if (state.kind !== 'ready' || state.client !== client) return;
    if (performance.now() - state.since >= LASTING_MS) this.#failures = 0;
    client.disconnect();
    this.#wait(reason);
  }

  /** Later `acquire`s reject with failure `closed`. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    this.#endWait?.();
    if (state.kind === 'dialling') {
      await state.attempt.then(
        (client) => client.disconnect(),
        () => undefined,
      );
    }
    if (state.kind !== 'ready') return;
    const { client } = state;
    try {
      await withTimeLimit(Promise.resolve(client.quit()), GOODBYE_MS, closedError);
    } catch {
      // The server keeps silent; the connection is ended all the same.
    }
    client.disconnect();
  }

  #inTime(attempt: Promise<Client>, milliseconds: number): Promise<Client> {
    return withTimeLimit(attempt, milliseconds, () => new ValkeyError('timeout', 'no connection in time'));
  }

  #dial(): Promise<Client> {
    const attempt = dial(this.#description, this.#options.prepare).then(
      (client) => {
        if (this.#isClosed()) {
          client.disconnect();
          throw closedError();
        }
        this.#use(client);
        return client;
      },
      (error: unknown) => {
        const reason = toValkeyError(error);
        if (!this.#isClosed()) this.#wait(reason);
        throw reason;
      },
    );
    attempt.catch(() => undefined);
    this.#state = { kind: 'dialling', attempt };
    return attempt;
  }

  #isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  #use(client: Client): void {
    this.#state = { kind: 'ready', client, since: performance.now() };
    const lost = (): void => this.discard(client, new ValkeyError('unavailable', 'the connection was lost'));
    client.once('close', lost);
    client.once('end', lost);
    this.#options.onChange?.('ready');
    if (client.status !== 'ready') lost();
  }

  #wait(reason: ValkeyError): void {
    this.#failures += 1;
    const longest = Math.min(RECONNECT_MS.first * 2 ** (this.#failures - 1), RECONNECT_MS.most);
    const delay = longest * (0.5 + Math.random() / 2);
    const next = new Promise<Client>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#endWait = undefined;
        this.#dial().then(resolve, reject);
      }, delay);
      timer.unref();
      this.#endWait = () => {
        clearTimeout(timer);
        reject(closedError());
      };
    });
    next.catch(() => undefined);
    this.#state = { kind: 'waiting', until: performance.now() + delay, last: reason, next };
    this.#options.onChange?.(reason);
  }
}

function closedError(): ValkeyError {
  return new ValkeyError('closed', 'the connection is closed');
}

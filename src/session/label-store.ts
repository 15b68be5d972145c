/** A value, or a promise of it. `await` serves both; a caller that can, goes on at once. */
export type Awaitable<T> = T | Promise<T>;

/**
 * Why a store could not answer. `message` and `cause` never hold credentials or labels.
 * Decisions treat every kind alike: the request is denied.
 */
export class SessionStoreError extends Error {
  override readonly name = 'SessionStoreError';
  readonly failure: 'unavailable' | 'timeout' | 'corrupt' | 'full' | 'closed';

  constructor(failure: SessionStoreError['failure'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

export interface StoreHealth {
  readonly healthy: boolean;
  /** One line for operators, without credentials. */
  readonly detail: string;
}

/**
 * The labels of sessions. Sets only grow: what was appended is never taken away by another append, in whatever order
 * appends arrive. Source: seed document of the label store, session state specification part A.
 */
export interface LabelStore {
  /** The kind that built it, for audit records. */
  readonly kind: string;
  /**
   * All labels of the session; an unknown session has the empty set. Throws or rejects with `SessionStoreError` when
   * the store cannot answer in full and in time; never answers with part of a set.
   */
  loadLabels(sessionId: string): Awaitable<ReadonlySet<string>>;
  /** One atomic union. Appending nothing touches nothing. Throws or rejects with `SessionStoreError`. */
  appendLabels(sessionId: string, labels: readonly string[]): Awaitable<void>;
  health(): Awaitable<StoreHealth>;
  /** Later calls fail with `SessionStoreError` of failure `closed`. */
  close(): Awaitable<void>;
}

/** What a store may need from its process. */
export interface SessionStoreContext {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Folder that relative paths of the bundle start from. */
  readonly baseDirectory: string;
  /** Reports something operators must hear of. Never throws. */
  readonly alarm: (alarm: Alarm) => void;
}

/** A structured event with a stable name, logged and counted by the host. */
export interface Alarm {
  readonly alarm: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/**
 * Builds the stores of one kind. `schema` (JSON Schema 2020-12, closed) describes the `session_store` block, `kind`
 * included. `build` may throw an `Error` whose message tells the author what is wrong with the block; it must not dial.
 */
export interface SessionStoreFactory {
  readonly kind: string;
  readonly schema: Readonly<Record<string, unknown>>;
  build(config: Readonly<Record<string, unknown>>, context: SessionStoreContext): LabelStore;
}

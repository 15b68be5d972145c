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

/** One thing examined. `unknown` means that it could not be found out, such as for want of a permission. */
export interface StoreCheck {
  /** Stable: `reachable`, `eviction_policy`, … */
  readonly name: string;
  readonly outcome: 'ok' | 'problem' | 'unknown';
  /** One line, without credentials. */
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Hears what a store does, for metrics. Its methods must not throw. */
export interface StoreObserver {
  /** After each load or append that used the store's server. `failure` is undefined when it succeeded. */
  operation(op: StoreOperation, milliseconds: number, failure: SessionStoreError['failure'] | undefined): void;
  breaker(state: 'closed' | 'open' | 'half_open'): void;
  /** A load lacked labels that this process knows of. */
  regression(): void;
  /** The lifetime of a session's labels could not be extended. */
  refreshFailure(): void;
  /** Sessions whose labels this process remembers. */
  floorSize(sessions: number): void;
}

export type StoreOperation = 'load' | 'append';

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
  /**
   * True when an acknowledged append is more than what a load shows: then labels that a load returned must be appended
   * all the same before a decision relies on them. Absent means false.
   */
  readonly confirmsAppends?: boolean;
  /**
   * Milliseconds that labels stay at least once a load or append has touched their session. Absent means for ever: labels
   * that are gone are then lost.
   */
  readonly labelLifetime?: number;
  health(): Awaitable<StoreHealth>;
  /** Examines the servers behind the store, for operators. Absent when there are none. Never rejects. */
  selfCheck?(): Promise<readonly StoreCheck[]>;
  /** Later calls fail with `SessionStoreError` of failure `closed`. */
  close(): Awaitable<void>;
}

/** What a store may need from its process. */
export interface SessionStoreContext {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Folder that relative paths of the bundle start from. */
  readonly baseDirectory: string;
  /** Where `env_var` secrets come from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly observer?: StoreObserver;
  /** Reports something operators must hear of. Never throws. */
  readonly alarm: (alarm: Alarm) => void;
}

/** A structured event with a stable name, logged and counted by the host. */
export interface Alarm {
  readonly alarm: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/** Something an author should reconsider, though the store can be built. */
export interface StoreWarning {
  readonly code: 'session/ttl-unsound';
  /** Key of the block that it is about. */
  readonly key: string;
  readonly message: string;
  readonly help?: string;
}

/**
 * Builds the stores of one kind. `schema` (JSON Schema 2020-12, closed) describes the `session_store` block, `kind`
 * included. `build` may throw an `Error` whose message tells the author what is wrong with the block; it must not dial.
 */
export interface SessionStoreFactory {
  readonly kind: string;
  readonly schema: Readonly<Record<string, unknown>>;
  build(config: Readonly<Record<string, unknown>>, context: SessionStoreContext): LabelStore;
  /** Looks for what is doubtful in a block that the schema accepts. */
  lint?(config: Readonly<Record<string, unknown>>): readonly StoreWarning[];
}

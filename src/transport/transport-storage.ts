import type { Awaitable, StoreCheck, StoreHealth } from '../session/label-store.ts';

export const TRANSPORT_SESSION_TYPES = ['mcp', 'sse', 'streamable'] as const;
export type TransportSessionType = (typeof TRANSPORT_SESSION_TYPES)[number];

/** A session of a transport as every replica knows it. Plain data, which JSON can carry. */
export interface TransportSession {
  /** Never empty. */
  readonly id: string;
  readonly type: TransportSessionType;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds of the last write. */
  readonly updatedAt: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Anything more that its owner keeps; JSON. */
  readonly data?: unknown;
}

/** The storage holds no session of that id: it never did, or the session was deleted or expired. */
export class SessionNotFoundError extends Error {
  override readonly name = 'SessionNotFoundError';

  constructor() {
    super('session not found');
  }
}

/**
 * Sessions of transports, shared by all replicas or of one process. Storing nothing, or an empty id, is a `TypeError`
 * before any I/O; a storage that cannot answer in time, or finds what it cannot decode, rejects with
 * `TransportStorageError`, which is never a `SessionNotFoundError`. After `close` every call rejects. A session past its
 * longest lifetime, if the storage has one, is as good as none: `load` does not find it, `create` and `update` answer
 * false, `store` removes it.
 * Source: seed document of the transport session storage, session state specification part B.
 */
export interface TransportStorage {
  /** What it is, for operators: `memory`, `redis`. */
  readonly kind: string;
  /** Inserts or replaces; the idle time starts anew. */
  store(session: TransportSession): Awaitable<void>;
  /**
   * Inserts; false, and nothing changed, when the id is taken. One atomic step: of two callers one gets true. When it
   * rejects the session may have been inserted.
   */
  create(session: TransportSession): Awaitable<boolean>;
  /** Replaces; false, and nothing changed, when there is no such session, so that a slow writer resurrects nothing. */
  update(session: TransportSession): Awaitable<boolean>;
  /** Throws or rejects with `SessionNotFoundError` when there is none. The idle time starts anew. */
  load(id: string): Awaitable<TransportSession>;
  /** A missing session is fine. */
  delete(id: string): Awaitable<void>;
  /** Removes what was not touched since `before` (Unix milliseconds); nothing where the server expires by itself. */
  deleteExpired(before: number): Awaitable<void>;
  health(): Awaitable<StoreHealth>;
  /** Examines the servers behind the storage, for operators. Absent when there are none. Never rejects. */
  selfCheck?(): Promise<readonly StoreCheck[]>;
  close(): Awaitable<void>;
}

/** Why a storage could not answer. Neither `message` nor `cause` holds credentials or session ids. */
export class TransportStorageError extends Error {
  override readonly name = 'TransportStorageError';
  readonly failure: 'unavailable' | 'timeout' | 'corrupt' | 'full' | 'closed';

  constructor(failure: TransportStorageError['failure'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

import type { StoreHealth } from '../session/label-store.ts';
import { checkSessionId, deserializeSession, serializeSession } from './serialize-session.ts';
import {
  SessionNotFoundError,
  TransportStorageError,
  type TransportSession,
  type TransportStorage,
} from './transport-storage.ts';

/** What a storage in process keeps unless told otherwise; `ttl` in milliseconds. */
export const LOCAL_DEFAULTS = { maxSessions: 100_000, ttl: 3_600_000 } as const;

export interface LocalStorageOptions {
  /** Sessions kept at most; a session more is a `TransportStorageError` of failure `full`. Default 100,000. */
  readonly maxSessions?: number;
  /** A session untouched for this long is gone. Milliseconds; default one hour. */
  readonly ttl?: number;
  /** Longest life of a session, from its `createdAt` on, in milliseconds; absent means as long as it is used. */
  readonly maxLifetime?: number;
  /** Milliseconds since the Unix epoch; default the system clock. */
  readonly now?: () => number;
  /** Milliseconds that never step back nor jump ahead; default the process's monotonic clock. */
  readonly clock?: () => number;
}

interface Kept {
  readonly text: string;
  readonly createdAt: number;
  readonly touchedAt: number;
}

/**
 * Sessions of this process: shared by nobody, lost at its end. At its bound it refuses new sessions instead of losing
 * live ones. Throws `RangeError` for bounds that are not positive.
 */
export class LocalStorage implements TransportStorage {
  readonly kind = 'memory';
  /** In the order of the last touch, oldest first. */
  readonly #sessions = new Map<string, Kept>();
  readonly #maxSessions: number;
  readonly #ttl: number;
  readonly #maxLifetime: number;
  readonly #now: () => number;
  readonly #clock: () => number;
  #closed = false;

  constructor(options: LocalStorageOptions = {}) {
    this.#maxSessions = positive('maxSessions', options.maxSessions ?? LOCAL_DEFAULTS.maxSessions);
    this.#ttl = positive('ttl', options.ttl ?? LOCAL_DEFAULTS.ttl);
    this.#maxLifetime = positive('maxLifetime', options.maxLifetime ?? Infinity);
    this.#now = options.now ?? Date.now;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Sessions kept, those included that have expired unnoticed. */
  get size(): number {
    return this.#sessions.size;
  }

  store(session: TransportSession): void {
    const text = this.#encode(session);
    if (this.#isOver(session)) this.#sessions.delete(session.id);
    else this.#put(session, text);
  }

  create(session: TransportSession): boolean {
    const text = this.#encode(session);
    if (this.#find(session.id) !== undefined || this.#isOver(session)) return false;
    this.#put(session, text);
    return true;
  }

  update(session: TransportSession): boolean {
    const text = this.#encode(session);
    if (this.#find(session.id) === undefined || this.#isOver(session)) return false;
    this.#put(session, text);
    return true;
  }

  load(id: string): TransportSession {
    checkSessionId(id);
    this.#checkOpen();
    const kept = this.#find(id);
    if (kept === undefined) throw new SessionNotFoundError();
    this.#sessions.delete(id);
    this.#sessions.set(id, { ...kept, touchedAt: this.#clock() });
    return deserializeSession(kept.text, id);
  }

  delete(id: string): void {
    checkSessionId(id);
    this.#checkOpen();
    this.#sessions.delete(id);
  }

  deleteExpired(before: number): void {
    this.#checkOpen();
    this.#forgetUntouched(this.#now() - before);
  }

  health(): StoreHealth {
    return { healthy: !this.#closed, detail: this.#closed ? 'closed' : `in process, ${this.size} sessions` };
  }

  close(): void {
    this.#closed = true;
    this.#sessions.clear();
  }

  #encode(session: TransportSession): string {
    const text = serializeSession(session);
    this.#checkOpen();
    return text;
  }

  #put({ id, createdAt }: TransportSession, text: string): void {
    if (!this.#sessions.delete(id) && this.#sessions.size >= this.#maxSessions) this.#makeRoom();
    this.#sessions.set(id, { text, createdAt, touchedAt: this.#clock() });
  }

  #makeRoom(): void {
    this.#forgetUntouched(this.#ttl);
    if (this.#sessions.size < this.#maxSessions) return;
    throw new TransportStorageError('full', `no room beyond ${this.#maxSessions} sessions`);
  }

  #find(id: string): Kept | undefined {
    const kept = this.#sessions.get(id);
    if (kept === undefined) return undefined;
    if (this.#clock() - kept.touchedAt < this.#ttl && !this.#isOver(kept)) return kept;
    this.#sessions.delete(id);
    return undefined;
  }

  #isOver({ createdAt }: Pick<TransportSession, 'createdAt'>): boolean {
    return this.#now() - createdAt >= this.#maxLifetime;
  }

  /** Forgets what was not touched for more than `age` milliseconds. */
  #forgetUntouched(age: number): void {
    for (const [id, { touchedAt }] of this.#sessions) {
      if (this.#clock() - touchedAt < age) return;
      this.#sessions.delete(id);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new TransportStorageError('closed', 'the storage is closed');
  }
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new RangeError(`\`${name}\` must be positive`);
}

import { LabelSet } from './label-set.ts';
import { SessionStoreError, type LabelStore, type SessionStoreFactory } from './label-store.ts';

const EMPTY: ReadonlySet<string> = new LabelSet();

/** Sessions with labels that one process keeps unless the bundle says otherwise. */
export const DEFAULT_MAX_SESSIONS = 1_000_000;

export interface MemoryStoreOptions {
  /** Sessions with labels kept at most; an append that would need one more fails with `full`. */
  readonly maxSessions?: number;
  /** A session untouched for this long is forgotten; absent means never. Whole milliseconds. */
  readonly idleMilliseconds?: number;
  /** Milliseconds that never step back nor jump ahead; default the process's monotonic clock. */
  readonly clock?: () => number;
}

/**
 * Labels in this process: shared by nobody, lost at its end. It answers at once, and at its bound it refuses new
 * sessions instead of forgetting the labels of a live one.
 */
export function memoryStore(options: MemoryStoreOptions = {}): LabelStore {
  const { maxSessions = DEFAULT_MAX_SESSIONS, idleMilliseconds, clock = monotonic } = options;
  const sessions = idleMilliseconds === undefined ? new KeptSessions() : new IdleSessions(idleMilliseconds, clock);
  let closed = false;
  const open = (): void => {
    if (closed) throw new SessionStoreError('closed', 'the session store is closed');
  };
  return {
    kind: 'memory',
    ...(idleMilliseconds === undefined ? {} : { labelLifetime: idleMilliseconds }),
    loadLabels(sessionId) {
      open();
      return sessions.touch(sessionId) ?? EMPTY;
    },
    appendLabels(sessionId, labels) {
      open();
      if (labels.length === 0) return;
      const known = sessions.touch(sessionId);
      if (known === undefined) {
        sessions.forgetIdle();
        if (sessions.size >= maxSessions) throw new SessionStoreError('full', `no room beyond ${maxSessions} sessions`);
      }
      sessions.put(sessionId, new LabelSet([...(known ?? EMPTY), ...labels]));
    },
    health: () => ({ healthy: !closed, detail: closed ? 'closed' : `in process, ${sessions.size} sessions` }),
    close() {
      closed = true;
      sessions.clear();
    },
  };
}

function monotonic(): number {
  return performance.now();
}

/** Sessions that stay. */
class KeptSessions {
  readonly #labels = new Map<string, ReadonlySet<string>>();

  get size(): number {
    return this.#labels.size;
  }

  touch(sessionId: string): ReadonlySet<string> | undefined {
    return this.#labels.get(sessionId);
  }

  put(sessionId: string, labels: ReadonlySet<string>): void {
    this.#labels.set(sessionId, labels);
  }

  forgetIdle(): void {
    // Nothing grows too old here.
  }

  clear(): void {
    this.#labels.clear();
  }
}

interface Session {
  readonly labels: ReadonlySet<string>;
  readonly touchedAt: number;
}

/** Sessions that are forgotten when untouched for long. The map's order is that of the last touch, oldest first. */
class IdleSessions {
  readonly #sessions = new Map<string, Session>();
  readonly #limit: number;
  readonly #clock: () => number;

  constructor(limit: number, clock: () => number) {
    this.#limit = limit;
    this.#clock = clock;
  }

  get size(): number {
    return this.#sessions.size;
  }

  touch(sessionId: string): ReadonlySet<string> | undefined {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return undefined;
    this.#sessions.delete(sessionId);
    if (this.#isIdle(session)) return undefined;
    this.put(sessionId, session.labels);
    return session.labels;
  }

  put(sessionId: string, labels: ReadonlySet<string>): void {
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, { labels, touchedAt: this.#clock() });
  }

  forgetIdle(): void {
    for (const [sessionId, session] of this.#sessions) {
      if (!this.#isIdle(session)) return;
      this.#sessions.delete(sessionId);
    }
  }

  clear(): void {
    this.#sessions.clear();
  }

  #isIdle({ touchedAt }: Session): boolean {
    return this.#clock() - touchedAt >= this.#limit;
  }
}

/** `session_store: {kind: memory, max_sessions?, idle_seconds?}` */
export const memoryStoreFactory: SessionStoreFactory = {
  kind: 'memory',
  schema: {
    type: 'object',
    properties: {
      kind: { const: 'memory', description: 'labels live in this process and end with it' },
      max_sessions: {
        type: 'integer',
        minimum: 1,
        maximum: 16_000_000,
        default: DEFAULT_MAX_SESSIONS,
        description: 'sessions with labels kept at most; at the bound new sessions are denied',
      },
      idle_seconds: {
        type: 'integer',
        minimum: 1,
        description: 'a session untouched for this long is forgotten; absent means never',
      },
    },
    required: ['kind'],
    additionalProperties: false,
  },
  build({ max_sessions: maxSessions, idle_seconds: idleSeconds }) {
    return memoryStore({
      ...(typeof maxSessions === 'number' ? { maxSessions } : {}),
      ...(typeof idleSeconds === 'number' ? { idleMilliseconds: idleSeconds * 1000 } : {}),
    });
  },
};

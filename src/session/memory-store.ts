import { LRUCache } from 'lru-cache';
import {
  SessionStoreError,
  type LabelStore,
  type SessionStoreContext,
  type SessionStoreFactory,
} from './label-store.ts';

const EMPTY: ReadonlySet<string> = new Set();

/** Sessions with labels that one process keeps unless the bundle says otherwise. */
export const DEFAULT_MAX_SESSIONS = 1_000_000;

export interface MemoryStoreOptions {
  /** Sessions with labels kept at most; an append that would need one more fails with `full`. */
  readonly maxSessions?: number;
  /** A session untouched for this long is forgotten; absent means never. Whole milliseconds. */
  readonly idleMilliseconds?: number;
}

/**
 * Labels in this process: shared by nobody, lost at its end. It answers at once, and at its bound it refuses new
 * sessions instead of forgetting the labels of a live one.
 */
export function memoryStore(options: MemoryStoreOptions = {}, context?: Pick<SessionStoreContext, 'now'>): LabelStore {
  const maxSessions = options.maxSessions ?? DEFAULT_MAX_SESSIONS;
  const { idleMilliseconds } = options;
  const now = context?.now;
  const sessions: Sessions =
    idleMilliseconds === undefined
      ? new Map<string, ReadonlySet<string>>()
      : new LRUCache<string, ReadonlySet<string>>({
          max: maxSessions,
          ttl: idleMilliseconds,
          updateAgeOnGet: true,
          ...(now === undefined ? {} : { perf: { now } }),
        });
  let closed = false;
  const open = (): void => {
    if (closed) throw new SessionStoreError('closed', 'the session store is closed');
  };
  return {
    kind: 'memory',
    loadLabels(sessionId) {
      open();
      return sessions.get(sessionId) ?? EMPTY;
    },
    appendLabels(sessionId, labels) {
      open();
      if (labels.length === 0) return;
      const known = sessions.get(sessionId);
      if (known === undefined && sessions.size >= maxSessions) {
        if (sessions instanceof LRUCache) sessions.purgeStale();
        if (sessions.size >= maxSessions) throw new SessionStoreError('full', `no room beyond ${maxSessions} sessions`);
      }
      sessions.set(sessionId, new Set([...(known ?? EMPTY), ...labels]));
    },
    health: () => ({ healthy: !closed, detail: closed ? 'closed' : `in process, ${sessions.size} sessions` }),
    close() {
      closed = true;
      sessions.clear();
    },
  };
}

type Sessions = Map<string, ReadonlySet<string>> | LRUCache<string, ReadonlySet<string>>;

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
  build(config, context) {
    const { max_sessions: maxSessions, idle_seconds: idleSeconds } = config;
    return memoryStore(
      {
        ...(typeof maxSessions === 'number' ? { maxSessions } : {}),
        ...(typeof idleSeconds === 'number' ? { idleMilliseconds: idleSeconds * 1000 } : {}),
      },
      context,
    );
  },
};

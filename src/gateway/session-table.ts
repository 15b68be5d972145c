import { LRUCache } from 'lru-cache';
import type { Awaitable } from '../session/label-store.ts';

/** A session as clients know it, and what stands behind it. Plain data: a shared store can hold it. */
export interface GatewaySession {
  /** Unguessable; the client's `Mcp-Session-Id`. */
  readonly id: string;
  /** Name of the upstream that opened it. */
  readonly upstream: string;
  /** The upstream's own id, which clients never see. */
  readonly upstreamId: string;
  /** Principal that opened the session; empty when nobody was authenticated. */
  readonly owner: string;
}

/** Where sessions live. Every method may reject when the store does not answer; the request is then refused. */
export interface SessionTable {
  create(session: GatewaySession): Awaitable<void>;
  /** Also keeps the session from expiring; undefined when there is none. */
  load(id: string): Awaitable<GatewaySession | undefined>;
  /** A missing session is fine. */
  delete(id: string): Awaitable<void>;
  close(): Awaitable<void>;
}

/** Sessions of this process alone. The least recently used go first; the idle ones expire. */
export function createLocalSessionTable(maxSessions: number, idleMs: number): SessionTable {
  const sessions = new LRUCache<string, GatewaySession>({ max: maxSessions, ttl: idleMs, updateAgeOnGet: true });
  return {
    create: (session) => void sessions.set(session.id, session),
    load: (id) => sessions.get(id),
    delete: (id) => void sessions.delete(id),
    close: () => sessions.clear(),
  };
}

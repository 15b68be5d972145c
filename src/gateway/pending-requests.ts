import { LRUCache } from 'lru-cache';
import type { Operation } from '../engine/operation.ts';
import type { RequestId } from './client-message.ts';
import type { MediatedMethod } from './mediation.ts';
import type { IdText } from './rpc-error.ts';

/** What the response to a mediated request is decided as. */
export interface MediatedRequest {
  readonly method: MediatedMethod;
  readonly operation: Operation;
  /** Session or principal that may fetch the result of a task that the request began. */
  readonly scope: string;
  /** Whether the result is a task that may hold the operation's own result as its member `result`. */
  readonly nested: boolean;
  /** Name of the upstream that got the request; undefined until then. */
  readonly upstream?: string;
}

/** A request that went upstream. Without `mediated` its response needs no decision. */
export interface PendingRequest {
  readonly id: RequestId;
  readonly idText: IdText;
  readonly method: string;
  readonly mediated?: MediatedRequest;
}

/**
 * The requests of one session, so that a response on any of its streams finds the operation it answers. An id that was
 * used twice names no operation any more: a replayed response could belong to either.
 */
export interface SessionRequests {
  /** False while another request with this id waits for its response, and when too many wait. */
  open(request: PendingRequest): boolean;
  settle(id: RequestId): void;
  /** The one request that had this id, answered or not. */
  find(id: RequestId): PendingRequest | undefined;
}

/** Requests by session. What was forgotten is unknown, and unknown responses are not sent on. */
export interface RequestLedger {
  ofSession(sessionId: string): SessionRequests;
  forget(sessionId: string): void;
}

const MAX_REQUESTS_OF_SESSION = 512;

interface Entry {
  readonly request: PendingRequest;
  readonly reused: boolean;
  waiting: boolean;
}

export function createRequestLedger(maxSessions: number, idleMs: number): RequestLedger {
  const sessions = new LRUCache<string, SessionRequests>({ max: maxSessions, ttl: idleMs, updateAgeOnGet: true });
  return {
    ofSession(sessionId) {
      let requests = sessions.get(sessionId);
      if (requests === undefined) {
        requests = createSessionRequests();
        sessions.set(sessionId, requests);
      }
      return requests;
    },
    forget: (sessionId) => void sessions.delete(sessionId),
  };
}

function createSessionRequests(): SessionRequests {
  const entries = new Map<RequestId, Entry>();
  return {
    open(request) {
      const earlier = entries.get(request.id);
      if (earlier?.waiting === true) return false;
      if (entries.size >= MAX_REQUESTS_OF_SESSION && !dropAnswered(entries)) return false;
      entries.delete(request.id);
      entries.set(request.id, { request, reused: earlier !== undefined, waiting: true });
      return true;
    },
    settle(id) {
      const entry = entries.get(id);
      if (entry !== undefined) entry.waiting = false;
    },
    find(id) {
      const entry = entries.get(id);
      return entry === undefined || entry.reused ? undefined : entry.request;
    },
  };
}

function dropAnswered(entries: Map<RequestId, Entry>): boolean {
  for (const [id, entry] of entries) {
    if (entry.waiting) continue;
    entries.delete(id);
    return true;
  }
  return false;
}

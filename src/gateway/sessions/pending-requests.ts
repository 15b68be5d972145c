import { LRUCache } from 'lru-cache';
import type { Decision } from '../../engine/decision.ts';
import type { Operation } from '../../engine/operation.ts';
import type { Awaitable } from '../../session/label-store.ts';
import type { RequestId } from '../protocol/client-message.ts';
import type { Listing } from '../protocol/list-methods.ts';
import type { MediatedMethod } from '../protocol/mediation.ts';
import type { QuestionRound } from '../protocol/pending-response.ts';
import type { IdText } from '../protocol/rpc-error.ts';

/** What the response to a mediated request is decided as. */
export interface MediatedRequest {
  readonly method: MediatedMethod;
  readonly operation: Operation;
  /** What `pre` came to; undefined when another replica ran it, whose outcome is then part of the operation. */
  readonly decision?: Decision;
  /** Session or principal that may fetch the result of a task that the request began. */
  readonly scope: string;
  /** Whether the result is a task that may hold the operation's own result as its member `result`. */
  readonly nested: boolean;
  /** How the client is asked when the response has to wait for a human; undefined for the gateway's own way. */
  readonly round?: QuestionRound;
  /** Name of the upstream that got the request; undefined until then. */
  upstream?: string;
}

/** A request that went upstream. Without `mediated` its response needs no decision. */
export interface PendingRequest {
  readonly id: RequestId;
  readonly idText: IdText;
  readonly method: string;
  readonly mediated?: MediatedRequest;
  /** Present when the response is to be filtered. */
  readonly listing?: Listing;
}

/**
 * The requests of sessions, so that a response on any stream of a session finds the operation it answers. An id that was
 * used twice names no operation any more: a replayed response could belong to either. What was forgotten is unknown, and
 * unknown responses are not sent on. Methods may reject with `TransportStorageError`.
 */
export interface RequestLedger {
  /** False while another request with this id waits for its response, and when too many wait. */
  open(sessionId: string, request: PendingRequest): Awaitable<boolean>;
  /** The request was answered, or never left. `resumable`: a stream that is resumed may bring the response again. */
  settle(sessionId: string, id: RequestId, resumable: boolean): void;
  /** The one request that had this id, answered or not. */
  find(sessionId: string, id: RequestId): Awaitable<PendingRequest | undefined>;
  forget(sessionId: string): void;
}

const MAX_REQUESTS_OF_SESSION = 512;

interface Entry {
  readonly request: PendingRequest;
  readonly reused: boolean;
  waiting: boolean;
}

/** Requests that this process sent, for sessions that no other process serves. */
export function createLocalRequests(maxSessions: number, idleMs: number): RequestLedger {
  const sessions = new LRUCache<string, Map<RequestId, Entry>>({ max: maxSessions, ttl: idleMs, updateAgeOnGet: true });
  const entriesOf = (sessionId: string): Map<RequestId, Entry> => {
    let entries = sessions.get(sessionId);
    if (entries === undefined) {
      entries = new Map();
      sessions.set(sessionId, entries);
    }
    return entries;
  };
  return {
    open(sessionId, request) {
      const entries = entriesOf(sessionId);
      const earlier = entries.get(request.id);
      if (earlier?.waiting === true) return false;
      if (entries.size >= MAX_REQUESTS_OF_SESSION && !dropAnswered(entries)) return false;
      entries.delete(request.id);
      entries.set(request.id, { request, reused: earlier !== undefined, waiting: true });
      return true;
    },
    settle(sessionId, id) {
      const entry = sessions.get(sessionId)?.get(id);
      if (entry !== undefined) entry.waiting = false;
    },
    find(sessionId, id) {
      const entry = sessions.get(sessionId)?.get(id);
      return entry === undefined || entry.reused ? undefined : entry.request;
    },
    forget: (sessionId) => void sessions.delete(sessionId),
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

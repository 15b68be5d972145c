import {
  SessionNotFoundError,
  TransportStorageError,
  type TransportSession,
  type TransportStorage,
} from '../../transport/transport-storage.ts';
import { readListing, readOperation, writeListing, writeOperation } from './operation-record.ts';
import type { PendingRequest, RequestLedger } from './pending-requests.ts';
import { storageId } from './session-table.ts';

export interface SharedRequestsOptions {
  readonly storage: () => TransportStorage;
  readonly now: () => number;
  /** Hears of a record that could not be taken away. Must not throw. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Requests of sessions that several replicas serve. Each request claims its id in the storage before it is sent, so that
 * no two replicas have one id of a session under way: an upstream that mixes up their responses would have one decided
 * as the other. The claim goes when the request was answered, unless its stream can be resumed: then it stays, so
 * that any replica can decide on a response that is replayed, and the id cannot be used again.
 */
export function createSharedRequests({ storage, now, onFailure }: SharedRequestsOptions): RequestLedger {
  return {
    open: (sessionId, request) => storage().create(recordOf(sessionId, request, now())),
    settle(sessionId, id, resumable) {
      if (resumable) return;
      Promise.resolve()
        .then(() => storage().delete(claimOf(sessionId, id)))
        .catch(onFailure);
    },
    async find(sessionId, id) {
      const claim = claimOf(sessionId, id);
      try {
        return requestOf(id, await storage().load(claim));
      } catch (error) {
        if (error instanceof SessionNotFoundError) return undefined;
        throw error;
      }
    },
    forget: () => undefined,
  };
}

function claimOf(sessionId: string, id: PendingRequest['id']): string {
  return storageId('request', sessionId, typeof id, String(id));
}

function recordOf(sessionId: string, request: PendingRequest, now: number): TransportSession {
  const { id, idText, method, mediated, listing } = request;
  return {
    id: claimOf(sessionId, id),
    type: 'streamable',
    createdAt: now,
    updatedAt: now,
    metadata: { id_text: idText, method, ...(listing === undefined ? {} : { listing: writeListing(listing) }) },
    ...(mediated === undefined ? {} : { data: writeOperation(mediated) }),
  };
}

function requestOf(id: PendingRequest['id'], { metadata, data }: TransportSession): PendingRequest {
  const { id_text: idText, method, listing: written } = metadata;
  const mediated = typeof data === 'string' ? readOperation(data) : undefined;
  const listing = written === undefined ? undefined : readListing(written);
  const unread = (data !== undefined && mediated === undefined) || (written !== undefined && listing === undefined);
  if (idText === undefined || method === undefined || unread) {
    throw new TransportStorageError('corrupt', 'the storage holds something that is not a request');
  }
  return {
    id,
    idText,
    method,
    ...(mediated === undefined ? {} : { mediated }),
    ...(listing === undefined ? {} : { listing }),
  };
}

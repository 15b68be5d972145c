import { createHash } from 'node:crypto';
import type { Awaitable } from '../../session/label-store.ts';
import {
  SessionNotFoundError,
  TransportStorageError,
  type TransportSession,
  type TransportStorage,
} from '../../transport/transport-storage.ts';

/** A session as clients know it, and what stands behind it. */
export interface GatewaySession {
  /** Unguessable; the client's `Mcp-Session-Id`. */
  readonly id: string;
  /** Name of the upstream that opened it. */
  readonly upstream: string;
  /** The upstream's own id, which clients never see. */
  readonly upstreamId: string;
  /** Principal that opened the session; empty when nobody was authenticated. */
  readonly owner: string;
  /** Digest of the gateway and upstream that it was opened at, see `scopeDigest`; elsewhere it is unknown. */
  readonly scope: string;
  /** What client and upstream agreed on; undefined when the upstream did not say. */
  readonly protocolVersion: string | undefined;
  /** Whether the client declared URL elicitation. */
  readonly opensPages: boolean;
}

/** Where sessions live. Every method may reject with `TransportStorageError`; the request is then refused. */
export interface SessionTable {
  create(session: GatewaySession): Awaitable<void>;
  /** Also keeps the session from expiring; undefined when there is none. */
  load(id: string): Awaitable<GatewaySession | undefined>;
  /** A missing session is fine. */
  delete(id: string): Awaitable<void>;
}

/** What ids of this gateway look like: 32 random bytes. Anything else is not looked up. */
const ID = /^[\w-]{43}$/;

/**
 * Sessions in the storage that is in force. Ids are stored as digests, so that who can list the storage's keys cannot
 * use the sessions. Records are written once: whoever deletes a session has ended it.
 */
export function createSessionTable(storage: () => TransportStorage, now: () => number): SessionTable {
  return {
    async create(session) {
      if (await storage().create(recordOf(session, now()))) return;
      throw new TransportStorageError('corrupt', 'the id of a new session is taken');
    },
    async load(id) {
      if (!ID.test(id)) return undefined;
      try {
        return sessionOf(id, await storage().load(sessionName(id)));
      } catch (error) {
        if (error instanceof SessionNotFoundError) return undefined;
        throw error;
      }
    },
    delete: (id) => storage().delete(sessionName(id)),
  };
}

/** What a session is called where its id must not be, since who knows that can use it. */
export function sessionName(id: string): string {
  return storageId('mcp', id);
}

/** Id of a record in the storage: what it is for, and a digest of what names it. */
export function storageId(kind: 'mcp' | 'request' | 'task', ...parts: readonly string[]): string {
  return `${kind}:${createHash('sha256').update(JSON.stringify(parts)).digest('base64url')}`;
}

/** Binds sessions to a gateway, by the name of its scope, and to the upstream that opened them. */
export function scopeDigest(scope: string, upstream: { readonly name: string; readonly endpoint: string }): string {
  const parts = JSON.stringify([scope, upstream.name, upstream.endpoint]);
  return createHash('sha256').update(parts).digest('base64url');
}

function recordOf(session: GatewaySession, now: number): TransportSession {
  const { id, upstream, upstreamId, owner, scope, protocolVersion, opensPages } = session;
  return {
    id: sessionName(id),
    type: 'streamable',
    createdAt: now,
    updatedAt: now,
    metadata: {
      upstream,
      upstream_id: upstreamId,
      owner,
      scope,
      ...(protocolVersion === undefined ? {} : { protocol_version: protocolVersion }),
      ...(opensPages ? { opens_pages: 'true' } : {}),
    },
  };
}

function sessionOf(id: string, { metadata }: TransportSession): GatewaySession {
  const { upstream, upstream_id: upstreamId, owner, scope, protocol_version: protocolVersion } = metadata;
  if (upstream === undefined || upstreamId === undefined || owner === undefined || scope === undefined) {
    throw new TransportStorageError('corrupt', 'the storage holds something that is not a session of a gateway');
  }
  const opensPages = metadata['opens_pages'] === 'true';
  return { id, upstream, upstreamId, owner, scope, protocolVersion, opensPages };
}

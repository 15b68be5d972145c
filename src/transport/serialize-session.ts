import {
  TRANSPORT_SESSION_TYPES,
  TransportStorageError,
  type TransportSession,
  type TransportSessionType,
} from './transport-storage.ts';
import { isRecord } from '../text/shape.ts';

/** The id, once it is sure to be one. Throws `TypeError` for anything but a text that is not empty. */
export function checkSessionId(id: unknown): string {
  if (typeof id !== 'string' || id === '') throw new TypeError('a session id must be a text that is not empty');
  return id;
}

/** A session as JSON. Throws `TypeError` for what is no session, or holds what JSON cannot carry. */
export function serializeSession(session: TransportSession): string {
  if (!isRecord(session)) throw new TypeError('there is no session to store');
  const { id, type, createdAt, updatedAt, metadata, data } = session;
  checkSessionId(id);
  const read = readSession({ id, type, createdAt, updatedAt, metadata, data });
  if (read === undefined) throw new TypeError('the session has a type, a time or metadata that no session can have');
  return JSON.stringify(read);
}

/**
 * The session that `serializeSession` wrote under `id`. Throws `TransportStorageError` of failure `corrupt` for anything
 * else.
 */
export function deserializeSession(text: string, id: string): TransportSession {
  const session = readSession(parse(text));
  if (session === undefined || session.id !== id) {
    throw new TransportStorageError('corrupt', 'the storage holds something that is not the session');
  }
  return session;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readSession(value: unknown): TransportSession | undefined {
  if (!isRecord(value)) return undefined;
  const { id, type, createdAt, updatedAt, metadata, data } = value;
  if (typeof id !== 'string' || !isType(type) || !isTime(createdAt) || !isTime(updatedAt)) return undefined;
  if (!isMetadata(metadata)) return undefined;
  return { id, type, createdAt, updatedAt, metadata, ...(data === undefined ? {} : { data }) };
}

function isType(value: unknown): value is TransportSessionType {
  return TRANSPORT_SESSION_TYPES.some((type) => type === value);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isMetadata(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

import {
  SessionNotFoundError,
  type TransportSession,
  type TransportStorage,
} from '../../src/transport/transport-storage.ts';

/** A storage of transport sessions for tests: a map of JSON. */
export function mapStorage(): TransportStorage & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  const put = (session: TransportSession): void => void kept.set(session.id, JSON.stringify(session));
  return {
    kept,
    store: put,
    create: (session) => !kept.has(session.id) && (put(session), true),
    update: (session) => kept.has(session.id) && (put(session), true),
    load: (id) => {
      const text = kept.get(id);
      if (text === undefined) throw new SessionNotFoundError();
      return JSON.parse(text) as TransportSession;
    },
    delete: (id) => void kept.delete(id),
    deleteExpired: () => undefined,
    close: () => undefined,
  };
}

import type { ServerResponse } from 'node:http';
import { messageEvent } from '../protocol/event-stream.ts';

/** The GET streams of sessions that clients have open here, for messages of the gateway's own. */
export interface SessionStreams {
  /** `session` as `sessionName` gives it. Gives what ends the entry. */
  add(session: string, response: ServerResponse): () => void;
  /** Sends a JSON-RPC message on one stream of the session, if it has one here whose client keeps up. */
  tell(session: string, message: string): void;
}

export function createSessionStreams(): SessionStreams {
  const streams = new Map<string, Set<ServerResponse>>();
  return {
    add(session, response) {
      const open = streams.get(session) ?? new Set();
      streams.set(session, open.add(response));
      return () => {
        open.delete(response);
        if (open.size === 0 && streams.get(session) === open) streams.delete(session);
      };
    },
    tell(session, message) {
      const latest = [...(streams.get(session) ?? [])].findLast(
        ({ destroyed, writableEnded, writableNeedDrain }) => !destroyed && !writableEnded && !writableNeedDrain,
      );
      latest?.write(messageEvent(message));
    },
  };
}

import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

/** Keeps the events of one session's streams, so that a client can resume one with `Last-Event-ID`. */
export function createEventLog(): EventStore {
  const events: { readonly streamId: string; readonly message: JSONRPCMessage }[] = [];
  return {
    storeEvent(streamId, message) {
      events.push({ streamId, message });
      return Promise.resolve(String(events.length - 1));
    },
    getStreamIdForEventId(eventId) {
      return Promise.resolve(events[Number(eventId)]?.streamId);
    },
    async replayEventsAfter(lastEventId, { send }) {
      const last = Number(lastEventId);
      const streamId = events[last]?.streamId;
      if (streamId === undefined) throw new Error('unknown event id');
      for (const [index, event] of events.entries()) {
        // A priming event has no message: replaying it would deliver an empty one.
        const isMessage = Object.keys(event.message).length > 0;
        if (index > last && event.streamId === streamId && isMessage) await send(String(index), event.message);
      }
      return streamId;
    },
  };
}

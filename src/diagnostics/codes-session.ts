import type { CatalogEntry } from './catalog-entry.ts';

export const sessionCodes = {
  'session/no-subject': {
    severity: 'warning',
    title: 'session labels that nothing can keep',
    explanation:
      'A session needs an authenticated subject, and no plugin of the bundle can establish one. Unless the host gives the subject, labels end with the request. `global.sessions.on_missing: deny` makes that a denial.',
  },
  'session/client-chosen': {
    severity: 'warning',
    title: 'a client can leave its labels behind',
    explanation:
      'The client decides what stands in `_meta`, in a trace or A2A context, and whether it sends a handle. A client that changes the value is in another session, without the labels of the last one. With `mode: union` and the source `identity` the operation reads and labels the session that the client cannot leave too.',
    example: 'global: {sessions: {identity: [{meta: com.example/conversation}, identity]}}',
  },
  'session/unread-source': {
    severity: 'warning',
    title: 'a session source that is never asked',
    explanation:
      'Whoever has a session at all has a value of `identity`, so in mode `first` no source after it is asked. Put `identity` last.',
    example: 'global: {sessions: {identity: [identity, host]}}',
  },
  'session/no-handle-key': {
    severity: 'error',
    title: 'a source `handle` without handles',
    explanation:
      'Handles are signed. Without the key in `global.sessions.handle` none are given out, and the source would never have a value.',
    example: 'global: {sessions: {mode: union, identity: [handle, identity]}}',
  },
  'session/ttl-unsound': {
    severity: 'warning',
    title: 'labels that end before their session',
    explanation:
      'Labels that expire while their session still lives let a caller shed them by waiting. `ttl_seconds` should be at least `max_session_lifetime_seconds`.',
    example:
      'global: {session_store: {kind: valkey, endpoint: "localhost:6379", ttl_seconds: 600, max_session_lifetime_seconds: 3600}}',
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;

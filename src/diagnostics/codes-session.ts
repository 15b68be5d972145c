import type { CatalogEntry } from './catalog-entry.ts';

export const sessionCodes = {
  'session/no-subject': {
    severity: 'warning',
    title: 'session labels that nothing can keep',
    explanation:
      'A session needs an authenticated subject, and no plugin of the bundle can establish one. Unless the host gives the subject, labels end with the request. `global.sessions.on_missing: deny` makes that a denial.',
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

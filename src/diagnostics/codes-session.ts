import type { CatalogEntry } from './catalog-entry.ts';

export const sessionCodes = {
  'session/no-subject': {
    severity: 'warning',
    title: 'session labels that nothing can keep',
    explanation:
      'A session needs an authenticated subject, and no plugin of the bundle can establish one. Unless the host gives the subject, labels end with the request. `global.sessions.on_missing: deny` makes that a denial.',
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;

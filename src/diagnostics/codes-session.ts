import type { CatalogEntry } from './catalog-entry.ts';

export const sessionCodes = {} as const satisfies Readonly<Record<string, CatalogEntry>>;

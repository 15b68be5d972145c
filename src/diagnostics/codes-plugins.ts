import type { CatalogEntry } from './catalog-entry.ts';

export const pluginCodes = {} as const satisfies Readonly<Record<string, CatalogEntry>>;

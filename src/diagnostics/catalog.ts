import type { CatalogEntry } from './catalog-entry.ts';
import { configCodes } from './codes-config.ts';
import { languageCodes } from './codes-language.ts';
import { policyCodes } from './codes-policy.ts';
import { sessionCodes } from './codes-session.ts';
import { transportCodes } from './codes-transport.ts';

/** Every diagnostic code there is, by room. Codes are permanent: one may be retired, never given another meaning. */
export const catalog = {
  ...languageCodes,
  ...configCodes,
  ...policyCodes,
  ...sessionCodes,
  ...transportCodes,
} as const satisfies Readonly<Record<string, CatalogEntry>>;

export type Code = keyof typeof catalog;

import type { CatalogEntry } from './catalog-entry.ts';

export const configCodes = {
  'config/unknown-key': {
    severity: 'error',
    title: 'a key that nothing reads',
    explanation:
      'The bundle schema is closed: a key it does not know would be ignored, so the control its author meant would silently not apply.',
    example: 'routes: [{tool: pay, pre_invocaton: [deny]}]',
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;

import type { CatalogEntry } from './catalog-entry.ts';

export const languageCodes = {
  'language/syntax': {
    severity: 'error',
    title: 'a rule, predicate or pipeline does not follow the grammar',
    explanation:
      'The text could not be read at the marked place. The message says what was found and what would have been accepted there.',
    example: "pre_invocation: ['a b']",
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;

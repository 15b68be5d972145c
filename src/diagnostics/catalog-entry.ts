export type Severity = 'error' | 'warning';

/** What a code means. `example` is YAML that fires it, when one fits in a few lines. */
export interface CatalogEntry {
  readonly severity: Severity;
  readonly title: string;
  readonly explanation: string;
  readonly example?: string;
}

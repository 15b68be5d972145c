import type { Span } from '../text/source.ts';
import type { Severity } from './catalog-entry.ts';
import type { Code } from './catalog.ts';

/** A second place that a diagnostic speaks of, such as the first of two equal names. */
export interface Related {
  readonly span: Span;
  readonly note: string;
}

/**
 * One finding about a bundle. `message` is one sentence, lower case, no full stop, user text in backticks; it says what
 * is there. `help` says what to do. `span` covers the smallest wrong text.
 */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly span: Span;
  readonly message: string;
  readonly help?: string;
  readonly related?: readonly Related[];
  /** JSON pointer of the innermost document node at `span`, when the file was read as a document. */
  readonly path?: string;
}

export interface Advice {
  readonly help?: string | undefined;
  readonly related?: readonly Related[] | undefined;
}

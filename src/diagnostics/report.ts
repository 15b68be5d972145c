import type { Span } from '../text/source.ts';
import { catalog, type Code } from './catalog.ts';
import type { Advice, Diagnostic } from './diagnostic.ts';

/** Diagnostics beyond this many are counted, not kept. */
export const MAX_DIAGNOSTICS = 100;

/** What a report holds; `hasErrors` counts those that were dropped too. */
export type Findings = Pick<Report, 'diagnostics' | 'dropped' | 'hasErrors'>;

/** Collects every finding of one load; a user's mistake is recorded here, never thrown. */
export class Report {
  readonly #kept: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  #given = 0;
  #errors = 0;
  #dropped = 0;

  /** Records a finding; its severity is the one the catalog gives `code`. */
  add(code: Code, span: Span, message: string, advice: Advice = {}): void {
    this.#given += 1;
    const severity = catalog[code].severity;
    // A node that aliases share is read once for each of them.
    const identity = JSON.stringify([code, span.source.name, span.start, span.end, message]);
    if (this.#seen.has(identity)) return;
    if (this.#kept.length < MAX_DIAGNOSTICS) this.#seen.add(identity);
    if (severity === 'error') this.#errors += 1;
    if (this.#kept.length >= MAX_DIAGNOSTICS) {
      this.#dropped += 1;
      return;
    }
    this.#kept.push({
      code,
      severity,
      span,
      message,
      ...(advice.help === undefined ? {} : { help: advice.help }),
      ...(advice.related === undefined ? {} : { related: advice.related }),
    });
  }

  /** Takes over the findings of another report. */
  addAll({ diagnostics, dropped, hasErrors }: Findings): void {
    for (const { code, span, message, help, related } of diagnostics) this.add(code, span, message, { help, related });
    this.#dropped += dropped;
    if (hasErrors && !this.hasErrors) this.#errors += 1;
  }

  /** How many findings were given so far, repeated and dropped ones included. */
  get given(): number {
    return this.#given;
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** How many findings were dropped after the first `MAX_DIAGNOSTICS`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sorted by file name, then by offset. */
  get diagnostics(): readonly Diagnostic[] {
    return this.#kept.toSorted(
      (a, b) =>
        compare(a.span.source.name, b.span.source.name) || a.span.start - b.span.start || compare(a.code, b.code),
    );
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One line of the table. */
export interface Row {
  readonly section: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How many times that of the line it is compared with, which `of` names. */
  readonly ratio?: number;
  readonly of?: string;
}

/** A line under "Must reach": `value` has to keep to `limit`. */
export interface Check {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly ok: boolean;
}

export interface SectionResult {
  readonly rows: readonly Row[];
  readonly checks: readonly Check[];
}

export interface BenchResult extends SectionResult {
  readonly machine: string;
  /** ISO 8601. */
  readonly date: string;
}

export function atMost(name: string, value: number, limit: number): Check {
  return { name, value, limit, ok: value <= limit };
}

export function atLeast(name: string, value: number, limit: number): Check {
  return { name, value, limit, ok: value >= limit };
}

/** Collects the lines of one section. */
export class Lines {
  readonly rows: Row[] = [];
  readonly checks: Check[] = [];
  readonly #section: string;

  constructor(section: string) {
    this.#section = section;
  }

  add(name: string, value: number, unit: string, compared?: { readonly ratio: number; readonly of: string }): void {
    this.rows.push({ section: this.#section, name, value, unit, ...compared });
  }

  check(check: Check): void {
    this.checks.push(check);
  }
}

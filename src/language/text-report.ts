import type { Code } from '../diagnostics/catalog.ts';
import { catalog } from '../diagnostics/catalog.ts';
import type { Report } from '../diagnostics/report.ts';
import type { Text } from '../text/text.ts';

/** A rule, predicate or pipeline longer than this (UTF-16 units) is refused unread, so that parsing time is bounded. */
export const MAX_RULE_LENGTH = 65_536;

const MAX_EXCERPT = 60;

/** Reports findings by offsets into one text and remembers whether one of them was an error. */
export class TextReport {
  readonly text: Text;
  readonly report: Report;
  #failed = false;
  #context = '';

  constructor(text: Text, report: Report) {
    this.text = text;
    this.report = report;
  }

  add(code: Code, start: number, end: number, message: string, help?: string): void {
    if (catalog[code].severity === 'error') this.#failed = true;
    this.report.add(code, this.text.span(start, end), message + this.#context, { help });
  }

  /** Runs `read`; every message of it ends by naming `owner`, the call whose argument is read. */
  inside<Result>(owner: string, read: () => Result): Result {
    const outer = this.#context;
    this.#context = ` in \`${owner}\``;
    try {
      return read();
    } finally {
      this.#context = outer;
    }
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** The text from `start` to `end` between backticks, for messages. */
  quote(start: number, end: number): string {
    return quote(this.text.value.slice(start, Math.min(end, start + MAX_EXCERPT + 1)));
  }

  /** False, with a finding, when the text is too long to be parsed. */
  fits(): boolean {
    const { length } = this.text.value;
    if (length <= MAX_RULE_LENGTH) return true;
    this.add(
      'language/limit',
      0,
      length,
      `${length} characters are more than the ${MAX_RULE_LENGTH} that one rule may have`,
      'put long lists into a data file and test membership with `in`',
    );
    return false;
  }
}

/** `text` between backticks, shortened, with control and invisible characters spelled out. */
export function quote(text: string): string {
  const short = text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT)}…` : text;
  return `\`${short.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, codePointName)}\``;
}

function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

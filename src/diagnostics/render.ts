import { positionAt, type Span } from '../text/source.ts';
import type { Severity } from './catalog-entry.ts';
import type { Code } from './catalog.ts';
import type { Diagnostic } from './diagnostic.ts';
import { maskSecrets } from './mask-secrets.ts';
import { displayWidth, visibleText } from './visible-text.ts';

/** A place as it is printed: lines and columns from 1, columns in UTF-16 units, the end exclusive. */
export interface RenderedPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** A diagnostic as `--format json` prints it (`schemas/diagnostics.schema.json`). */
export interface RenderedDiagnostic extends RenderedPlace {
  readonly severity: Severity;
  readonly code: Code;
  readonly message: string;
  readonly path?: string;
  readonly help?: string;
  readonly related?: readonly (RenderedPlace & { readonly note: string })[];
}

export function renderJson(diagnostics: readonly Diagnostic[]): readonly RenderedDiagnostic[] {
  return diagnostics.map(({ severity, code, message, span, path, help, related }) => ({
    severity,
    code,
    message,
    ...placeOf(span),
    ...(path === undefined ? {} : { path }),
    ...(help === undefined ? {} : { help }),
    ...(related === undefined ? {} : { related: related.map((each) => ({ note: each.note, ...placeOf(each.span) })) }),
  }));
}

function placeOf({ source, start, end }: Span): RenderedPlace {
  const from = positionAt(source, start);
  const to = positionAt(source, end);
  return { file: source.name, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}

export interface TextOptions {
  readonly color: boolean;
}

/**
 * The diagnostics for a terminal, each on a line of its own followed by the source lines with the span underlined, the
 * help and the related places. Ends with a line feed unless there are none. Nothing in it can control the terminal but
 * the colours.
 */
export function renderText(diagnostics: readonly Diagnostic[], { color }: TextOptions): string {
  const paint = color ? (sgr: string, text: string): string => `\x1b[${sgr}m${text}\x1b[0m` : plain;
  return diagnostics.map((diagnostic) => renderOne(diagnostic, paint)).join('');
}

type Paint = (sgr: string, text: string) => string;

const BOLD = '1';
const DIM = '2';
const severityColor: Readonly<Record<Severity, string>> = { error: '1;31', warning: '1;33' };

function plain(_sgr: string, text: string): string {
  return text;
}

function renderOne({ severity, code, message, span, help, related }: Diagnostic, paint: Paint): string {
  const emphasis = severityColor[severity];
  const lines = [`${paint(BOLD, place(span))} ${paint(emphasis, severity)} ${code}  ${visibleText(message)}`];
  const gutter = String(positionAt(span.source, span.end).line).length + 2;
  for (const { line, text, indent, width } of excerptsOf(span)) {
    lines.push(`${paint(DIM, `${String(line).padStart(gutter)} |`)} ${text}`);
    lines.push(`${paint(DIM, `${' '.repeat(gutter)} |`)} ${' '.repeat(indent)}${paint(emphasis, '^'.repeat(width))}`);
  }
  const margin = ' '.repeat(gutter);
  if (help !== undefined) lines.push(`${margin} ${paint(DIM, '= help:')} ${visibleText(help)}`);
  for (const each of related ?? []) {
    lines.push(`${margin} ${paint(DIM, '= see:')} ${place(each.span)} ${visibleText(each.note)}`);
  }
  return `${lines.join('\n')}\n`;
}

function place({ source, start }: Span): string {
  const { line, column } = positionAt(source, start);
  return `${visibleText(source.name)}:${line}:${column}`;
}

/** How much of a line is shown, in UTF-16 units: so many in all, and so many at most before the span. */
const MAX_SHOWN = 120;
const MAX_BEFORE = 60;

interface Excerpt {
  readonly line: number;
  readonly text: string;
  /** Columns before the underlined ones, and how many of those there are: at least one. */
  readonly indent: number;
  readonly width: number;
}

/** The first line of the span, and its last one when that is another; none of an empty source. */
function excerptsOf({ source, start, end }: Span): readonly Excerpt[] {
  if (source.text === '') return [];
  const from = positionAt(source, start);
  // A span that ends behind a line break ends on the line before, as far as a reader is concerned.
  const to = positionAt(source, end > start && source.text[end - 1] === '\n' ? end - 1 : end);
  const first = lineAt(source.text, start);
  if (from.line === to.line) return [excerptOf(source.text, from.line, first, start, Math.min(end, first.end))];
  const last = lineAt(source.text, Math.min(end - 1, source.text.length));
  const indented = last.start + (/^[ \t]*/.exec(source.text.slice(last.start, end))?.[0].length ?? 0);
  return [
    excerptOf(source.text, from.line, first, start, first.end),
    excerptOf(source.text, to.line, last, Math.min(indented, end), Math.min(end, last.end)),
  ];
}

interface Line {
  readonly start: number;
  readonly end: number;
}

function lineAt(text: string, offset: number): Line {
  const start = offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
  const newline = text.indexOf('\n', offset);
  const end = newline === -1 ? text.length : newline;
  return { start, end: end > start && text[end - 1] === '\r' ? end - 1 : end };
}

function excerptOf(source: string, line: number, { start, end }: Line, from: number, to: number): Excerpt {
  const text = source.slice(0, start) + maskSecrets(source.slice(start, end)) + source.slice(end);
  const fits = end - start <= MAX_SHOWN;
  const windowStart = fits
    ? start
    : wholeCharacter(text, Math.max(start, Math.min(from - MAX_BEFORE, end - MAX_SHOWN)));
  const windowEnd = fits ? end : wholeCharacter(text, Math.min(end, windowStart + MAX_SHOWN));
  const lead = windowStart > start ? '…' : '';
  const before = lead + visibleText(text.slice(windowStart, Math.min(from, windowEnd)));
  const marked = visibleText(text.slice(from, Math.min(to, windowEnd)));
  const after =
    visibleText(text.slice(Math.max(from, Math.min(to, windowEnd)), windowEnd)) + (windowEnd < end ? '…' : '');
  return {
    line,
    text: before + marked + after,
    indent: displayWidth(before),
    width: Math.max(1, displayWidth(marked)),
  };
}

/** `offset`, or the one before it where it stands between the halves of a surrogate pair. */
function wholeCharacter(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  return code >= 0xdc00 && code <= 0xdfff ? offset - 1 : offset;
}

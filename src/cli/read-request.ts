import { readFileSync } from 'node:fs';
import type { JsonSchema } from '../config/compiled-schema.ts';
import { schemaFindings, type SchemaFinding } from '../config/schema-finding.ts';
import type { Entity, Extensions, JsonValue, RawAttributes } from '../engine/operation.ts';
import { parseJson } from '../text/json.ts';

/** One operation to decide offline. Source: command line specification, "eval: request line". */
export interface EvaluationRequest {
  readonly contract?: 1;
  readonly id?: string;
  readonly entity: Entity;
  /** Default `both` when `result` is present, else `pre`. */
  readonly phase?: 'pre' | 'post' | 'both';
  readonly attributes?: RawAttributes;
  readonly extensions?: Extensions;
  readonly args?: JsonValue;
  readonly result?: JsonValue;
}

/** `id` is the line's own, when one could be read; `message` is one line without text of the request, except names. */
export type ReadRequest =
  | { readonly ok: true; readonly request: EvaluationRequest }
  | { readonly ok: false; readonly id?: string; readonly message: string };

/** Version of the evaluation contract that this package speaks. */
export const CONTRACT = 1;

/** Longest accepted request line, in UTF-16 units. */
export const MAX_REQUEST_LENGTH = 8 * 1024 * 1024;

/** Deepest accepted nesting of lists and objects in a request line. */
export const MAX_REQUEST_DEPTH = 128;

/** How many findings about one line are told. */
const MAX_FINDINGS = 5;

/** JSON Schema of a request line. */
export const requestSchema: JsonSchema = JSON.parse(
  readFileSync(new URL('../../schemas/request.schema.json', import.meta.url), 'utf8'),
);

/** Reads one line of `eval --requests`. Whatever is wrong with the line is in the answer, never thrown. */
export function readRequest(line: string): ReadRequest {
  if (line.length > MAX_REQUEST_LENGTH) {
    return refused(`the line is longer than ${MAX_REQUEST_LENGTH} characters`);
  }
  if (nestingOf(line) > MAX_REQUEST_DEPTH) return refused(`the line is nested deeper than ${MAX_REQUEST_DEPTH} levels`);
  let value: unknown;
  try {
    value = parseJson(line);
  } catch (error) {
    return refused(jsonProblem(line, error));
  }
  const id = memberOf(value, 'id');
  const named = typeof id === 'string' ? id : undefined;
  const contract = memberOf(value, 'contract');
  if (contract !== undefined && contract !== CONTRACT) {
    return refused(`\`contract\` is not ${CONTRACT}, the only version known here`, named);
  }
  const [first, ...others] = schemaFindings(requestSchema, value, 'the request');
  if (first) return refused([first, ...others.slice(0, MAX_FINDINGS - 1)].map(sentence).join('; '), named);
  if (!isRequest(value)) throw new TypeError('the request schema let something else than a request pass');
  return { ok: true, request: value };
}

function refused(message: string, id?: string): ReadRequest {
  return { ok: false, ...(id === undefined ? {} : { id }), message };
}

function sentence({ message, help, path }: SchemaFinding): string {
  const place = path.length > 1 ? ` (at ${path.join('.')})` : '';
  return `${message}${place}${help === undefined ? '' : ` (${help})`}`;
}

/** The parser's own words may quote the line, which may hold credentials; only the place is taken from them. */
function jsonProblem(line: string, error: unknown): string {
  if (line.trim() === '') return 'the line is empty';
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('Unexpected end') || message.startsWith('Unterminated')) {
    return 'the line is not JSON: it ends too early';
  }
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined
    ? 'the line is not JSON'
    : `the line is not JSON from column ${Number(position) + 1} on`;
}

/** How deep lists and objects are nested in JSON text. Brackets inside strings do not count. */
function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (quoted) {
      if (unit === 0x5c) at += 1;
      else if (unit === 0x22) quoted = false;
    } else if (unit === 0x22) quoted = true;
    else if (unit === 0x5b || unit === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (unit === 0x5d || unit === 0x7d) depth -= 1;
  }
  return deepest;
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

/** True for what the request schema accepts; it is what this type says. */
function isRequest(value: unknown): value is EvaluationRequest {
  return typeof value === 'object' && value !== null && 'entity' in value;
}

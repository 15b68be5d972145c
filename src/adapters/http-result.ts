import type { JsonValue, Operation } from '../engine/operation.ts';
import { httpDenialAnswer } from '../gateway/protocol/denial.ts';
import type { HttpAnswer } from '../gateway/protocol/denial.ts';
import { rootSpan } from '../gateway/json/json-scan.ts';
import { spliceJson } from '../gateway/json/json-splice.ts';
import { jsonText } from '../gateway/json/json-value.ts';
import { parseContainer } from '../gateway/handlers/result-view.ts';
import { parseJson } from '../text/json.ts';
import type { AdapterHost } from './adapter-host.ts';
import { refusal } from './refusal.ts';

/** What a handler is about to answer. */
export interface SentHead {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/** What becomes of an answer. */
export type Judged =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'changed'; readonly body: string }
  | { readonly kind: 'denied'; readonly answer: HttpAnswer };

const UNDECIDABLE: Judged = {
  kind: 'denied',
  answer: refusal(403, 'gateway.result_undecidable', 'the answer has no form that policy could decide on'),
};
const UNWRITABLE: Judged = {
  kind: 'denied',
  answer: refusal(403, 'gateway.result_unwritable', 'the changed result has no place in the answer'),
};
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/;
const TEXT_TYPE = /^text\/(?!event-stream$)/;
const CHARSET = /;\s*charset\s*=\s*"?([\w-]+)/i;
const PARTIAL_CONTENT = 206;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether policy could see a body with this head as its reader does: whole, and JSON or text in UTF-8. */
export function isDecidable({ status, contentType, contentEncoding }: SentHead): boolean {
  if (status === PARTIAL_CONTENT || !/^(?:identity)?$/i.test(contentEncoding)) return false;
  if (contentType === '') return true;
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
  if (charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') return false;
  const type = mediaTypeOf(contentType);
  return JSON_TYPE.test(type) || TEXT_TYPE.test(type);
}

export function undecidable(host: AdapterHost, operation: Operation): Judged {
  host.alarm({ alarm: 'adapter_result_undecidable', entity: operation.entity.type });
  return UNDECIDABLE;
}

/** Decides on the answer to an operation. An empty body is no result. */
export async function judgeAnswer(
  host: AdapterHost,
  operation: Operation,
  head: SentHead,
  bytes: Buffer,
): Promise<Judged> {
  const read = bytes.length === 0 ? NO_BODY : isDecidable(head) ? readText(head, bytes) : undefined;
  if (read === undefined) return undecidable(host, operation);
  const { text, value } = read;
  const decision = await host.decider.post(operation, value);
  if (decision.decision !== 'allow') return { kind: 'denied', answer: httpDenialAnswer(decision) };
  if (!decision.modified.result) return { kind: 'unchanged' };
  const after = decision.result;
  if (value === undefined || after === undefined) return UNWRITABLE;
  if (typeof value === 'string' && !JSON_TYPE.test(mediaTypeOf(head.contentType))) {
    return { kind: 'changed', body: typeof after === 'string' ? after : jsonText(after) };
  }
  return { kind: 'changed', body: spliceJson(text, rootSpan(text), value, after) };
}

interface ReadBody {
  readonly text: string;
  readonly value: JsonValue | undefined;
}

const NO_BODY: ReadBody = { text: '', value: undefined };

function readText(head: SentHead, bytes: Buffer): ReadBody | undefined {
  try {
    const text = utf8.decode(bytes);
    const container = parseContainer(text);
    if (container === 'ambiguous') return undefined;
    if (container !== undefined) return { text, value: container };
    if (!JSON_TYPE.test(mediaTypeOf(head.contentType))) return { text, value: text };
    const scalar = parseJson(text);
    return scalar === null || isScalar(scalar) ? { text, value: scalar } : undefined;
  } catch {
    return undefined;
  }
}

function isScalar(value: unknown): value is string | number | bigint | boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

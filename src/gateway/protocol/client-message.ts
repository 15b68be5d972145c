import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { arrayItems, memberSpan, readJson, rootSpan } from '../json/json-scan.ts';
import type { JsonReading, JsonSpan } from '../json/json-scan.ts';
import { foldedNames, hasLookalike, isJsonObject, ownValue } from '../json/json-value.ts';
import { RPC_CODES, gatewayError } from './rpc-error.ts';
import type { IdText, RpcError } from './rpc-error.ts';

export type RequestId = string | number | bigint;

/** One JSON-RPC message that a client sent, with its place in the body's text. */
export type ClientMessage =
  | {
      readonly kind: 'request';
      readonly id: RequestId;
      readonly idText: IdText;
      readonly method: string;
      readonly params: JsonObject | undefined;
      readonly span: JsonSpan;
    }
  | {
      readonly kind: 'notification';
      readonly method: string;
      readonly params: JsonObject | undefined;
      readonly span: JsonSpan;
    }
  | { readonly kind: 'response'; readonly span: JsonSpan };

export type ClientRequest = Extract<ClientMessage, { kind: 'request' }>;

/** A POST body. `text` is what the bytes decode to; forwarding the bytes is the same as forwarding the text. */
export interface ClientBody {
  readonly bytes: Buffer;
  readonly text: string;
  readonly messages: readonly ClientMessage[];
  readonly batch: boolean;
}

/** A body that is refused as a whole; `id` is that of its only message where it could be read. */
export interface RefusedBody {
  readonly refused: RpcError;
  readonly idText?: IdText;
}

/** More members than this are no batch that a client would send. */
export const MAX_BATCH_MEMBERS = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ENVELOPE = foldedNames('jsonrpc', 'id', 'method', 'params', 'result', 'error');

/**
 * Reads the messages of a body so that every upstream must read the same: valid UTF-8, no duplicate key anywhere, no key
 * of the envelope that another parser might take for one of its members in another case.
 */
export function readClientBody(bytes: Buffer): ClientBody | RefusedBody {
  let text: string;
  let reading: JsonReading;
  try {
    text = utf8.decode(bytes);
    reading = readJson(text);
  } catch {
    return { refused: gatewayError(RPC_CODES.parseError, 'malformed_json', 'the body is not valid JSON') };
  }
  const { value, fault } = reading;
  if (fault === 'too-deep') return refuse('too_deep', 'the body is nested too deeply');
  if (fault === 'duplicate-key') return refuse('duplicate_key', 'the body holds a duplicate key');
  if (!Array.isArray(value)) {
    const message = readMessage(text, rootSpan(text), value);
    return 'refused' in message ? message : { bytes, text, messages: [message], batch: false };
  }
  if (value.length === 0) return refuse('empty_batch', 'the batch is empty');
  if (value.length > MAX_BATCH_MEMBERS) return refuse('batch_too_large', 'the batch has too many members');
  const messages: ClientMessage[] = [];
  const spans = arrayItems(text, 0);
  for (const [index, member] of value.entries()) {
    const span = spans[index];
    if (span === undefined) return refuse('invalid_request', 'the batch cannot be read');
    const message = readMessage(text, span, member);
    if ('refused' in message) return { refused: message.refused };
    messages.push(message);
  }
  return checkBatch(messages) ?? { bytes, text, messages, batch: true };
}

/** Whether a value of a message can be the id of a request. */
export function isRequestId(value: JsonValue | undefined): value is RequestId {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
}

/** Whether the envelope of a message has a key that some parser takes for another of the envelope's. */
export function hasEnvelopeLookalike(message: JsonObject): boolean {
  return hasLookalike(message, ENVELOPE);
}

function readMessage(text: string, span: JsonSpan, value: unknown): ClientMessage | RefusedBody {
  if (!isJsonObject(value)) return refuse('invalid_request', 'a message must be an object');
  if (hasEnvelopeLookalike(value))
    return refuse('ambiguous_key', 'the message has a key that can be mistaken for another');
  if (ownValue(value, 'jsonrpc') !== '2.0') return refuse('invalid_request', 'a message must carry jsonrpc 2.0');
  const id = ownValue(value, 'id');
  const method = ownValue(value, 'method');
  if (method === undefined) return readResponse(value, id, span);
  if (typeof method !== 'string') return refuse('invalid_request', 'the method must be a string');
  if (Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')) {
    return refuse('invalid_request', 'a message is either a request or a response');
  }
  const params = ownValue(value, 'params');
  if (params !== undefined && !isJsonObject(params)) return refuse('invalid_request', 'params must be an object');
  if (id === undefined) return { kind: 'notification', method, params, span };
  if (!isRequestId(id)) {
    return refuse('invalid_request', 'the id must be a string or a number');
  }
  return { kind: 'request', id, idText: idTextOf(text, span, id), method, params, span };
}

function readResponse(value: JsonObject, id: JsonValue | undefined, span: JsonSpan): ClientMessage | RefusedBody {
  if (Object.hasOwn(value, 'result') === Object.hasOwn(value, 'error')) {
    return refuse('invalid_request', 'a response has either a result or an error');
  }
  if (id !== null && !isRequestId(id)) {
    return refuse('invalid_request', 'the id must be a string or a number');
  }
  return { kind: 'response', span };
}

function checkBatch(messages: readonly ClientMessage[]): RefusedBody | undefined {
  const ids = new Set<RequestId>();
  for (const message of messages) {
    if (message.kind === 'response') continue;
    if (message.method === 'initialize') return refuse('initialize_in_batch', 'initialize must be sent alone');
    if (message.kind !== 'request') continue;
    if (ids.has(message.id)) return refuse('duplicate_id', 'two requests of the batch have the same id');
    ids.add(message.id);
  }
  return undefined;
}

function idTextOf(text: string, span: JsonSpan, id: RequestId): IdText {
  if (typeof id === 'string') return JSON.stringify(id);
  if (typeof id === 'bigint' || Number.isSafeInteger(id)) return String(id);
  const written = memberSpan(text, span.start, 'id');
  return written === undefined ? JSON.stringify(id) : text.slice(written.start, written.end);
}

function refuse(slug: string, message: string): RefusedBody {
  return { refused: gatewayError(RPC_CODES.invalidRequest, slug, message) };
}

import { Buffer } from 'node:buffer';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import type { ClientBody, ClientMessage } from './client-message.ts';
import { isJsonObject, ownValue } from '../json/json-value.ts';
import { RPC_CODES, gatewayError } from './rpc-error.ts';
import type { RpcError } from './rpc-error.ts';

/** The headers of a request, as node gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Key of `params._meta` that names the protocol revision of a single request. Source: MCP 2026-07-28, per-request envelope. */
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
/** Revisions that were made when batches existed, or before the version header did. */
const BATCH_VERSIONS = new Set(['2024-11-05', '2025-03-26']);
/** Member of `params` that `Mcp-Name` repeats, by method. Source: MCP 2026-07-28, standard request headers; tasks extension. */
const NAME_SOURCES: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};
const PARAM_PREFIX = 'mcp-param-';
const SENTINEL_START = '=?base64?';
const SENTINEL_END = '?=';
const CANONICAL_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECIMAL = /^-?\d+(\.\d+)?$/;
const PLAIN_HEADER = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Compares the headers that repeat parts of the body with the body: whoever routes by a header must not see another
 * operation than policy. Undefined when they agree; a header that is missing disagrees with nothing.
 */
export function checkStandardHeaders(headers: RequestHeaders, body: ClientBody): RpcError | undefined {
  const version = first(headers['mcp-protocol-version']);
  if (body.batch) return checkBatchHeaders(headers, version, body);
  const [message] = body.messages;
  if (message === undefined || message.kind === 'response') return undefined;
  const claimed = claimedVersion(message.params);
  if (version !== undefined && claimed !== undefined && version !== claimed) return mismatch('MCP-Protocol-Version');
  const method = first(headers['mcp-method']);
  if (method !== undefined && method !== message.method) return mismatch('Mcp-Method');
  const source = Object.hasOwn(NAME_SOURCES, message.method) ? NAME_SOURCES[message.method] : undefined;
  const name = first(headers['mcp-name']);
  if (name !== undefined && source !== undefined && decodeHeaderValue(name) !== ownValue(message.params, source)) {
    return mismatch('Mcp-Name');
  }
  return checkParamHeaders(headers, message);
}

/**
 * The headers among `headers` that must change because policy changed `params`: new values by lower-case name, undefined
 * for one that has to go because no single argument stands behind it any more.
 */
export function changedHeaders(
  headers: RequestHeaders,
  name: string,
  before: JsonObject,
  after: JsonObject,
): Map<string, string | undefined> {
  const changed = new Map<string, string | undefined>();
  if (headers['mcp-name'] !== undefined) changed.set('mcp-name', encodeHeaderValue(name));
  for (const [header, value] of paramHeaders(headers)) {
    const decoded = decodeHeaderValue(value);
    const now = new Set<string | undefined>();
    for (const [was, is] of leafPairs(before, after)) {
      if (decoded !== undefined && equalsHeader(was, decoded)) now.add(is === undefined ? undefined : leafText(is));
    }
    const [only] = now;
    changed.set(header, now.size === 1 && only !== undefined ? encodeHeaderValue(only) : undefined);
  }
  return changed;
}

function checkBatchHeaders(
  headers: RequestHeaders,
  version: string | undefined,
  body: ClientBody,
): RpcError | undefined {
  const claims = body.messages.some(
    (message) => message.kind !== 'response' && claimedVersion(message.params) !== undefined,
  );
  if (claims || (version !== undefined && !BATCH_VERSIONS.has(version))) {
    return gatewayError(RPC_CODES.invalidRequest, 'batch_unsupported', 'this protocol version has no batches');
  }
  if (headers['mcp-method'] !== undefined) return mismatch('Mcp-Method');
  if (headers['mcp-name'] !== undefined) return mismatch('Mcp-Name');
  return paramHeaders(headers).length === 0 ? undefined : mismatch('Mcp-Param');
}

function checkParamHeaders(
  headers: RequestHeaders,
  message: Exclude<ClientMessage, { kind: 'response' }>,
): RpcError | undefined {
  const repeated = paramHeaders(headers);
  if (repeated.length === 0) return undefined;
  const args = message.method === 'tools/call' ? ownValue(message.params, 'arguments') : undefined;
  const leaves = args === undefined ? [] : leafPairs(args, args);
  for (const [, value] of repeated) {
    const decoded = decodeHeaderValue(value);
    if (decoded === undefined || !leaves.some(([leaf]) => equalsHeader(leaf, decoded))) return mismatch('Mcp-Param');
  }
  return undefined;
}

/** The protocol revision that a single request names in its `_meta`. */
export function claimedVersion(params: JsonObject | undefined): string | undefined {
  const meta = ownValue(params, '_meta');
  const version = isJsonObject(meta) ? ownValue(meta, VERSION_KEY) : undefined;
  return typeof version === 'string' ? version : undefined;
}

function paramHeaders(headers: RequestHeaders): [string, string][] {
  const found: [string, string][] = [];
  for (const name in headers) {
    if (!name.startsWith(PARAM_PREFIX)) continue;
    const value = first(headers[name]);
    if (value !== undefined) found.push([name, value]);
  }
  return found;
}

type Leaf = string | number | bigint | boolean;

/** Every primitive of `before` with what stands in its place in `after`. */
function leafPairs(before: JsonValue, after: JsonValue | undefined): [Leaf, Leaf | undefined][] {
  if (before === null) return [];
  if (typeof before !== 'object') return [[before, isLeaf(after) ? after : undefined]];
  const inside = typeof after === 'object' && after !== null ? Object.entries(after) : [];
  const now = new Map<string, JsonValue>(inside);
  return Object.entries(before).flatMap(([key, value]) => leafPairs(value, now.get(key)));
}

function isLeaf(value: JsonValue | undefined): value is Leaf {
  return value !== undefined && value !== null && typeof value !== 'object';
}

function equalsHeader(leaf: Leaf, decoded: string): boolean {
  return leafText(leaf) === decoded || (typeof leaf === 'number' && DECIMAL.test(decoded) && Number(decoded) === leaf);
}

function leafText(leaf: Leaf): string {
  return String(leaf);
}

/** Undefined when the value claims to be Base64 and is not. */
function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith(SENTINEL_START) || !value.endsWith(SENTINEL_END)) return value;
  const encoded = value.slice(SENTINEL_START.length, -SENTINEL_END.length);
  if (!CANONICAL_BASE64.test(encoded)) return undefined;
  try {
    return utf8.decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
}

function encodeHeaderValue(value: string): string {
  const plain = PLAIN_HEADER.test(value) && !(value.startsWith(SENTINEL_START) && value.endsWith(SENTINEL_END));
  return plain ? value : `${SENTINEL_START}${Buffer.from(value).toString('base64')}${SENTINEL_END}`;
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' || value === undefined ? value : value[0];
}

function mismatch(header: string): RpcError {
  return gatewayError(RPC_CODES.headerMismatch, 'header_mismatch', `the ${header} header and the body disagree`);
}

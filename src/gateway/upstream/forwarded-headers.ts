import type { IncomingMessage } from 'node:http';
import type { Decision } from '../../engine/decision.ts';
import type { HandleNames } from '../../session/session-handle.ts';
import type { UpstreamHeaders } from './upstream.ts';

/** Meant for one connection only (RFC 9110, 7.6.1), or set anew for the other. */
const OF_THE_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
]);

/**
 * Not for the upstream: the gateway's own headers, claims about the client that only the gateway could make, and headers
 * by which a request asks to be taken for another one than policy decided on.
 */
const OF_THE_GATEWAY = new Set([
  'mcp-session-id',
  'x-request-id',
  'x-policy-elicitation-id',
  'x-policy-elicitation-peek',
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

const STAYS_BEHIND = new Set([...OF_THE_CONNECTION, ...OF_THE_GATEWAY]);

/** Digests of a body that may have been written anew. */
export const OF_THE_BODY = new Set(['content-digest', 'repr-digest', 'digest', 'content-md5', 'etag']);

export interface ForwardedRequest {
  /** Lower-case names that stay behind besides the usual ones, such as those that carry credentials. */
  readonly withheld: ReadonlySet<string>;
  /** New values by lower-case name; undefined takes a header away. */
  readonly changed: ReadonlyMap<string, string | undefined>;
  readonly requestId: string;
  readonly upstreamSessionId: string | undefined;
  /** MCP bodies are read by the gateway and must come as they are. */
  readonly identityEncoding: boolean;
}

/** The headers that go upstream: names as received and values in turn. */
export function requestHeaders(request: IncomingMessage, forwarded: ForwardedRequest): string[] {
  const named = connectionNames(request.headers.connection);
  const { rawHeaders } = request;
  const headers: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (STAYS_BEHIND.has(lower) || lower.startsWith('x-forwarded-')) continue;
    if (forwarded.withheld.has(lower) || named?.has(lower) === true) continue;
    if (forwarded.identityEncoding && lower === 'accept-encoding') continue;
    if (!forwarded.changed.has(lower)) headers.push(name, rawHeaders[i + 1] ?? '');
  }
  for (const [name, value] of forwarded.changed) if (value !== undefined) headers.push(name, value);
  headers.push('x-request-id', forwarded.requestId);
  if (forwarded.identityEncoding) headers.push('accept-encoding', 'identity');
  if (forwarded.upstreamSessionId !== undefined) headers.push('mcp-session-id', forwarded.upstreamSessionId);
  return headers;
}

/** Adds to `headers` what plugins set, and what carries minted credentials; `authorization` does so by `Bearer`. */
export function decidedHeaders(
  { headers: set = {}, delegatedTokens: tokens = [] }: Pick<Decision, 'headers' | 'delegatedTokens'>,
  headers: Map<string, string | undefined>,
): Map<string, string | undefined> {
  for (const [name, value] of Object.entries(set)) headers.set(name, value ?? undefined);
  for (const { token, header } of tokens) {
    const name = header.toLowerCase();
    headers.set(name, name === 'authorization' ? `Bearer ${token}` : token);
  }
  return headers;
}

/**
 * The headers that go back to the client. `sessionId` is the gateway's; the upstream's own never leaves, and no handle of
 * its making.
 */
export function responseHeaders(
  headers: UpstreamHeaders,
  sessionId: string | undefined,
  mcp: boolean,
  handleNames: HandleNames | undefined,
): string[] {
  const handleHeader = handleNames?.header.toLowerCase();
  const named = connectionNames(headers['connection']);
  const kept: string[] = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || OF_THE_CONNECTION.has(name) || name === 'mcp-session-id') continue;
    if (named?.has(name) === true || name === handleHeader || (mcp && isOwnedHere(name))) continue;
    if (typeof value === 'string') kept.push(name, value);
    else for (const one of value) kept.push(name, one);
  }
  if (sessionId !== undefined) kept.push('mcp-session-id', sessionId);
  return kept;
}

/** On the MCP endpoint the gateway says who may read the answer, and the body may be written anew. */
function isOwnedHere(name: string): boolean {
  return OF_THE_BODY.has(name) || name.startsWith('access-control-');
}

function connectionNames(header: string | string[] | undefined): Set<string> | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === 'string' ? header : header.join(',');
  if (text === 'keep-alive' || text === 'close') return undefined;
  return new Set(text.split(',').map((name) => name.trim().toLowerCase()));
}

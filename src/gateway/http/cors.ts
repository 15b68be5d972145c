import type { ServerResponse } from 'node:http';
import type { HandleNames } from '../../session/session-handle.ts';
import { answer } from './exchange.ts';
import type { Exchange } from './exchange.ts';

const METHODS = 'POST, GET, DELETE';
/** What pages of an allowed origin may read of an answer besides its body. */
const EXPOSED = 'mcp-session-id, www-authenticate, x-request-id, retry-after';
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~, -]{0,2048}$/;
const PREFLIGHT_SECONDS = '600';

/**
 * Lets pages of an origin that passed the allow list read the answer, whoever gives it. Credentials are not allowed:
 * clients send theirs in headers of their own making. Source: Fetch standard, CORS protocol.
 */
export function allowOrigin(response: ServerResponse, origin: string, handleNames: HandleNames | undefined): void {
  response.setHeader('access-control-allow-origin', origin);
  const exposed = handleNames === undefined ? EXPOSED : `${EXPOSED}, ${handleNames.header}`;
  response.setHeader('access-control-expose-headers', exposed);
  response.setHeader('vary', 'origin');
}

/** Whether a browser asks what a page may send. */
export function isPreflight(exchange: Exchange): boolean {
  const { method, headers } = exchange.request;
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

export async function answerPreflight(_: unknown, exchange: Exchange): Promise<void> {
  const asked = exchange.request.headers['access-control-request-headers'];
  const headers = ['access-control-allow-methods', METHODS, 'access-control-max-age', PREFLIGHT_SECONDS];
  if (asked !== undefined && HEADER_NAMES.test(asked)) headers.push('access-control-allow-headers', asked);
  answer(exchange, 204, headers, '');
}

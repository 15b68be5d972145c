import { ClientGoneError, answerError } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import { RPC_CODES, gatewayError } from '../protocol/rpc-error.ts';
import type { IdText, RpcError } from '../protocol/rpc-error.ts';
import { UpstreamError } from '../upstream/upstream.ts';

/** What clients are told about a failed exchange: a stable code, and nothing of the upstream or the storage. */
export interface ExchangeFailure {
  readonly status: number;
  readonly error: RpcError;
}

const UNREACHABLE: ExchangeFailure = {
  status: 502,
  error: gatewayError(RPC_CODES.upstreamUnreachable, 'upstream_unreachable', 'the upstream cannot be reached'),
};
const TIMEOUT: ExchangeFailure = {
  status: 504,
  error: gatewayError(RPC_CODES.upstreamTimeout, 'upstream_timeout', 'the upstream did not answer in time'),
};
const INVALID: ExchangeFailure = {
  status: 502,
  error: gatewayError(RPC_CODES.upstreamInvalid, 'upstream_invalid_response', 'the upstream gave an invalid response'),
};
const TOO_LARGE: ExchangeFailure = {
  status: 502,
  error: gatewayError(
    RPC_CODES.upstreamInvalid,
    'upstream_response_too_large',
    'the response of the upstream is too large',
  ),
};

export const INVALID_RESPONSE = INVALID;

/** Counts a failed exchange and says how to answer it. Rethrows what is no failure of the upstream. */
export function upstreamFailure(gateway: GatewayContext, exchange: Exchange, error: unknown): ExchangeFailure {
  if (!(error instanceof UpstreamError)) throw error;
  if (error.failure === 'cancelled') throw new ClientGoneError('the client is gone', { cause: error });
  gateway.telemetry.upstreamError(exchange.note.upstream ?? '', error.failure);
  switch (error.failure) {
    case 'unreachable':
      return UNREACHABLE;
    case 'timeout':
      return TIMEOUT;
    case 'too-large':
      return TOO_LARGE;
    case 'invalid':
      return INVALID;
  }
}

/** The upstream refused with `status`. Its own words stay behind; a client error keeps its status, so that clients react to it. */
export function statusFailure(gateway: GatewayContext, exchange: Exchange, status: number): ExchangeFailure {
  gateway.telemetry.upstreamError(exchange.note.upstream ?? '', 'status');
  return {
    status: status >= 400 && status < 500 ? status : 502,
    error: gatewayError(RPC_CODES.upstreamStatus, 'upstream_status', 'the upstream refused the request', { status }),
  };
}

export function answerFailure(
  exchange: Exchange,
  failure: ExchangeFailure,
  idText: IdText | undefined,
  headers: readonly string[] = [],
): void {
  exchange.note.outcome = 'upstream_failure';
  answerError(exchange, failure.status, failure.error, idText, headers);
}

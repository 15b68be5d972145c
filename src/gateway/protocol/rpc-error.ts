import type { Violation } from '../../engine/decision.ts';
import type { JsonObject } from '../../engine/operation.ts';
import { stringifyJson } from '../../text/json.ts';

/** Codes of the JSON-RPC errors that the gateway itself answers with. Source: gateway specification, answers; JSON-RPC 2.0, 5.1. */
export const RPC_CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  /** MCP 2026-07-28: the standard headers and the body disagree. */
  headerMismatch: -32020,
  denied: -32001,
  upstreamUnreachable: -32002,
  upstreamTimeout: -32003,
  upstreamInvalid: -32004,
  upstreamStatus: -32005,
  overloaded: -32006,
  pending: -32120,
  /** MCP 2025-11-25: a URL elicitation is required. */
  urlRequired: -32042,
  approved: -32121,
} as const;

/** `data.code` is stable and names the cause; `message` may improve. Neither holds anything of the request or upstream. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: JsonObject;
}

/** Id of a message as JSON text, so that a number keeps its digits; `null` where no id could be read. */
export type IdText = string;
export const NO_ID: IdText = 'null';

/** A JSON-RPC error response as JSON text. */
export function errorResponse(idText: IdText, error: RpcError): string {
  return `{"jsonrpc":"2.0","id":${idText},"error":${stringifyJson(error) ?? 'null'}}`;
}

/** The error of a denial that no route's `response` dresses. */
export function violationError({ code, reason, details }: Violation): RpcError {
  return { code: RPC_CODES.denied, message: reason, data: { violation: code, reason, details } };
}

/** An error of the gateway with its stable `data.code`. */
export function gatewayError(code: number, slug: string, message: string, details?: JsonObject): RpcError {
  return { code, message, data: { code: `gateway.${slug}`, ...details } };
}

/** Requests that are refused before anything is decided, by the gateway and by adapters alike. */
export const INVALID_PARAMS = gatewayError(
  RPC_CODES.invalidParams,
  'invalid_params',
  'the params do not say what is called',
);
export const AMBIGUOUS_METHOD = gatewayError(
  RPC_CODES.invalidRequest,
  'ambiguous_method',
  'the method can be mistaken for another',
);
export const ID_IN_USE = gatewayError(
  RPC_CODES.invalidRequest,
  'request_id_in_use',
  'a request with this id still waits for its response',
);

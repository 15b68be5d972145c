import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Decision, Violation } from '../../engine/decision.ts';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { isJsonObject, jsonText } from '../json/json-value.ts';
import { RPC_CODES, errorResponse } from './rpc-error.ts';
import type { IdText, RpcError } from './rpc-error.ts';

/** A complete HTTP answer. `headers` holds names and values in turn. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

const RESPONSE_DETAILS = new Set(['http.status', 'http.body', 'http.headers']);
const PENDING_MEMBERS = ['elicitation_id', 'verb', 'approver', 'channel', 'expires_at', 'acr_values', 'url'] as const;
/** A route's response may not speak for the connection, nor about a body that the gateway measures. */
const UNSETTABLE = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'keep-alive',
  'mcp-session-id',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const BODILESS = new Set([204, 205, 304]);

/** The JSON-RPC error of a decision that is not `allow`. Source: gateway specification, answers. */
export function denialError(decision: Decision): RpcError {
  const violation = violationOf(decision);
  const message = violation.reason === '' ? 'access denied' : violation.reason;
  if (violation.code === 'elicitation.approved') {
    return { code: RPC_CODES.approved, message, data: pendingData(violation.details) };
  }
  if (decision.decision === 'pending')
    return { code: RPC_CODES.pending, message, data: pendingData(violation.details) };
  const data = { violation: violation.code, reason: violation.reason, details: otherDetails(violation.details) };
  return { code: RPC_CODES.denied, message, data };
}

/**
 * The answer to one JSON-RPC request that was not allowed: `response` where the protocol has its own for it, else the
 * route's own response, else 200 and the error.
 */
export function denialAnswer(decision: Decision, idText: IdText, response?: string): HttpAnswer {
  if (response !== undefined) return { status: 200, headers: ['content-type', 'application/json'], body: response };
  const body = errorResponse(idText, denialError(decision));
  return routeResponse(violationOf(decision), 200, body);
}

/** The answer to an HTTP operation that was not allowed: the bundle's response, else 403. */
export function httpDenialAnswer(decision: Decision): HttpAnswer {
  const error = denialError(decision);
  return routeResponse(violationOf(decision), 403, jsonText(error.data ?? {}));
}

/** What decided; a decision without a violation is none that an engine should give, and no reason to allow. */
function violationOf(decision: Decision): Violation {
  return decision.violation ?? { code: 'gateway.engine_failure', reason: 'access denied', details: {} };
}

function routeResponse(violation: Violation, defaultStatus: number, defaultBody: string): HttpAnswer {
  const { details } = violation;
  const given = details['http.status'];
  const status = isStatus(given) ? given : defaultStatus;
  const written = details['http.body'];
  const body = typeof written === 'string' ? written : defaultBody;
  const headers = safeHeaders(details['http.headers']);
  if (!headers.some((name, index) => index % 2 === 0 && name === 'content-type')) {
    headers.push(
      'content-type',
      body === defaultBody || isJson(body) ? 'application/json' : 'text/plain; charset=utf-8',
    );
  }
  return { status, headers, body: BODILESS.has(status) ? '' : body };
}

/** Header names in lower case; what could break out of its line or out of the response is left out. */
function safeHeaders(given: JsonValue | undefined): string[] {
  const headers: string[] = [];
  if (!isJsonObject(given)) return headers;
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (UNSETTABLE.has(lower) || value === null || typeof value === 'object') continue;
    const text = String(value);
    try {
      validateHeaderName(lower);
      validateHeaderValue(lower, text);
    } catch {
      continue;
    }
    headers.push(lower, text);
  }
  return headers;
}

function isStatus(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What a caller is told of a question. */
export function pendingData(details: Violation['details']): JsonObject {
  const picked: Record<string, JsonValue> = {};
  for (const name of PENDING_MEMBERS) {
    const value = details[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

function otherDetails(details: Violation['details']): JsonObject {
  return Object.fromEntries(Object.entries(details).filter(([name]) => !RESPONSE_DETAILS.has(name)));
}

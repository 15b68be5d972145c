import type { Decision } from '../engine/decision.ts';
import type { JsonObject } from '../engine/operation.ts';
import { parseJson } from '../text/json.ts';
import { hasEnvelopeLookalike, isRequestId } from './client-message.ts';
import type { RequestId } from './client-message.ts';
import type { Decider } from './decide.ts';
import { denialError } from './denial.ts';
import { arrayItems, findJsonFault, memberSpan, rootSpan } from './json-scan.ts';
import type { JsonSpan } from './json-scan.ts';
import { replaceSpan } from './json-splice.ts';
import { isJsonObject, ownValue } from './json-value.ts';
import type { PendingRequest } from './pending-requests.ts';
import { viewResult, writeResult } from './result-view.ts';
import { RPC_CODES, errorResponse, gatewayError } from './rpc-error.ts';

/** One message from the upstream, decided. */
export interface Screened {
  /** What may be sent on; undefined when nothing may. */
  readonly text: string | undefined;
  /** The request that it answers; undefined for requests and notifications of the server. */
  readonly request?: PendingRequest;
  /** Present when policy did not allow the response; `text` is then the error in its place. */
  readonly denied?: Decision;
  /** The message was not one that a client may see, for the reason named here. */
  readonly fault?: 'unexpected' | 'ambiguous' | 'invalid';
}

export interface ScreenedText {
  readonly batch: boolean;
  /** Whether all of it may be sent on as it came. */
  readonly unchanged: boolean;
  readonly messages: readonly Screened[];
}

const INVALID = gatewayError(
  RPC_CODES.upstreamInvalid,
  'upstream_invalid_response',
  'the upstream gave an invalid response',
);

/** The request that a response with this id answers; `null` stands for an error whose id the server could not tell. */
export type FindRequest = (id: RequestId | null) => PendingRequest | undefined;

/**
 * Decides everything that a text from the upstream holds. A response passes only when `find` knows the request that it
 * answers, and the response to a mediated request only as policy leaves it. Undefined when the text is no JSON that all
 * clients read alike.
 */
export async function screenText(text: string, find: FindRequest, decider: Decider): Promise<ScreenedText | undefined> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  if (findJsonFault(text) !== undefined) return undefined;
  if (!Array.isArray(value)) {
    const message = await screenMessage(text, value, find, decider);
    return { batch: false, unchanged: message.text === text, messages: [message] };
  }
  const spans = arrayItems(text, 0);
  const messages: Screened[] = [];
  let unchanged = true;
  for (const [index, member] of value.entries()) {
    const span = spans[index];
    if (span === undefined) return undefined;
    const source = text.slice(span.start, span.end);
    const message = await screenMessage(source, member, find, decider);
    unchanged &&= message.text === source;
    messages.push(message);
  }
  return { batch: true, unchanged, messages };
}

/** The error that takes the place of a response which cannot be read. */
export function invalidResponse(request: PendingRequest): string {
  return errorResponse(request.idText, INVALID);
}

async function screenMessage(text: string, value: unknown, find: FindRequest, decider: Decider): Promise<Screened> {
  if (!isJsonObject(value) || hasEnvelopeLookalike(value)) return { text: undefined, fault: 'ambiguous' };
  const answers = Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error');
  if (Object.hasOwn(value, 'method')) {
    return answers ? { text: undefined, fault: 'ambiguous' } : { text };
  }
  if (!answers) return { text: undefined, fault: 'invalid' };
  const id = ownValue(value, 'id');
  const known = isRequestId(id) || (id === null && Object.hasOwn(value, 'error'));
  const request = known ? find(id) : undefined;
  if (request === undefined) return { text: undefined, fault: 'unexpected' };
  if (request.mediated === undefined) return { text, request };
  return screenResponse(text, value, request, request.mediated, decider);
}

async function screenResponse(
  text: string,
  message: JsonObject,
  request: PendingRequest,
  mediated: NonNullable<PendingRequest['mediated']>,
  decider: Decider,
): Promise<Screened> {
  const result = ownValue(message, 'result');
  const failed = Object.hasOwn(message, 'error');
  if (failed === (result !== undefined)) return invalid(request);
  if (failed) {
    const decision = await decider.post(mediated.operation, undefined);
    return decision.decision === 'allow' ? { text, request } : denied(request, decision);
  }
  if (!isJsonObject(result)) return invalid(request);
  const view = viewResult(mediated.method, result);
  if (view.kind === 'ambiguous') return invalid(request);
  const decision = await decider.post(mediated.operation, view.value);
  if (decision.decision !== 'allow') return denied(request, decision);
  if (!decision.modified.result) return { text, request };
  const span: JsonSpan | undefined = memberSpan(text, rootSpan(text).start, 'result');
  const written = span === undefined ? undefined : writeResult(text, span, result, view, decision.result);
  if (span === undefined || written === undefined) return unwritable(request);
  return { text: replaceSpan(text, span, written), request };
}

function denied(request: PendingRequest, decision: Decision): Screened {
  return { text: errorResponse(request.idText, denialError(decision)), request, denied: decision };
}

function invalid(request: PendingRequest): Screened {
  return { text: invalidResponse(request), request, fault: 'invalid' };
}

/** Policy changed the result into something that has no place in this response; what it was must not leave. */
function unwritable(request: PendingRequest): Screened {
  const error = {
    code: RPC_CODES.denied,
    message: 'the changed result has no place in the response',
    data: {
      violation: 'gateway.result_unwritable',
      reason: 'the changed result has no place in the response',
      details: {},
    },
  };
  return { text: errorResponse(request.idText, error), request, fault: 'invalid' };
}

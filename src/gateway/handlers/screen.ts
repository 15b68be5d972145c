import type { Decision } from '../../engine/decision.ts';
import type { JsonObject } from '../../engine/operation.ts';
import type { Awaitable } from '../../session/label-store.ts';
import { hasEnvelopeLookalike, isRequestId } from '../protocol/client-message.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { denialError } from '../protocol/denial.ts';
import { arrayItems, readJson, spanAt } from '../json/json-scan.ts';
import type { JsonReading } from '../json/json-scan.ts';
import { replaceSpan } from '../json/json-splice.ts';
import { withPrivateCache } from '../protocol/cache-scope.ts';
import { isMediated } from '../protocol/mediation.ts';
import { filterList } from './list-filter.ts';
import { isJsonObject, ownValue } from '../json/json-value.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { MediatedRequest, PendingRequest } from '../sessions/pending-requests.ts';
import { pendingResponse } from '../protocol/pending-response.ts';
import { viewResult, writeResult } from './result-view.ts';
import type { ResultView } from './result-view.ts';
import { RPC_CODES, errorResponse, gatewayError } from '../protocol/rpc-error.ts';
import { withHandle } from './session-handle.ts';

/** One message from the upstream, decided. */
export interface Screened {
  /** What may be sent on; undefined when nothing may. */
  readonly text: string | undefined;
  /** The request that it answers; undefined for requests and notifications of the server. */
  readonly request?: PendingRequest;
  /** Present when policy did not allow the response; `text` is then the error in its place. */
  readonly denied?: Decision;
  /** With `denied`: the response where the protocol has its own for a suspended operation. */
  readonly response?: string | undefined;
  /** Handle of the session as it is after the response. */
  readonly handle?: string | undefined;
  /** The message was not one that a client may see, for the reason named here. */
  readonly fault?: 'unexpected' | 'ambiguous' | 'invalid' | 'undecided';
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

/** What screening needs of a gateway. */
type Screening = Pick<GatewayContext, 'decider' | 'engine' | 'tasks'>;

/** The request that a response with this id answers; `null` stands for an error whose id the server could not tell. */
export type FindRequest = (id: RequestId | null) => Awaitable<PendingRequest | undefined>;

/**
 * Decides everything that a text from the upstream holds. A response passes only when `find` knows the request that it
 * answers, and the response to a mediated request only as policy leaves it. Undefined when the text is no JSON that all
 * clients read alike.
 */
export async function screenText(
  text: string,
  find: FindRequest,
  gateway: Screening,
): Promise<ScreenedText | undefined> {
  let reading: JsonReading;
  try {
    reading = readJson(text);
  } catch {
    return undefined;
  }
  const { value, fault } = reading;
  if (fault !== undefined) return undefined;
  if (!Array.isArray(value)) {
    const message = await screenMessage(text, value, find, gateway);
    return { batch: false, unchanged: message.text === text, messages: [message] };
  }
  const spans = arrayItems(text, 0);
  const messages: Screened[] = [];
  let unchanged = true;
  for (const [index, member] of value.entries()) {
    const span = spans[index];
    if (span === undefined) return undefined;
    const source = text.slice(span.start, span.end);
    const message = await screenMessage(source, member, find, gateway);
    unchanged &&= message.text === source;
    messages.push(message);
  }
  return { batch: true, unchanged, messages };
}

/** The messages that may be sent on, and `extra`, in the form they came in; undefined when there is none. */
export function joinScreened(screened: ScreenedText, extra: readonly string[]): string | undefined {
  const texts: string[] = [];
  for (const { text } of screened.messages) if (text !== undefined) texts.push(text);
  texts.push(...extra);
  if (texts.length === 0) return undefined;
  return screened.batch || texts.length > 1 ? `[${texts.join(',')}]` : texts[0];
}

/** The error that takes the place of a response which cannot be read. */
export function invalidResponse(request: PendingRequest): string {
  return errorResponse(request.idText, INVALID);
}

function screenMessage(text: string, value: unknown, find: FindRequest, gateway: Screening): Awaitable<Screened> {
  if (!isJsonObject(value) || hasEnvelopeLookalike(value)) return { text: undefined, fault: 'ambiguous' };
  const answers = Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error');
  if (Object.hasOwn(value, 'method')) {
    if (answers) return { text: undefined, fault: 'ambiguous' };
    return tellsTaskResult(value) ? { text: undefined, fault: 'undecided' } : { text };
  }
  if (!answers) return { text: undefined, fault: 'invalid' };
  const id = ownValue(value, 'id');
  const known = isRequestId(id) || (id === null && Object.hasOwn(value, 'error'));
  const request = known ? find(id) : undefined;
  if (request instanceof Promise) return request.then((found) => screenAnswer(text, value, found, gateway));
  return screenAnswer(text, value, request, gateway);
}

function screenAnswer(
  text: string,
  value: JsonObject,
  request: PendingRequest | undefined,
  gateway: Screening,
): Awaitable<Screened> {
  if (request === undefined) return { text: undefined, fault: 'unexpected' };
  if (request.listing !== undefined)
    return { text: filterList(text, value, request.listing, gateway.decider), request };
  const { mediated } = request;
  return mediated === undefined ? { text, request } : screenResponse({ text, request, mediated }, value, gateway);
}

/** A response to a mediated request. */
interface Answer {
  readonly text: string;
  readonly request: PendingRequest;
  readonly mediated: MediatedRequest;
}

function screenResponse(answer: Answer, message: JsonObject, gateway: Screening): Awaitable<Screened> {
  const result = ownValue(message, 'result');
  const failed = Object.hasOwn(message, 'error');
  if (failed === (result !== undefined)) return invalid(answer.request);
  if (failed) return screenError(answer, gateway);
  if (!isJsonObject(result)) return invalid(answer.request);
  const taskId = startedTask(result);
  return taskId === undefined ? screenResult(answer, result, gateway) : screenTask(answer, taskId, result, gateway);
}

async function screenError({ text, request, mediated }: Answer, gateway: Screening): Promise<Screened> {
  const decision = await gateway.decider.post(mediated.operation, undefined);
  return decision.decision === 'allow' ? { text, request, handle: decision.handle } : denied(request, decision);
}

async function screenTask(answer: Answer, taskId: string, result: JsonObject, gateway: Screening): Promise<Screened> {
  await gateway.tasks.remember(taskId, { ...answer.mediated, nested: false });
  return screenResult(answer, result, gateway);
}

function screenResult(answer: Answer, result: JsonObject, gateway: Screening): Awaitable<Screened> {
  const { text, request, mediated } = answer;
  const decided = mediated.nested ? ownValue(result, 'result') : result;
  if (decided === undefined) return { text, request };
  if (!isJsonObject(decided)) return invalid(request);
  const view = viewResult(mediated.method, decided);
  if (view.kind === 'ambiguous') return invalid(request);
  const write = (decision: Decision): Screened => writeDecided(answer, decided, view, decision, gateway);
  const decision = gateway.decider.post(mediated.operation, view.value);
  return decision instanceof Promise ? decision.then(write) : write(decision);
}

/** The response as policy leaves it; `decided` is the result that it saw as `view`. */
function writeDecided(
  { text, request, mediated }: Answer,
  decided: JsonObject,
  view: ResultView,
  decision: Decision,
  gateway: Screening,
): Screened {
  if (decision.decision !== 'allow') return denied(request, decision);
  const { handle } = decision;
  const key = handle === undefined ? undefined : gateway.engine.handleNames?.meta;
  const path = mediated.nested ? ['result', 'result'] : ['result'];
  const handing = (given: string): Screened => {
    const kept = withPrivateCache(given, decided, path);
    const handed = handle === undefined || key === undefined ? kept : withHandle(kept, key, handle);
    return { text: handed, request, handle };
  };
  if (!decision.modified.result) return handing(text);
  const span = spanAt(text, path);
  const written = span === undefined ? undefined : writeResult(text, span, decided, view, decision.result);
  if (span === undefined || written === undefined) return unwritable(request);
  return handing(replaceSpan(text, span, written));
}

/** Id of the task that a result says the operation became. Sources: MCP 2025-11-25, CreateTaskResult; tasks extension. */
function startedTask(result: JsonObject): string | undefined {
  const task = ownValue(result, 'task');
  const holder = isJsonObject(task) ? task : ownValue(result, 'resultType') === 'task' ? result : undefined;
  const taskId = ownValue(holder, 'taskId');
  return typeof taskId === 'string' ? taskId : undefined;
}

/** A notification about a task may hold its result, which nobody decided on; the client can still fetch it. */
export function tellsTaskResult(message: JsonObject): boolean {
  const method = ownValue(message, 'method');
  const params = ownValue(message, 'params');
  return (
    typeof method === 'string' &&
    method.startsWith('notifications/tasks') &&
    isJsonObject(params) &&
    Object.hasOwn(params, 'result')
  );
}

function denied(request: PendingRequest, decision: Decision): Screened {
  // What tells of a task is none of the requests that may ask for input.
  const round = isMediated(request.method) ? request.mediated?.round : undefined;
  const response = round && pendingResponse(round, decision, request.idText);
  const text = response ?? errorResponse(request.idText, denialError(decision));
  return { text, request, denied: decision, response, handle: decision.handle };
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

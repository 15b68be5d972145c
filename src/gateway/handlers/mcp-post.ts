import { HTTP_ENTITY, answerUnauthenticated, identifyCaller, withheldHeaders } from './caller.ts';
import type { JsonObject } from '../../engine/operation.ts';
import { opensPages } from '../protocol/asking.ts';
import { readClientBody } from '../protocol/client-message.ts';
import type { ClientBody, ClientMessage, ClientRequest } from '../protocol/client-message.ts';
import { denialAnswer, denialError } from '../protocol/denial.ts';
import { ClientGoneError, answer, answerError, answerHttp } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import { requestHeaders } from '../upstream/forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { relayResponse } from './mcp-relay.ts';
import { isMediated, mediationOf, resemblesMediated } from '../protocol/mediation.ts';
import type { Mediation } from '../protocol/mediation.ts';
import type { PendingRequest } from '../sessions/pending-requests.ts';
import { readBody } from '../http/request-body.ts';
import {
  AMBIGUOUS_METHOD,
  ID_IN_USE,
  INVALID_PARAMS,
  RPC_CODES,
  errorResponse,
  gatewayError,
  violationError,
} from '../protocol/rpc-error.ts';
import type { RpcError } from '../protocol/rpc-error.ts';
import { NO_CHANGES, rule } from './ruling.ts';
import type { Plan, Ruling } from './ruling.ts';
import { sendUpstream } from './send-upstream.ts';
import { findSession, openingSession } from './session-access.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import { checkStandardHeaders } from '../protocol/standard-headers.ts';
import { answerFailure, upstreamFailure } from './upstream-answer.ts';
import { NONE_ADMITTED, NONE_IN_COMMON, inCommon } from './upstream-choice.ts';
import type { NamedUpstream } from '../upstream/upstream-set.ts';
import { UpstreamError } from '../upstream/upstream.ts';

/** Its response is a stream without end (MCP 2026-07-28). */
const LISTEN = 'subscriptions/listen';
/** Answers to requests that are in order. */
const ANSWERS: ReadonlySet<number> = new Set([RPC_CODES.denied, RPC_CODES.approved]);
const OVERLOADED = gatewayError(RPC_CODES.overloaded, 'overloaded', 'too many streams are open');
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Serves a POST on the MCP endpoint. Source: MCP Streamable HTTP, sending messages to the server. */
export async function servePost(gateway: GatewayContext, exchange: Exchange): Promise<void> {
  const body = await receive(gateway, exchange);
  if (body === undefined) return;
  const plans = await identifyAll(gateway, exchange, body);
  if (plans === undefined) return;
  const callers = plans.map((plan) => plan.caller);
  const names = exchange.request.headers['mcp-session-id'] !== undefined;
  const session = names ? await findSession(gateway, exchange, callers) : undefined;
  if (session === 'refused') return;

  const rulings: Ruling[] = [];
  for (const plan of plans) rulings.push(await rule(gateway, exchange, plan, body, session));
  const { together, upstreams } = sentTogether(gateway, rulings);
  const open = session === undefined ? together : await openRequests(gateway, session, together);
  const forwarded = open.filter((ruling) => ruling.kind === 'forward');
  const answered = open.filter((ruling) => ruling.kind !== 'forward');
  if (forwarded.length === 0) return answerHere(exchange, body, answered);
  if (upstreams.length === 0) return answerError(exchange, 403, violationError(NONE_ADMITTED));

  if (exchange.response.destroyed) throw new ClientGoneError('the client is gone');
  const pending: PendingRequest[] = [];
  for (const ruling of forwarded) if (ruling.pending !== undefined) pending.push(ruling.pending);
  const [first] = forwarded;
  try {
    const { upstream, response } = await sendUpstream(gateway, exchange, upstreams, {
      method: 'POST',
      headers: requestHeaders(exchange.request, {
        withheld: withheldHeaders(gateway, callers, first?.decision?.delegatedTokens ?? []),
        changed: body.batch ? NO_CHANGES : (first?.headers ?? NO_CHANGES),
        requestId: exchange.id,
        upstreamSessionId: session?.upstreamId,
        identityEncoding: true,
      }),
      body: payload(body, forwarded, open.length),
    });
    const owner = callers[0]?.principal ?? '';
    for (const request of pending) noteUpstream(request, upstream.name);
    await relayResponse(gateway, exchange, {
      response,
      pending,
      answered: answered.map(answerText),
      batch: body.batch,
      session,
      openSession:
        initializes(body) && session === undefined
          ? (id) => openingSession(gateway, upstream, owner, id, opensPages(paramsOf(body)))
          : undefined,
    });
  } catch (error) {
    if (error instanceof UpstreamError && !error.sent && session !== undefined) {
      for (const request of pending) gateway.requests.settle(session.id, request.id, false);
    }
    const failure = upstreamFailure(gateway, exchange, error);
    const [only] = pending;
    if (!body.batch) return answerFailure(exchange, failure, only?.idText);
    const errors = pending.map((request) => errorResponse(request.idText, failure.error));
    answer(
      exchange,
      failure.status,
      ['content-type', 'application/json'],
      `[${[...answered.map(answerText), ...errors].join(',')}]`,
    );
  }
}

async function receive(gateway: GatewayContext, exchange: Exchange): Promise<ClientBody | undefined> {
  const { headers } = exchange.request;
  if (!JSON_TYPE.test(headers['content-type'] ?? '') || headers['content-encoding'] !== undefined) {
    const error = gatewayError(
      RPC_CODES.invalidRequest,
      'unsupported_media_type',
      'the body must be plain JSON in UTF-8',
    );
    answerError(exchange, 415, error, undefined, ['connection', 'close']);
    return undefined;
  }
  const bytes = await readBody(exchange.request, gateway.limits.maxBodyBytes);
  if (bytes === 'aborted') return undefined;
  if (bytes === 'too-large') {
    const error = gatewayError(RPC_CODES.invalidRequest, 'body_too_large', 'the body is too large');
    answerError(exchange, 413, error, undefined, ['connection', 'close']);
    return undefined;
  }
  const body = readClientBody(bytes);
  if ('refused' in body) {
    answerError(exchange, 400, body.refused, body.idText);
    return undefined;
  }
  const [first] = body.messages;
  if (first?.kind === 'request' && first.method === LISTEN && !exchange.becomeStream()) {
    answerError(exchange, 503, OVERLOADED, first.idText, ['retry-after', '1']);
    return undefined;
  }
  if (first !== undefined)
    exchange.note.rpcMethod = body.batch ? 'batch' : first.kind === 'response' ? 'response' : first.method;
  const disagreement = checkStandardHeaders(headers, body);
  if (disagreement === undefined) return body;
  answerError(exchange, 400, disagreement, first?.kind === 'request' && !body.batch ? first.idText : undefined);
  return undefined;
}

/** Undefined when the request was answered: somebody is not authenticated, or a message does not say what it wants. */
async function identifyAll(gateway: GatewayContext, exchange: Exchange, body: ClientBody): Promise<Plan[] | undefined> {
  const plans: Plan[] = [];
  for (const message of body.messages) {
    const mediation = readMediation(message);
    if (mediation !== undefined && 'code' in mediation) {
      const idText = message.kind === 'request' && !body.batch ? message.idText : undefined;
      answerError(exchange, 400, mediation, idText);
      return undefined;
    }
    const caller = await identifyCaller(gateway, exchange, mediation?.entity ?? HTTP_ENTITY);
    if ('code' in caller) {
      answerUnauthenticated(gateway, exchange, caller);
      return undefined;
    }
    plans.push({ message, mediation, caller });
  }
  return plans;
}

function readMediation(message: ClientMessage): Mediation | RpcError | undefined {
  if (message.kind === 'response') return undefined;
  if (resemblesMediated(message.method)) {
    return AMBIGUOUS_METHOD;
  }
  if (!isMediated(message.method)) return undefined;
  if (message.kind === 'notification') {
    return gatewayError(RPC_CODES.invalidRequest, 'invalid_request', 'this method needs an id');
  }
  const mediation = mediationOf(message.method, message.params);
  return mediation ?? INVALID_PARAMS;
}

/**
 * Where all that is forwarded goes, in one request. Of a batch whose members may not go to one and the same upstream, the
 * operations are denied.
 */
function sentTogether(
  gateway: GatewayContext,
  rulings: readonly Ruling[],
): {
  readonly together: readonly Ruling[];
  readonly upstreams: readonly NamedUpstream[];
} {
  const choices = (given: readonly Ruling[]): (readonly NamedUpstream[])[] => {
    const chosen: (readonly NamedUpstream[])[] = [];
    for (const ruling of given) if (ruling.kind === 'forward') chosen.push(ruling.upstreams);
    return chosen;
  };
  const upstreams = inCommon(choices(rulings));
  if (upstreams.length > 0) return { together: rulings, upstreams };
  const together = rulings.map((ruling): Ruling => {
    if (ruling.kind !== 'forward' || ruling.decision === undefined || ruling.pending === undefined) return ruling;
    const operation = ruling.pending.mediated?.operation;
    if (operation === undefined) return ruling;
    const decision = gateway.decider.overrule(operation, ruling.decision, NONE_IN_COMMON);
    return { kind: 'deny', request: requestOf(ruling.pending), decision };
  });
  return { together, upstreams: inCommon(choices(together)) };
}

/** Registers what is about to be sent; a request whose id still waits for a response is refused. */
async function openRequests(
  gateway: GatewayContext,
  session: GatewaySession,
  rulings: readonly Ruling[],
): Promise<readonly Ruling[]> {
  return Promise.all(
    rulings.map(async (ruling) => {
      if (ruling.kind !== 'forward' || ruling.pending === undefined) return ruling;
      noteUpstream(ruling.pending, session.upstream);
      if (await gateway.requests.open(session.id, ruling.pending)) return ruling;
      return { kind: 'refuse', request: requestOf(ruling.pending), error: ID_IN_USE };
    }),
  );
}

/** A task is fetched where it was begun. */
function noteUpstream({ mediated }: PendingRequest, upstream: string): void {
  if (mediated !== undefined) mediated.upstream = upstream;
}

function requestOf(pending: PendingRequest): ClientRequest {
  const { id, idText, method } = pending;
  return { kind: 'request', id, idText, method, params: undefined, span: { start: 0, end: 0 } };
}

/** What goes upstream: the bytes as they came when nothing was changed or kept back. */
function payload(
  body: ClientBody,
  forwarded: readonly Extract<Ruling, { kind: 'forward' }>[],
  total: number,
): string | Buffer {
  const untouched = forwarded.length === total && forwarded.every((ruling) => !ruling.rewritten);
  if (untouched) return body.bytes;
  const texts = forwarded.map((ruling) => ruling.text);
  return body.batch ? `[${texts.join(',')}]` : (texts[0] ?? '');
}

function answerHere(exchange: Exchange, body: ClientBody, answered: readonly Ruling[]): void {
  const [only] = answered;
  if (body.batch || only === undefined) {
    return answer(exchange, 200, ['content-type', 'application/json'], `[${answered.map(answerText).join(',')}]`);
  }
  if (only.kind === 'deny') {
    return answerHttp(exchange, denialAnswer(only.decision, only.request.idText, only.response));
  }
  if (only.kind === 'refuse')
    answerError(exchange, ANSWERS.has(only.error.code) ? 200 : 400, only.error, only.request.idText);
}

function answerText(ruling: Ruling): string {
  if (ruling.kind === 'forward') return '';
  const error = ruling.kind === 'deny' ? denialError(ruling.decision) : ruling.error;
  return errorResponse(ruling.request.idText, error);
}

function paramsOf({ messages: [first] }: ClientBody): JsonObject | undefined {
  return first?.kind === 'request' ? first.params : undefined;
}

function initializes(body: ClientBody): boolean {
  const [first] = body.messages;
  return first?.kind === 'request' && first.method === 'initialize';
}

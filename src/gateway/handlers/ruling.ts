import type { Decision, Violation } from '../../engine/decision.ts';
import { isTruthyHeader } from '../../engine/attributes.ts';
import type { Operation } from '../../engine/operation.ts';
import { extensionsOf } from './caller.ts';
import type { Caller } from './caller.ts';
import type { ClientBody, ClientMessage, ClientRequest } from '../protocol/client-message.ts';
import { entityNote, noteDecision } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import { decidedHeaders } from '../upstream/forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { isJsonObject } from '../json/json-value.ts';
import { isListMethod } from '../protocol/list-methods.ts';
import { withArguments } from '../protocol/mediation.ts';
import type { Mediation } from '../protocol/mediation.ts';
import type { MediatedRequest, PendingRequest } from '../sessions/pending-requests.ts';
import { enterRound } from './question-round.ts';
import { pendingResponse } from '../protocol/pending-response.ts';
import { withRound } from '../protocol/request-state.ts';
import { RPC_CODES, gatewayError, violationError } from '../protocol/rpc-error.ts';
import type { RpcError } from '../protocol/rpc-error.ts';
import { offerHandle, sessionHintsOf, withoutHandle } from './session-handle.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import { changedHeaders } from '../protocol/standard-headers.ts';
import { asksForTask, fetchedBy, taskIdOf, unknownTask } from './task-request.ts';
import { NONE_ADMITTED, isViolation, undecidedUpstreams, upstreamsFor } from './upstream-choice.ts';
import type { NamedUpstream } from '../upstream/upstream-set.ts';

/** One message of a body, and who sends it. */
export interface Plan {
  readonly message: ClientMessage;
  readonly mediation: Mediation | undefined;
  readonly caller: Caller;
}

/** What becomes of one message: it goes upstream as `text`, or it is answered here. */
export type Ruling =
  | {
      readonly kind: 'forward';
      readonly text: string;
      readonly rewritten: boolean;
      /** Headers that differ from the client's because of this message. */
      readonly headers: ReadonlyMap<string, string | undefined>;
      readonly pending: PendingRequest | undefined;
      /** Where it may go, best first; never empty. */
      readonly upstreams: readonly NamedUpstream[];
      /** The decision that allowed it; undefined for what policy does not decide on. */
      readonly decision: Decision | undefined;
    }
  | {
      readonly kind: 'deny';
      readonly request: ClientRequest;
      readonly decision: Decision;
      /** The response where the protocol has its own for a suspended operation. */
      readonly response?: string | undefined;
    }
  | { readonly kind: 'refuse'; readonly request: ClientRequest; readonly error: RpcError };

export const NO_CHANGES: ReadonlyMap<string, string | undefined> = new Map();
const TASKS = 'tasks/';

const DELEGATION_IN_BATCH: Violation = {
  code: 'gateway.delegation_in_batch',
  reason: 'this operation needs headers of its own: send it alone',
  details: {},
};
const ARGUMENTS_UNWRITABLE: Violation = {
  code: 'gateway.arguments_unwritable',
  reason: 'the changed arguments have no place in the request',
  details: {},
};

const NOTHING_PENDING: RpcError = {
  code: RPC_CODES.approved,
  message: 'nobody is to be asked: send the request again without peeking',
  data: {},
};

const INVALID_STATE = gatewayError(
  RPC_CODES.invalidParams,
  'invalid_request_state',
  'the request state is not as it was given',
);

/** Decides what becomes of one message. The handle of its session stays here. */
export function rule(
  gateway: GatewayContext,
  exchange: Exchange,
  plan: Plan,
  body: ClientBody,
  session: GatewaySession | undefined,
): Promise<Ruling> {
  const ruling = decide(gateway, exchange, plan, body, session);
  const key = gateway.engine.handleNames?.meta;
  return key === undefined ? ruling : ruling.then((decided) => keepingHandle(decided, key));
}

function keepingHandle(ruling: Ruling, key: string): Ruling {
  if (ruling.kind !== 'forward') return ruling;
  const text = withoutHandle(ruling.text, key);
  return text === ruling.text ? ruling : { ...ruling, text, rewritten: true };
}

async function decide(
  gateway: GatewayContext,
  exchange: Exchange,
  plan: Plan,
  body: ClientBody,
  session: GatewaySession | undefined,
): Promise<Ruling> {
  const { message, mediation, caller } = plan;
  const { start, end } = message.span;
  const text = body.text.slice(start, end);
  const asItCame = { kind: 'forward', text, rewritten: false, headers: NO_CHANGES, decision: undefined } as const;
  if (message.kind !== 'request') {
    return { ...asItCame, pending: undefined, upstreams: undecidedUpstreams(gateway, caller, session) };
  }
  const { id, idText, method } = message;
  const scope = session?.id ?? caller.principal;
  if (mediation === undefined) {
    const task = method.startsWith(TASKS) ? await findTask(gateway, message, scope) : undefined;
    const upstreams = undecidedUpstreams(gateway, caller, session, task);
    if (!asksForTask(method)) {
      if (upstreams.length === 0) return { kind: 'refuse', request: message, error: violationError(NONE_ADMITTED) };
      return { ...asItCame, pending: { id, idText, method, ...listingOf(gateway, method, caller) }, upstreams };
    }
    if (task === undefined || upstreams.length === 0) {
      return { kind: 'refuse', request: message, error: unknownTask(message) };
    }
    return { ...asItCame, pending: { id, idText, method, mediated: task }, upstreams };
  }

  const { entity, args } = mediation;
  const round = body.batch ? undefined : enterRound(gateway, exchange, message, text, session);
  if (round === 'malformed') return { kind: 'refuse', request: message, error: INVALID_STATE };
  const names = gateway.engine.handleNames;
  const sessionHints = sessionHintsOf(names, exchange, message.params);
  const operation: Operation = {
    id: body.batch ? `${exchange.id}-${idText}` : exchange.id,
    entity,
    args,
    extensions: extensionsOf(gateway, exchange, caller, entity, session),
    ...(sessionHints === undefined ? {} : { sessionHints }),
    ...(round === undefined ? {} : { elicitation: round.elicitation }),
    credentials: caller.identity.credentials,
  };
  exchange.note.entity = entityNote(entity);
  const decision = await gateway.decider.pre(operation);
  noteDecision(exchange, decision);
  offerHandle(names, exchange, decision.handle);
  if (decision.decision !== 'allow') {
    return { kind: 'deny', request: message, decision, response: round && pendingResponse(round, decision, idText) };
  }
  const unsent = (violation: Violation): Ruling => {
    gateway.decider.overrule(operation, decision, violation);
    const { code, reason } = violation;
    return { kind: 'refuse', request: message, error: { code: RPC_CODES.denied, message: reason, data: { code } } };
  };
  if (isPeek(exchange)) return { kind: 'refuse', request: message, error: NOTHING_PENDING };
  const upstreams = upstreamsFor(gateway, session, decision.constraint);
  if (isViolation(upstreams)) {
    const denied = gateway.decider.overrule(operation, decision, upstreams);
    noteDecision(exchange, denied);
    return { kind: 'deny', request: message, decision: denied };
  }
  const pending: PendingRequest = {
    id,
    idText,
    method,
    mediated: { method: mediation.method, operation, decision, scope, nested: false, ...(round && { round }) },
  };
  if (body.batch && (decision.delegatedTokens !== undefined || decision.headers !== undefined)) {
    // The headers of a batch reach all of its members, and each may use only those that were made for it.
    return unsent(DELEGATION_IN_BATCH);
  }
  if (!decision.modified.args) {
    const headers = decidedHeaders(decision, new Map());
    const sent = round?.own === undefined ? text : withRound(text, round.own.upstream);
    return { kind: 'forward', text: sent, rewritten: sent !== text, headers, pending, upstreams, decision };
  }
  const after = decision.args;
  const rewritten = isJsonObject(after) ? withArguments(body, message, mediation, after) : undefined;
  if (!isJsonObject(after) || rewritten === undefined) {
    return unsent(ARGUMENTS_UNWRITABLE);
  }
  const uri = after['uri'];
  const name = mediation.method === 'resources/read' && typeof uri === 'string' ? uri : entity.name;
  const changed = changedHeaders(exchange.request.headers, name, args, after);
  const headers = decidedHeaders(decision, changed);
  const sent = round?.own === undefined ? rewritten : withRound(rewritten, round.own.upstream);
  return { kind: 'forward', text: sent, rewritten: true, headers, pending, upstreams, decision };
}

/** The operation that became the task which a request is about; undefined when nobody in `scope` began one. */
async function findTask(
  gateway: GatewayContext,
  request: ClientRequest,
  scope: string,
): Promise<MediatedRequest | undefined> {
  const taskId = taskIdOf(request);
  const task = taskId === undefined ? undefined : await gateway.tasks.find(scope, taskId);
  return task && fetchedBy(request.method, task);
}

function listingOf(gateway: GatewayContext, method: string, { identity }: Caller): Pick<PendingRequest, 'listing'> {
  if (!gateway.filterLists || !isListMethod(method)) return {};
  return { listing: { method, extensions: identity.extensions } };
}

/** Whoever peeks wants nothing to be executed, whatever the decision. */
function isPeek({ request }: Exchange): boolean {
  const peek = request.headers['x-policy-elicitation-peek'];
  return peek !== undefined && isTruthyHeader(peek);
}

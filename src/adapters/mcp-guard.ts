import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { JsonObject, JsonValue, Operation } from '../engine/operation.ts';
import { HTTP_ENTITY, identifyCaller, mcpSlot, principalOf } from '../gateway/handlers/caller.ts';
import { isRequestId } from '../gateway/protocol/client-message.ts';
import type { RequestId } from '../gateway/protocol/client-message.ts';
import { denialError } from '../gateway/protocol/denial.ts';
import { isJsonObject, ownValue } from '../gateway/json/json-value.ts';
import { isMediated, mediationOf, resemblesMediated } from '../gateway/protocol/mediation.ts';
import type { Mediation } from '../gateway/protocol/mediation.ts';
import type { MediatedRequest, PendingRequest } from '../gateway/sessions/pending-requests.ts';
import { AMBIGUOUS_METHOD, ID_IN_USE, INVALID_PARAMS, RPC_CODES } from '../gateway/protocol/rpc-error.ts';
import type { RpcError } from '../gateway/protocol/rpc-error.ts';
import { screenText, tellsTaskResult } from '../gateway/handlers/screen.ts';
import { sessionHintsOf } from '../gateway/handlers/session-handle.ts';
import type { LocalTaskLedger } from '../gateway/sessions/task-ledger.ts';
import { asksForTask, fetchedBy, taskIdOf, unknownTask } from '../gateway/handlers/task-request.ts';
import type { AdapterHost, AdapterOptions } from './adapter-host.ts';
import type { RequestPolicy } from './http-guard.ts';
import { isJsonData } from './json-data.ts';
import { authenticatedClient, credentialHeadersOf, httpOf, requestInfoOf } from './mcp-request.ts';
import type { McpRequestInfo } from './mcp-request.ts';
import type { McpTransport, SendRaw, TransportGuard } from './mcp-transport.ts';

export interface McpGuardContext {
  readonly host: AdapterHost;
  readonly tasks: LocalTaskLedger;
  readonly options: AdapterOptions<McpRequestInfo>;
  readonly transport: McpTransport;
  readonly send: SendRaw;
  /** Whether the server is still connected to the transport. */
  readonly connected: () => boolean;
}

/** What becomes of a request of the client. */
type Ruled =
  | { readonly kind: 'refuse'; readonly error: RpcError }
  | {
      readonly kind: 'deliver';
      readonly message: JsonObject;
      readonly mediated: MediatedRequest;
      policy?: RequestPolicy;
    };

/** A request without a response, which it may have once it was `delivered`. */
interface Waiting {
  readonly request: PendingRequest;
  readonly state: 'deciding' | 'delivered' | 'cancelled';
}

/** So many cancelled requests are remembered, so that a late response is not taken for that of another with their id. */
const MAX_CANCELLED = 1024;

const FAILURE: RpcError = {
  code: RPC_CODES.denied,
  message: 'the decision failed',
  data: { violation: 'gateway.engine_failure', reason: 'the decision failed', details: {} },
};
const UNWRITABLE: RpcError = {
  code: RPC_CODES.denied,
  message: 'the changed arguments have no place in the request',
  data: {
    violation: 'gateway.arguments_unwritable',
    reason: 'the changed arguments have no place in the request',
    details: {},
  },
};

/** What policy found out about the request that a handler is serving. */
export const currentRequest = new AsyncLocalStorage<RequestPolicy>();

/** Decides what passes between one transport and its server. What is no mediated request passes at once, in its order. */
export function createMcpGuard(context: McpGuardContext): TransportGuard {
  const { host, send } = context;
  const waiting = new Map<RequestId, Waiting>();
  const cancelled: RequestId[] = [];

  const refuse = (id: RequestId, error: RpcError): void => {
    send({ jsonrpc: '2.0', id, error: { ...error } }).catch((cause: unknown) =>
      host.telemetry.error('a refusal could not be sent', cause),
    );
  };
  const drop = (): undefined => {
    host.alarm({ alarm: 'adapter_message_dropped' });
    return undefined;
  };
  const cancel = (id: RequestId): void => {
    const found = waiting.get(id);
    if (found === undefined || found.state === 'cancelled') return;
    waiting.set(id, { ...found, state: 'cancelled' });
    cancelled.push(id);
    const [oldest] = cancelled;
    if (cancelled.length <= MAX_CANCELLED || oldest === undefined) return;
    cancelled.shift();
    waiting.delete(oldest);
  };
  const admit = async (
    request: PendingRequest,
    message: JsonObject,
    extra: unknown,
    deliver: (message: JsonObject) => void,
  ): Promise<void> => {
    const undecided: Waiting = { request, state: 'deciding' };
    waiting.set(request.id, undecided);
    let ruled: Ruled;
    try {
      ruled = await rule(context, request, message, extra);
    } catch (error) {
      host.telemetry.error('the request could not be decided', error);
      ruled = { kind: 'refuse', error: FAILURE };
    }
    // Cancelled, or the connection is gone: nobody waits for it any more.
    if (waiting.get(request.id) !== undecided || !context.connected()) return;
    if (ruled.kind === 'refuse') {
      waiting.delete(request.id);
      return refuse(request.id, ruled.error);
    }
    const { message: passed, mediated, policy } = ruled;
    waiting.set(request.id, { request: { ...request, mediated }, state: 'delivered' });
    if (policy === undefined) deliver(passed);
    else currentRequest.run(policy, () => deliver(passed));
  };

  return {
    receive(message, extra, deliver) {
      const method = ownValue(message, 'method');
      if (typeof method !== 'string') return deliver(message);
      const id = ownValue(message, 'id');
      if (id === undefined) {
        if (isMediated(method) || resemblesMediated(method)) return;
        if (method !== 'notifications/cancelled') return deliver(message);
        const cancelledId = cancelledRequest(message);
        if (cancelledId === undefined) return;
        cancel(cancelledId);
        return deliver(message);
      }
      if (!isRequestId(id)) return;
      if (waiting.has(id)) return refuse(id, ID_IN_USE);
      if (resemblesMediated(method)) return refuse(id, AMBIGUOUS_METHOD);
      const request: PendingRequest = { id, idText: JSON.stringify(id), method };
      if (isMediated(method) || asksForTask(method)) {
        admit(request, message, extra, deliver).catch((error: unknown) => {
          host.telemetry.error('the request could not be passed on', error);
          waiting.delete(id);
          refuse(id, FAILURE);
        });
        return;
      }
      waiting.set(id, { request, state: 'delivered' });
      deliver(message);
    },

    screen(message) {
      if (Object.hasOwn(message, 'method')) return tellsTaskResult(message) ? drop() : message;
      const id = ownValue(message, 'id');
      const found = isRequestId(id) ? waiting.get(id) : undefined;
      if (!isRequestId(id) || found?.state !== 'delivered') return drop();
      waiting.delete(id);
      const { request } = found;
      return request.mediated === undefined ? message : screenResponse(context, request, message);
    },
  };
}

/** What is decided is the text that would leave, whatever objects the handler made it of. */
async function screenResponse(
  { host, tasks }: McpGuardContext,
  request: PendingRequest,
  response: JsonObject,
): Promise<JsonObject> {
  try {
    const screening = { decider: host.decider, engine: host.engine, tasks };
    const screened = await screenText(JSON.stringify(response), () => request, screening);
    const decided: unknown = JSON.parse(screened?.messages[0]?.text ?? '');
    if (isJsonObject(decided)) return decided;
  } catch (error) {
    host.telemetry.error('the response could not be decided', error);
  }
  return { jsonrpc: '2.0', id: request.id, error: { ...FAILURE } };
}

async function rule(
  context: McpGuardContext,
  request: PendingRequest,
  message: JsonObject,
  extra: unknown,
): Promise<Ruled> {
  const { host, options, transport } = context;
  const params = ownValue(message, 'params');
  const mediation = isMediated(request.method)
    ? mediationOf(request.method, isJsonObject(params) ? params : undefined)
    : undefined;
  if (isMediated(request.method) && (mediation === undefined || !isJsonData(mediation.args))) {
    return { kind: 'refuse', error: INVALID_PARAMS };
  }
  const entity = mediation?.entity ?? HTTP_ENTITY;
  const id = randomUUID();
  const info = requestInfoOf(entity, extra, transport.sessionId);
  const caller = await identifyCaller(host, { id, request: { headers: credentialHeadersOf(info) } }, entity);
  if ('code' in caller) {
    const data = { violation: caller.code, reason: caller.reason, details: {} };
    return { kind: 'refuse', error: { code: RPC_CODES.denied, message: 'not authenticated', data } };
  }
  const known = {
    ...authenticatedClient(info),
    ...(await options.extensions?.(info)),
    ...caller.identity.extensions,
  };
  const scope = info.sessionId ?? principalOf(known);
  if (mediation === undefined) {
    const asked = { method: request.method, params: isJsonObject(params) ? params : undefined };
    const taskId = taskIdOf(asked);
    const task = taskId === undefined ? undefined : context.tasks.find(scope, taskId);
    if (task === undefined) return { kind: 'refuse', error: unknownTask(asked) };
    return { kind: 'deliver', message, mediated: fetchedBy(asked.method, task) };
  }

  const http = httpOf(extra, info, caller, host.engine);
  const carried = { request: { headers: info.headers } };
  const sessionHints = sessionHintsOf(host.engine.handleNames, carried, isJsonObject(params) ? params : undefined);
  const mcp = mcpSlot(entity);
  const operation: Operation = {
    id,
    entity,
    args: mediation.args,
    extensions: {
      ...known,
      ...(info.sessionId === undefined ? undefined : { agent: { session_id: info.sessionId, ...known.agent } }),
      ...(http === undefined ? undefined : { http }),
      ...(mcp === undefined ? undefined : { mcp }),
    },
    ...(sessionHints === undefined ? undefined : { sessionHints }),
    credentials: caller.identity.credentials,
  };
  const decision = await host.decider.pre(operation);
  if (decision.decision !== 'allow') return { kind: 'refuse', error: denialError(decision) };
  const passed = decision.modified.args ? withArguments(message, mediation, decision.args) : message;
  if (passed === undefined) return { kind: 'refuse', error: UNWRITABLE };
  return {
    kind: 'deliver',
    message: passed,
    mediated: { method: mediation.method, operation, scope, nested: false },
    policy: { entity, identity: caller.identity.extensions, decision },
  };
}

/** The request with the arguments that policy made of them; undefined when they have no place in it. */
function withArguments(message: JsonObject, mediation: Mediation, args: JsonValue | undefined): JsonObject | undefined {
  const params = ownValue(message, 'params');
  if (!isJsonObject(params) || !isJsonObject(args)) return undefined;
  if (mediation.method !== 'resources/read') return { ...message, params: { ...params, arguments: args } };
  const uri = args['uri'];
  if (typeof uri !== 'string' || Object.keys(args).length !== 1) return undefined;
  return { ...message, params: { ...params, uri } };
}

/** Whose end a notification asks for; undefined for one that a server would not heed. */
function cancelledRequest(notification: JsonObject): RequestId | undefined {
  const params = ownValue(notification, 'params');
  if (!isJsonObject(params)) return undefined;
  const id = ownValue(params, 'requestId');
  const reason = ownValue(params, 'reason');
  return isRequestId(id) && (reason === undefined || typeof reason === 'string') ? id : undefined;
}

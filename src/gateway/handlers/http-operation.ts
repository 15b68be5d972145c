import type { Operation } from '../../engine/operation.ts';
import { HTTP_ENTITY, answerUnauthenticated, extensionsOf, identifyCaller, withheldHeaders } from './caller.ts';
import { httpDenialAnswer } from '../protocol/denial.ts';
import { ClientGoneError, answerError, answerHttp, noteDecision, write } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import { decidedHeaders, requestHeaders, responseHeaders } from '../upstream/forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { findJsonFault } from '../json/json-scan.ts';
import { isMediated } from '../protocol/mediation.ts';
import { readBody } from '../http/request-body.ts';
import { RPC_CODES, gatewayError } from '../protocol/rpc-error.ts';
import { offerHandle, sessionHintsOf } from './session-handle.ts';
import { sendUpstream } from './send-upstream.ts';
import { answerFailure, upstreamFailure } from './upstream-answer.ts';
import { isViolation, upstreamsFor } from './upstream-choice.ts';

const UNMEDIATED = gatewayError(
  RPC_CODES.invalidRequest,
  'unmediated_operation',
  'this operation is served on the MCP endpoint only',
);

/**
 * Serves a request that is not MCP: the global policy decides, and what it allows goes upstream as it is. A body that
 * asks for a mediated operation does not: an upstream that serves MCP elsewhere too would run it undecided.
 */
export async function serveHttp(gateway: GatewayContext, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const body = await readBody(request, gateway.limits.maxBodyBytes);
  if (body === 'aborted') return;
  if (body === 'too-large') {
    const error = gatewayError(RPC_CODES.invalidRequest, 'body_too_large', 'the body is too large');
    return answerError(exchange, 413, error, undefined, ['connection', 'close']);
  }
  if (body.length > 0 && request.headers['content-encoding'] !== undefined) {
    const error = gatewayError(RPC_CODES.invalidRequest, 'unsupported_media_type', 'the body must not be encoded');
    return answerError(exchange, 415, error);
  }
  if (asksForOperation(body)) return answerError(exchange, 403, UNMEDIATED);

  const caller = await identifyCaller(gateway, exchange, HTTP_ENTITY);
  if ('code' in caller) return answerUnauthenticated(gateway, exchange, caller);
  const names = gateway.engine.handleNames;
  const sessionHints = sessionHintsOf(names, exchange, undefined);
  const operation: Operation = {
    id: exchange.id,
    entity: HTTP_ENTITY,
    extensions: extensionsOf(gateway, exchange, caller, HTTP_ENTITY, undefined),
    ...(sessionHints === undefined ? {} : { sessionHints }),
    credentials: caller.identity.credentials,
  };
  exchange.note.entity = 'http';
  const decision = await gateway.decider.pre(operation);
  noteDecision(exchange, decision);
  offerHandle(names, exchange, decision.handle);
  if (decision.decision !== 'allow') return answerHttp(exchange, httpDenialAnswer(decision));

  const upstreams = upstreamsFor(gateway, undefined, decision.constraint);
  if (isViolation(upstreams)) {
    const denied = gateway.decider.overrule(operation, decision, upstreams);
    noteDecision(exchange, denied);
    return answerHttp(exchange, httpDenialAnswer(denied));
  }
  const tokens = decision.delegatedTokens ?? [];
  try {
    const sent = await sendUpstream(gateway, exchange, upstreams, {
      method: request.method ?? 'GET',
      headers: requestHeaders(request, {
        withheld: withheldHeaders(gateway, [caller], tokens),
        changed: decidedHeaders(decision, new Map()),
        requestId: exchange.id,
        upstreamSessionId: undefined,
        identityEncoding: false,
      }),
      body: body.length === 0 ? null : body,
    });
    const { status, headers, body: answered } = sent.response;
    response.writeHead(status, [...responseHeaders(headers, undefined, false, names), 'x-request-id', exchange.id]);
    for (;;) {
      const chunk = await answered.next(gateway.limits.streamIdleMs);
      if (chunk === undefined) break;
      await write(response, chunk, gateway.limits.clientStallMs);
    }
    response.end();
  } catch (error) {
    if (error instanceof ClientGoneError) return;
    const failure = upstreamFailure(gateway, exchange, error);
    if (response.headersSent) response.destroy();
    else answerFailure(exchange, failure, undefined);
  }
}

/** Whether any JSON-RPC server could read a mediated request out of the body. */
function asksForOperation(body: Buffer): boolean {
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  const start = text.trimStart()[0];
  if (start !== '{' && start !== '[') return false;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A lenient parser may make something of it all the same.
    return /tools\\?\/call|prompts\\?\/get|resources\\?\/read/i.test(text);
  }
  const members: unknown[] = Array.isArray(value) ? value : [value];
  const methods = members.flatMap((member) =>
    typeof member === 'object' && member !== null
      ? Object.entries(member).filter(([key]) => key.toLowerCase() === 'method')
      : [],
  );
  if (methods.length === 0) return false;
  return (
    findJsonFault(text) !== undefined || methods.some(([, method]) => typeof method === 'string' && isMediated(method))
  );
}

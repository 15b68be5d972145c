import { HTTP_ENTITY, answerUnauthenticated, identifyCaller, withheldHeaders } from './caller.ts';
import type { Caller } from './caller.ts';
import { EventTooLargeError } from '../protocol/event-stream.ts';
import { ClientGoneError, answer, answerError } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import { requestHeaders, responseHeaders } from '../upstream/forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { relayEvents } from './relay-events.ts';
import { mediaType } from './relay.ts';
import type { FindRequest } from './screen.ts';
import { violationError } from '../protocol/rpc-error.ts';
import { sendUpstream } from './send-upstream.ts';
import { endSession, findSession } from './session-access.ts';
import { sessionName } from '../sessions/session-table.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import { INVALID_RESPONSE, answerFailure, statusFailure, upstreamFailure } from './upstream-answer.ts';
import { NONE_ADMITTED, undecidedUpstreams } from './upstream-choice.ts';
import type { NamedUpstream } from '../upstream/upstream-set.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';

const NO_CHANGES: ReadonlyMap<string, string | undefined> = new Map();
const MAX_REFUSAL_BYTES = 65_536;

/**
 * Serves a GET on the MCP endpoint: a stream of the server's own messages. A response on it, replayed to a client that
 * resumes, is decided as the operation of the session that it answers. Source: MCP Streamable HTTP, listening for
 * messages; resumability.
 */
export async function serveStream(gateway: GatewayContext, exchange: Exchange): Promise<void> {
  const entered = await enter(gateway, exchange);
  if (entered === undefined) return;
  const { session } = entered;
  let response: UpstreamResponse;
  try {
    response = await send(gateway, exchange, 'GET', entered);
    if (response.status < 200 || response.status >= 300)
      return await relayRefusal(gateway, exchange, response, session);
    if (!isEventStream(response)) throw new UpstreamError('invalid', true);
  } catch (error) {
    return answerFailure(exchange, upstreamFailure(gateway, exchange, error), undefined);
  }
  const find: FindRequest = (id) =>
    id === null || session === undefined ? undefined : gateway.requests.find(session.id, id);
  exchange.response.writeHead(response.status, [
    ...responseHeaders(response.headers, session?.id, true, gateway.engine.handleNames),
    'x-request-id',
    exchange.id,
  ]);
  exchange.response.flushHeaders();
  const close = session && gateway.sessionStreams.add(sessionName(session.id), exchange.response);
  gateway.telemetry.openStreams(1);
  try {
    await relayEvents(gateway, exchange, response, find, (_, screened) => {
      for (const { request } of screened?.messages ?? []) {
        if (request !== undefined && session !== undefined) gateway.requests.settle(session.id, request.id, true);
      }
    });
  } catch (error) {
    if (error instanceof ClientGoneError) return;
    if (error instanceof EventTooLargeError) gateway.telemetry.upstreamError(exchange.note.upstream ?? '', 'too-large');
    else upstreamFailure(gateway, exchange, error);
  } finally {
    close?.();
    gateway.telemetry.openStreams(-1);
    exchange.response.end();
  }
}

/** Serves a DELETE on the MCP endpoint: ends the session here and upstream. */
export async function serveEnd(gateway: GatewayContext, exchange: Exchange): Promise<void> {
  const entered = await enter(gateway, exchange);
  if (entered === undefined) return;
  const { session } = entered;
  // First here: from now on no replica serves it, whatever the upstream does.
  if (session !== undefined) await endSession(gateway, session);
  let failure = INVALID_RESPONSE;
  try {
    const response = await send(gateway, exchange, 'DELETE', entered);
    const refused = response.status >= 400;
    if (refused && session === undefined) return await relayRefusal(gateway, exchange, response, undefined);
    await response.body.collect(MAX_REFUSAL_BYTES, gateway.limits.upstreamBodyMs);
    // A server that does not let clients end sessions says 405; here the session is over all the same.
    return answer(exchange, refused ? 204 : response.status, [], '');
  } catch (error) {
    failure = upstreamFailure(gateway, exchange, error);
  }
  answerFailure(exchange, failure, undefined);
}

interface Entered {
  readonly caller: Caller;
  readonly session: GatewaySession | undefined;
  readonly upstreams: readonly NamedUpstream[];
}

async function enter(gateway: GatewayContext, exchange: Exchange): Promise<Entered | undefined> {
  const caller = await identifyCaller(gateway, exchange, HTTP_ENTITY);
  if ('code' in caller) {
    answerUnauthenticated(gateway, exchange, caller);
    return undefined;
  }
  const session = await findSession(gateway, exchange, [caller]);
  if (session === 'refused') return undefined;
  const upstreams = undecidedUpstreams(gateway, caller, session);
  if (upstreams.length > 0) return { caller, session, upstreams };
  answerError(exchange, 403, violationError(NONE_ADMITTED));
  return undefined;
}

async function send(
  gateway: GatewayContext,
  exchange: Exchange,
  method: string,
  entered: Entered,
): Promise<UpstreamResponse> {
  const { response } = await sendUpstream(gateway, exchange, entered.upstreams, {
    method,
    headers: requestHeaders(exchange.request, {
      withheld: withheldHeaders(gateway, [entered.caller], []),
      changed: NO_CHANGES,
      requestId: exchange.id,
      upstreamSessionId: entered.session?.upstreamId,
      identityEncoding: true,
    }),
    body: null,
  });
  return response;
}

async function relayRefusal(
  gateway: GatewayContext,
  exchange: Exchange,
  response: UpstreamResponse,
  session: GatewaySession | undefined,
): Promise<void> {
  await response.body.collect(MAX_REFUSAL_BYTES, gateway.limits.upstreamBodyMs);
  if (response.status === 404 && session !== undefined) await endSession(gateway, session);
  const { allow } = response.headers;
  const failure = statusFailure(gateway, exchange, response.status);
  answerFailure(exchange, failure, undefined, typeof allow === 'string' ? ['allow', allow] : []);
}

function isEventStream(response: UpstreamResponse): boolean {
  const type = response.headers['content-type'];
  const encoding = response.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return false;
  return mediaType(type) === 'text/event-stream';
}

import { denialAnswer } from '../protocol/denial.ts';
import { answer, answerHttp } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import { responseHeaders } from '../upstream/forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { decode, mediaType, noteDenied, offerHandles, settle } from './relay.ts';
import type { Relay } from './relay.ts';
import { errorResponse } from '../protocol/rpc-error.ts';
import { screenText } from './screen.ts';
import { endSession } from './session-access.ts';
import { answerFailure, statusFailure } from './upstream-answer.ts';

const JSON_TYPE = 'application/json';
/** Of a refusal, which is never sent on as it is. */
const MAX_REFUSAL_BYTES = 65_536;

/**
 * A refusal keeps its status. Its body is sent on only when it is a JSON-RPC error that policy lets pass; other bodies
 * belong to whatever stands before the MCP server.
 */
export async function relayRefusal(gateway: GatewayContext, exchange: Exchange, relay: Relay): Promise<void> {
  const { response, pending, session } = relay;
  const { status, headers } = response;
  if (status === 404 && session !== undefined) {
    await endSession(gateway, session);
  }
  const bytes = await response.body.collect(MAX_REFUSAL_BYTES, gateway.limits.upstreamBodyMs);
  const [only] = pending;
  const kept = responseHeaders(headers, session?.id, true, gateway.engine.handleNames);
  const text = !relay.batch && mediaType(headers['content-type']) === JSON_TYPE ? decode(bytes) : undefined;
  if (text !== undefined && only !== undefined && status >= 400) {
    const screened = await screenText(text, (id) => (id === null || id === only.id ? only : undefined), gateway);
    const message = screened?.messages[0];
    if (screened?.batch === false && message?.request !== undefined && message.fault === undefined) {
      settle(gateway, relay, screened.messages, new Map());
      offerHandles(gateway, exchange, screened.messages);
      if (message.denied !== undefined) {
        noteDenied(exchange, message);
        return answerHttp(exchange, denialAnswer(message.denied, only.idText, message.response));
      }
      return answer(exchange, status, kept, message.text === text ? bytes : (message.text ?? ''));
    }
  }
  const retryAfter = headers['retry-after'];
  const challenge = headers['www-authenticate'];
  const passed: string[] = [];
  if (typeof retryAfter === 'string') passed.push('retry-after', retryAfter);
  if (status === 401 && typeof challenge === 'string') passed.push('www-authenticate', challenge);
  const failure = statusFailure(gateway, exchange, status);
  // A server error may stand for a server that goes on with the request.
  if (status < 500)
    settle(
      gateway,
      relay,
      pending.map((request) => ({ text: undefined, request })),
      new Map(),
    );
  if (!relay.batch) return answerFailure(exchange, failure, only?.idText, passed);
  const errors = pending.map((request) => errorResponse(request.idText, failure.error));
  answer(
    exchange,
    failure.status,
    ['content-type', JSON_TYPE, ...passed],
    `[${[...relay.answered, ...errors].join(',')}]`,
  );
}

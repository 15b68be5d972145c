import { parseJson } from '../../text/json.ts';
import { isJsonObject, ownValue } from '../json/json-value.ts';
import { denialAnswer } from '../protocol/denial.ts';
import { EventTooLargeError, hasEventId, messageEvent } from '../protocol/event-stream.ts';
import { ClientGoneError, answer, answerHttp, write } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import { responseHeaders } from '../upstream/forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { relayEvents } from './relay-events.ts';
import { relayRefusal } from './relay-refusal.ts';
import { decode, mediaType, noteDenied, offerHandles, report, settle } from './relay.ts';
import type { OpeningSession, Relay } from './relay.ts';
import { errorResponse } from '../protocol/rpc-error.ts';
import { invalidResponse, joinScreened, screenText } from './screen.ts';
import type { FindRequest, Screened } from './screen.ts';
import { storageFailure } from './storage-failure.ts';
import { INVALID_RESPONSE, upstreamFailure } from './upstream-answer.ts';
import { UpstreamError } from '../upstream/upstream.ts';

const EVENT_STREAM = 'text/event-stream';
const JSON_TYPE = 'application/json';
const MAX_VERSION_LENGTH = 64;

/** Sends on what the upstream answers to a POST, as far as policy allows. Rejects with `UpstreamError` as long as nothing was sent. */
export async function relayResponse(gateway: GatewayContext, exchange: Exchange, relay: Relay): Promise<void> {
  const { response, session } = relay;
  const { status, headers } = response;
  if (status < 200 || status >= 300) return relayRefusal(gateway, exchange, relay);
  const upstreamSessionId = headers['mcp-session-id'];
  const opening = typeof upstreamSessionId === 'string' ? relay.openSession?.(upstreamSessionId) : undefined;
  const kept = responseHeaders(headers, opening?.id ?? session?.id, true, gateway.engine.handleNames);
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new UpstreamError('invalid', true);
  const type = mediaType(headers['content-type']);
  if (type === EVENT_STREAM) return relayStream(gateway, exchange, relay, opening, kept);
  const bytes = await response.body.collect(gateway.limits.maxResponseBytes, gateway.limits.upstreamBodyMs);
  if (bytes.length === 0) return relayEmpty(exchange, relay, status, kept);
  if (type !== JSON_TYPE) throw new UpstreamError('invalid', true);
  await relayJson(gateway, exchange, relay, opening, bytes, kept);
}

async function relayStream(
  gateway: GatewayContext,
  exchange: Exchange,
  relay: Relay,
  opening: OpeningSession | undefined,
  headers: readonly string[],
): Promise<void> {
  const { limits } = gateway;
  const { response } = exchange;
  const waiting = new Map(relay.pending.map((request) => [request.id, request]));
  const find: FindRequest = (id) => (id === null ? undefined : waiting.get(id));
  let resumable = false;
  response.writeHead(relay.response.status, [...headers, 'x-request-id', exchange.id]);
  response.flushHeaders();
  for (const text of relay.answered) await write(response, messageEvent(text), limits.clientStallMs);

  let failure = INVALID_RESPONSE;
  try {
    await relayEvents(gateway, exchange, relay.response, find, async (event, screened) => {
      resumable ||= hasEventId(event);
      if (screened === undefined) return;
      await keepOpened(opening, screened.messages);
      settle(gateway, relay, screened.messages, waiting, resumable);
      for (const message of screened.messages) noteDenied(exchange, message);
    });
  } catch (error) {
    if (error instanceof ClientGoneError) throw error;
    failure =
      error instanceof EventTooLargeError
        ? INVALID_RESPONSE
        : (storageFailure(gateway, error) ?? upstreamFailure(gateway, exchange, error));
  }
  if (waiting.size > 0 && !(resumable && relay.session !== undefined)) {
    exchange.note.outcome = 'upstream_failure';
    for (const request of waiting.values()) {
      await write(response, messageEvent(errorResponse(request.idText, failure.error)), limits.clientStallMs);
    }
  }
  response.end();
}

async function relayJson(
  gateway: GatewayContext,
  exchange: Exchange,
  relay: Relay,
  opening: OpeningSession | undefined,
  bytes: Buffer,
  headers: readonly string[],
): Promise<void> {
  const { status } = relay.response;
  const waiting = new Map(relay.pending.map((request) => [request.id, request]));
  const text = decode(bytes);
  const screened =
    text === undefined
      ? undefined
      : await screenText(text, (id) => (id === null ? undefined : waiting.get(id)), gateway);
  if (screened === undefined) throw new UpstreamError('invalid', true);
  report(gateway, screened.messages);
  offerHandles(gateway, exchange, screened.messages);
  settle(gateway, relay, screened.messages, waiting);
  if (opening !== undefined) await keepOpened(opening, screened.messages);
  const [only] = screened.messages;
  if (!relay.batch && only?.denied !== undefined && only.request !== undefined) {
    noteDenied(exchange, only);
    return answerHttp(exchange, denialAnswer(only.denied, only.request.idText, only.response));
  }
  if (!relay.batch && waiting.size > 0) throw new UpstreamError('invalid', true);
  const missing = [...waiting.values()].map(invalidResponse);
  const extra = [...relay.answered, ...missing];
  if (screened.unchanged && extra.length === 0) return answer(exchange, status, headers, bytes);
  const rewritten = joinScreened(screened, extra);
  if (rewritten === undefined) return relayEmpty(exchange, relay, 202, headers);
  answer(exchange, status, headers, rewritten);
}

/** Stores the session once the response that opens it is about to be sent. */
async function keepOpened(opening: OpeningSession | undefined, messages: readonly Screened[]): Promise<void> {
  const response = messages.find(({ request }) => request?.method === 'initialize');
  if (response !== undefined) await opening?.keep(protocolVersionIn(response.text));
}

function protocolVersionIn(text: string | undefined): string | undefined {
  const message = text === undefined ? undefined : parseJson(text);
  const result = isJsonObject(message) ? ownValue(message, 'result') : undefined;
  const version = isJsonObject(result) ? ownValue(result, 'protocolVersion') : undefined;
  return typeof version === 'string' && version.length <= MAX_VERSION_LENGTH ? version : undefined;
}

/** A response without a body: right for notifications, wrong when a request waits. */
function relayEmpty(exchange: Exchange, relay: Relay, status: number, headers: readonly string[]): void {
  if (relay.pending.length > 0) throw new UpstreamError('invalid', true);
  if (relay.answered.length === 0) return answer(exchange, status, headers, '');
  answer(exchange, 200, ['content-type', JSON_TYPE], `[${relay.answered.join(',')}]`);
}

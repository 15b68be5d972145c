import type { PendingRequest } from './pending-requests.ts';
import { createEventReader, EventTooLargeError, hasEventId, messageEvent, withData } from './event-stream.ts';
import type { StreamEvent } from './event-stream.ts';
import { answer, answerHttp, ClientGoneError, write } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { responseHeaders } from './forwarded-headers.ts';
import type { GatewayContext } from './gateway-context.ts';
import { denialAnswer } from './denial.ts';
import type { RequestId } from './client-message.ts';
import { invalidResponse, screenText } from './screen.ts';
import type { FindRequest, Screened, ScreenedText } from './screen.ts';
import { endSession } from './session-access.ts';
import type { GatewaySession } from './session-table.ts';
import { INVALID_RESPONSE, answerFailure, statusFailure, upstreamFailure } from './upstream-answer.ts';
import { errorResponse } from './rpc-error.ts';
import { UpstreamError } from './upstream.ts';
import type { UpstreamResponse } from './upstream.ts';

/** A response to a POST, and what it is to be measured by. */
export interface Relay {
  readonly response: UpstreamResponse;
  /** Requests that went upstream with this POST. */
  readonly pending: readonly PendingRequest[];
  /** Responses that the gateway already has, of a batch. */
  readonly answered: readonly string[];
  readonly batch: boolean;
  readonly session: GatewaySession | undefined;
  /** Puts a session of the gateway before the upstream's; present when the POST may open one. */
  readonly openSession: ((upstreamId: string) => Promise<GatewaySession>) | undefined;
}

const EVENT_STREAM = 'text/event-stream';
const JSON_TYPE = 'application/json';
/** Of a refusal, which is never sent on as it is. */
const MAX_REFUSAL_BYTES = 65_536;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Sends on what the upstream answers to a POST, as far as policy allows. Rejects with `UpstreamError` as long as nothing was sent. */
export async function relayResponse(gateway: GatewayContext, exchange: Exchange, relay: Relay): Promise<void> {
  const { response, session } = relay;
  const { status, headers } = response;
  if (status < 200 || status >= 300) return relayRefusal(gateway, exchange, relay);
  const upstreamSessionId = headers['mcp-session-id'];
  const opened =
    relay.openSession !== undefined && typeof upstreamSessionId === 'string'
      ? await relay.openSession(upstreamSessionId)
      : session;
  const kept = responseHeaders(headers, opened?.id, true);
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new UpstreamError('invalid', true);
  const type = mediaType(headers['content-type']);
  if (type === EVENT_STREAM) return relayStream(gateway, exchange, relay, status, kept);
  const bytes = await response.body.collect(gateway.limits.maxResponseBytes, gateway.limits.upstreamBodyMs);
  if (bytes.length === 0) return relayEmpty(exchange, relay, status, kept);
  if (type !== JSON_TYPE) throw new UpstreamError('invalid', true);
  await relayJson(gateway, exchange, relay, bytes, status, kept);
}

/** Decides every event of a stream before it is sent on. Ends with the stream; rejects with `ClientGoneError`. */
export async function relayEvents(
  gateway: GatewayContext,
  exchange: Exchange,
  response: UpstreamResponse,
  find: FindRequest,
  onScreened: (event: StreamEvent, screened: ScreenedText | undefined) => void,
): Promise<void> {
  const { limits } = gateway;
  const reader = createEventReader(limits.maxEventBytes);
  for (;;) {
    const chunk = await response.body.next(limits.streamIdleMs);
    if (chunk === undefined) return;
    for (const event of reader.push(chunk)) {
      if (event.data === undefined || event.data === '') {
        onScreened(event, undefined);
        await write(exchange.response, event.raw, limits.clientStallMs);
        continue;
      }
      const screened = await screenText(event.data, find, gateway);
      if (screened === undefined) gateway.telemetry.upstreamError('invalid');
      else onScreened(event, screened);
      if (screened === undefined) continue;
      report(gateway, screened.messages);
      const text = screened.unchanged ? event.data : joined(screened, []);
      if (text === undefined) continue;
      await write(exchange.response, screened.unchanged ? event.raw : withData(event, text), limits.clientStallMs);
    }
  }
}

async function relayStream(
  gateway: GatewayContext,
  exchange: Exchange,
  relay: Relay,
  status: number,
  headers: readonly string[],
): Promise<void> {
  const { limits } = gateway;
  const { response } = exchange;
  const waiting = new Map(relay.pending.map((request) => [request.id, request]));
  const find: FindRequest = (id) => (id === null ? undefined : waiting.get(id));
  const ledger = relay.session === undefined ? undefined : gateway.ledger.ofSession(relay.session.id);
  let resumable = false;
  response.writeHead(status, [...headers, 'x-request-id', exchange.id]);
  response.flushHeaders();
  for (const text of relay.answered) await write(response, messageEvent(text), limits.clientStallMs);

  let failure = INVALID_RESPONSE;
  try {
    await relayEvents(gateway, exchange, relay.response, find, (event, screened) => {
      resumable ||= hasEventId(event);
      for (const message of screened?.messages ?? []) {
        if (message.request === undefined) continue;
        waiting.delete(message.request.id);
        ledger?.settle(message.request.id);
        noteDenied(exchange, message);
      }
    });
  } catch (error) {
    if (error instanceof ClientGoneError) throw error;
    failure = error instanceof EventTooLargeError ? INVALID_RESPONSE : upstreamFailure(gateway, error);
  }
  if (waiting.size > 0 && !(resumable && ledger !== undefined)) {
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
  bytes: Buffer,
  status: number,
  headers: readonly string[],
): Promise<void> {
  const waiting = new Map(relay.pending.map((request) => [request.id, request]));
  const text = decode(bytes);
  const screened =
    text === undefined
      ? undefined
      : await screenText(text, (id) => (id === null ? undefined : waiting.get(id)), gateway);
  if (screened === undefined) throw new UpstreamError('invalid', true);
  report(gateway, screened.messages);
  settle(gateway, relay, screened.messages, waiting);
  const [only] = screened.messages;
  if (!relay.batch && only?.denied !== undefined && only.request !== undefined) {
    noteDenied(exchange, only);
    return answerHttp(exchange, denialAnswer(only.denied, only.request.idText));
  }
  const missing = [...waiting.values()].map(invalidResponse);
  const extra = [...relay.answered, ...missing];
  if (screened.unchanged && extra.length === 0) return answer(exchange, status, headers, bytes);
  const rewritten = joined(screened, extra);
  if (rewritten === undefined) return relayEmpty(exchange, relay, 202, headers);
  answer(exchange, status, headers, rewritten);
}

/** A response without a body: right for notifications, wrong when a request waits. */
function relayEmpty(exchange: Exchange, relay: Relay, status: number, headers: readonly string[]): void {
  if (relay.pending.length > 0) throw new UpstreamError('invalid', true);
  if (relay.answered.length === 0) return answer(exchange, status, headers, '');
  answer(exchange, 200, ['content-type', JSON_TYPE], `[${relay.answered.join(',')}]`);
}

/**
 * A refusal keeps its status. Its body is sent on only when it is a JSON-RPC error that policy lets pass; other bodies
 * belong to whatever stands before the MCP server.
 */
async function relayRefusal(gateway: GatewayContext, exchange: Exchange, relay: Relay): Promise<void> {
  const { response, pending, session } = relay;
  const { status, headers } = response;
  if (status === 404 && session !== undefined) {
    await endSession(gateway, session);
  }
  const bytes = await response.body.collect(MAX_REFUSAL_BYTES, gateway.limits.upstreamBodyMs);
  const [only] = pending;
  const kept = responseHeaders(headers, session?.id, true);
  const text = !relay.batch && mediaType(headers['content-type']) === JSON_TYPE ? decode(bytes) : undefined;
  if (text !== undefined && only !== undefined && status >= 400) {
    const screened = await screenText(text, (id) => (id === null || id === only.id ? only : undefined), gateway);
    const message = screened?.messages[0];
    if (screened?.batch === false && message?.request !== undefined && message.fault === undefined) {
      settle(gateway, relay, screened.messages, new Map());
      if (message.denied !== undefined) {
        noteDenied(exchange, message);
        return answerHttp(exchange, denialAnswer(message.denied, only.idText));
      }
      return answer(exchange, status, kept, message.text === text ? bytes : (message.text ?? ''));
    }
  }
  const retryAfter = headers['retry-after'];
  const challenge = headers['www-authenticate'];
  const passed: string[] = [];
  if (typeof retryAfter === 'string') passed.push('retry-after', retryAfter);
  if (status === 401 && typeof challenge === 'string') passed.push('www-authenticate', challenge);
  const failure = statusFailure(gateway, status);
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

/** The messages that may be sent on, and `extra`, in the form they came in; undefined when there is none. */
function joined(screened: ScreenedText, extra: readonly string[]): string | undefined {
  const texts = screened.messages.flatMap((message) => (message.text === undefined ? [] : [message.text]));
  texts.push(...extra);
  if (texts.length === 0) return undefined;
  return screened.batch || texts.length > 1 ? `[${texts.join(',')}]` : texts[0];
}

function settle(
  gateway: GatewayContext,
  relay: Relay,
  messages: readonly Screened[],
  waiting: Map<RequestId, PendingRequest>,
): void {
  const ledger = relay.session === undefined ? undefined : gateway.ledger.ofSession(relay.session.id);
  for (const { request } of messages) {
    if (request === undefined) continue;
    waiting.delete(request.id);
    ledger?.settle(request.id);
  }
}

function report(gateway: GatewayContext, messages: readonly Screened[]): void {
  for (const { fault } of messages) {
    if (fault !== undefined) gateway.telemetry.alarm({ alarm: 'gateway_upstream_message_dropped', fault });
  }
}

function noteDenied(exchange: Exchange, message: Screened): void {
  if (message.denied === undefined) return;
  exchange.note.outcome = message.denied.decision;
  if (message.denied.violation !== null) exchange.note.code = message.denied.violation.code;
}

function mediaType(header: string | string[] | undefined): string {
  const text = typeof header === 'string' ? header : (header?.[0] ?? '');
  return (text.split(';')[0] ?? '').trim().toLowerCase();
}

function decode(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

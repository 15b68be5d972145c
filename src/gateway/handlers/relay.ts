import type { RequestId } from '../protocol/client-message.ts';
import { noteDecision } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { PendingRequest } from '../sessions/pending-requests.ts';
import type { Screened } from './screen.ts';
import { offerHandle } from './session-handle.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';

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
  readonly openSession: ((upstreamId: string) => OpeningSession) | undefined;
}

/** A session that begins when its client is told so. */
export interface OpeningSession {
  /** The client's `Mcp-Session-Id`. */
  readonly id: string;
  /** Stores the session. Rejects with `TransportStorageError`; the session is then ended at the upstream. */
  keep(protocolVersion: string | undefined): Promise<void>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Marks the requests that `messages` answer, here and in the session; `resumable` as for `RequestLedger.settle`. */
export function settle(
  gateway: GatewayContext,
  relay: Relay,
  messages: readonly Screened[],
  waiting: Map<RequestId, PendingRequest>,
  resumable = false,
): void {
  for (const { request } of messages) {
    if (request === undefined) continue;
    waiting.delete(request.id);
    if (relay.session !== undefined) gateway.requests.settle(relay.session.id, request.id, resumable);
  }
}

/** Raises an alarm for each message that a client may not see. */
export function report(gateway: GatewayContext, messages: readonly Screened[]): void {
  for (const { fault } of messages) {
    if (fault !== undefined) gateway.telemetry.alarm({ alarm: 'gateway_upstream_message_dropped', fault });
  }
}

/** Puts a denial into the request log. */
export function noteDenied(exchange: Exchange, message: Screened): void {
  if (message.denied !== undefined) noteDecision(exchange, message.denied);
}

/** Hands the client the latest handle among those of the messages. */
export function offerHandles({ engine }: GatewayContext, exchange: Exchange, messages: readonly Screened[]): void {
  for (const { handle } of messages) offerHandle(engine.handleNames, exchange, handle);
}

/** The type of a `content-type` header without its parameters, in lower case. */
export function mediaType(header: string | string[] | undefined): string {
  const text = typeof header === 'string' ? header : (header?.[0] ?? '');
  if (text === 'application/json') return text;
  return (text.split(';')[0] ?? '').trim().toLowerCase();
}

/** Undefined for bytes that are not UTF-8. */
export function decode(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

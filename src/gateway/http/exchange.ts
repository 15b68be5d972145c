import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Decision } from '../../engine/decision.ts';
import type { Entity } from '../../engine/operation.ts';
import { denialError } from '../protocol/denial.ts';
import type { HttpAnswer } from '../protocol/denial.ts';
import type { RequestTarget } from './request-target.ts';
import { NO_ID, errorResponse } from '../protocol/rpc-error.ts';
import type { IdText, RpcError } from '../protocol/rpc-error.ts';

/** One HTTP request on its way, past the checks of its authority and its target. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
  readonly target: RequestTarget;
  /** The validated host name. */
  readonly host: string;
  /** What the request log is to say; filled in on the way. */
  readonly note: ExchangeNote;
  /** Counts the request as one of the streams from now on, which end when the gateway closes; false when there are too many. */
  readonly becomeStream: () => boolean;
}

export interface ExchangeNote {
  rpcMethod?: string;
  entity?: string;
  outcome?: string;
  route?: string;
  code?: string;
  /** Code of the gateway's own JSON-RPC error. */
  rpcCode?: number;
  /** Name of the upstream that the request went to. */
  upstream?: string;
}

/** The client went away, or took too long to take in its answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

const JSON_TYPE: readonly string[] = ['content-type', 'application/json'];
const REQUEST_ID = /^[\w.-]{1,128}$/;

/** The id that the client gave its request when that is safe to write down, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Names an entity for the log: tools and prompts by name, resources by type alone since a URI may hold anything. */
export function entityNote(entity: Entity): string {
  return entity.type === 'tool' || entity.type === 'prompt' ? `${entity.type}:${entity.name}` : entity.type;
}

/** Puts a decision into the request log. */
export function noteDecision(exchange: Exchange, decision: Decision): void {
  exchange.note.outcome = decision.decision;
  if (decision.route !== undefined) exchange.note.route = decision.route;
  if (decision.violation !== null) exchange.note.code = decision.violation.code;
  if (decision.decision !== 'allow') exchange.note.rpcCode = denialError(decision).code;
}

/** Answers in full. `headers` holds names and values in turn. */
export function answer(exchange: Exchange, status: number, headers: readonly string[], body: string | Buffer): void {
  const { response } = exchange;
  if (response.headersSent || response.destroyed) return;
  const sent = [...headers, 'x-request-id', exchange.id];
  if (!mayHaveBody(exchange, status)) {
    response.writeHead(status, sent).end();
    return;
  }
  sent.push('content-length', String(Buffer.byteLength(body)));
  response.writeHead(status, sent).end(body);
}

export function answerError(
  exchange: Exchange,
  status: number,
  error: RpcError,
  idText: IdText = NO_ID,
  headers: readonly string[] = [],
): void {
  const code = error.data?.['code'] ?? error.data?.['violation'];
  if (typeof code === 'string') exchange.note.code = code;
  exchange.note.rpcCode = error.code;
  exchange.note.outcome ??= 'refused';
  answer(exchange, status, [...JSON_TYPE, ...headers], errorResponse(idText, error));
}

export function answerHttp(exchange: Exchange, given: HttpAnswer): void {
  answer(exchange, given.status, given.headers, given.body);
}

/** Writes and waits until the client took it in. Rejects with `ClientGoneError`. */
export async function write(response: ServerResponse, bytes: Buffer, stallMs: number): Promise<void> {
  if (response.destroyed || response.writableEnded) throw new ClientGoneError('the client is gone');
  if (response.write(bytes)) return;
  await new Promise<void>((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off('drain', done);
      response.off('close', done);
      if (response.destroyed) reject(new ClientGoneError('the client is gone'));
      else resolve();
    };
    const timer = setTimeout(() => response.destroy(), stallMs);
    response.once('drain', done);
    response.once('close', done);
  });
}

function mayHaveBody(exchange: Exchange, status: number): boolean {
  return exchange.request.method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '../engine/engine.ts';
import type { Question } from '../engine/elicitation/question.ts';
import type { StoreHealth } from '../session/label-store.ts';
import { receiveAnswer } from './http/receive-answer.ts';
import type { TransportStorage } from '../transport/transport-storage.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface AdminState {
  readonly engine: Engine;
  readonly telemetry: Telemetry;
  /** Storage of sessions that the engine knows nothing of. */
  readonly sessions: TransportStorage | undefined;
  /** Whether new requests are still taken. */
  readonly accepting: () => boolean;
  /** Hears of each answer that was taken here. */
  readonly onAnswered: (question: Question) => void;
}

const HEALTH_MS = 2_000;

const CALLBACK = /^\/elicitations\/([^/]+)$/;

/**
 * Serves `/healthz` (the process), `/readyz` (takes requests, stores answer) and `/metrics` (Prometheus text), and takes
 * answers to questions at `/elicitations/NAME`.
 */
export async function serveAdmin(state: AdminState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?');
  const channel = CALLBACK.exec(path)?.[1];
  if (channel !== undefined) {
    return receiveAnswer(state.engine.questions, channel, request, response, state.onAnswered);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'text/plain', '');
  switch (path) {
    case '/healthz':
      return send(response, 200, 'application/json', '{"healthy":true}');
    case '/readyz': {
      const health = await readiness(state);
      const body = { ready: health.healthy, detail: health.detail, bundle: state.engine.digest };
      return send(response, health.healthy ? 200 : 503, 'application/json', JSON.stringify(body));
    }
    case '/metrics':
      return send(response, 200, state.telemetry.registry.contentType, await state.telemetry.registry.metrics());
    default:
      return send(response, 404, 'text/plain', '');
  }
}

async function readiness(state: AdminState): Promise<StoreHealth> {
  if (!state.accepting()) return { healthy: false, detail: 'draining' };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<StoreHealth>((resolve) => {
    timer = setTimeout(() => resolve({ healthy: false, detail: 'the stores did not answer in time' }), HEALTH_MS);
  });
  try {
    return await Promise.race([healthOf(state), late]);
  } catch (error) {
    state.telemetry.error('the health check failed', error);
    return { healthy: false, detail: 'the health check failed' };
  } finally {
    clearTimeout(timer);
  }
}

async function healthOf({ engine, sessions }: AdminState): Promise<StoreHealth> {
  const health = await engine.health();
  if (!health.healthy || sessions === undefined) return health;
  const { healthy, detail } = await sessions.health();
  return healthy ? health : { healthy, detail: `transport sessions: ${detail}` };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

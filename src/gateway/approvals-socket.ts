import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { listedQuestion } from '../engine/elicitation/listed-question.ts';
import type { QuestionDesk } from '../engine/elicitation/question-desk.ts';
import type { GivenAnswer } from '../engine/elicitation/question.ts';
import { stop } from './http/listener.ts';
import { REFUSAL_STATUS } from './http/receive-answer.ts';
import { readBody } from './http/request-body.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface ApprovalsOptions {
  /** Path of the socket. */
  readonly path: string;
  /** The desk in force; asked for at each request. */
  readonly questions: () => QuestionDesk;
  readonly telemetry: Telemetry;
}

const MAX_BODY = 16_384;
const ANSWER_PATH = /^\/questions\/([0-9a-f]{64})\/answer$/;

/**
 * Serves the operators' list on a Unix socket that only its owner may open: `GET /questions`, and
 * `POST /questions/ID/answer` with `{outcome, approver, text?}`. Whoever can open the socket answers for everybody.
 * Rejects with the error of the socket; a socket that a dead process left is replaced.
 */
export async function serveApprovals(options: ApprovalsOptions): Promise<{ close(): Promise<void> }> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    respond(options, request, response).catch((error: unknown) => {
      options.telemetry.error('the approvals socket failed', error);
      if (response.headersSent) response.destroy();
      else send(response, 503, { error: 'unavailable' });
    });
  });
  await removeStale(options.path);
  await listenPrivately(server, options.path);
  return {
    async close() {
      const closed = stop(server);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(options: ApprovalsOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '' } = request;
  const desk = options.questions();
  if (url === '/questions' && method === 'GET') {
    const questions = (await desk.store.listed()).map(listedQuestion);
    return send(response, 200, { questions });
  }
  const id = ANSWER_PATH.exec(url)?.[1];
  if (id === undefined) return send(response, 404, { error: 'not_found' });
  if (method !== 'POST') return send(response, 405, { error: 'method_not_allowed' });
  const body = await readBody(request, MAX_BODY);
  if (body === 'aborted') return;
  const answer = body === 'too-large' ? undefined : readGivenAnswer(body);
  if (answer === undefined) return send(response, 400, { error: 'invalid_answer' });
  const answered = await desk.answer(id, answer, ({ listed }) => listed);
  if (typeof answered === 'string') return send(response, REFUSAL_STATUS[answered], { error: answered });
  const { outcome, approver } = answer;
  options.telemetry.info('question answered', { verb: answered.verb, place: answered.place, outcome, approver });
  send(response, 200, { question: listedQuestion(answered), outcome });
}

function readGivenAnswer(body: Buffer): GivenAnswer | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { outcome, approver, text, ...rest }: Readonly<Record<string, unknown>> = { ...value };
  if ((outcome !== 'approved' && outcome !== 'denied') || Object.keys(rest).length > 0) return undefined;
  if (typeof approver !== 'string' || approver === '') return undefined;
  if (text === undefined) return { outcome, approver };
  return typeof text === 'string' ? { outcome, approver, text } : undefined;
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** The mode counts from the moment the socket is there. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  await once(server, 'listening');
  await chmod(path, 0o600);
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || !found.isSocket() || (await answers(path))) return;
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

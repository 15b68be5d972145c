import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnswerRefusal, QuestionDesk } from '../../engine/elicitation/question-desk.ts';
import type { Question } from '../../engine/elicitation/question.ts';
import { readBody } from './request-body.ts';

const MAX_BODY = 16_384;

/** HTTP status of an answer that was not taken. */
export const REFUSAL_STATUS: Readonly<Record<AnswerRefusal, number>> = {
  untrusted: 401,
  unknown: 404,
  expired: 410,
  answered: 409,
  used: 409,
  wrong_approver: 403,
  incomplete_answer: 422,
};

/** Takes the answer that a service outside gives in the name of a plugin; whether it may is for the plugin to know. */
export async function receiveAnswer(
  questions: QuestionDesk | undefined,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  onAnswered: (question: Question) => void,
): Promise<void> {
  if (request.method !== 'POST') return send(response, 405, { error: 'method_not_allowed' });
  const body = await readBody(request, MAX_BODY);
  if (body === 'aborted') return;
  if (body === 'too-large') return send(response, 413, { error: 'too_large' });
  let taken: Awaited<ReturnType<QuestionDesk['receive']>>;
  try {
    taken = (await questions?.receive(name, { headers: request.headers, body })) ?? 'untrusted';
  } catch {
    // The storage has raised its alarm; the service may try again.
    return send(response, 503, { error: 'unavailable' });
  }
  if (typeof taken === 'string') return send(response, REFUSAL_STATUS[taken], { error: taken });
  send(response, 200, { question: taken.id });
  onAnswered(taken);
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  const headers: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  };
  if (status === 413) headers['connection'] = 'close';
  response.writeHead(status, headers);
  response.end(text);
}

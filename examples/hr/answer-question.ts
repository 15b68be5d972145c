import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';

/** Answers a question at the socket of a gateway, as `indelible approvals` does. Undefined, or why it was not taken. */
export async function answerQuestion(
  socketPath: string,
  id: string,
  answer: { readonly outcome: 'approved' | 'denied'; readonly approver: string },
): Promise<string | undefined> {
  const sent = request({ socketPath, method: 'POST', path: `/questions/${id}/answer` });
  sent.end(JSON.stringify(answer));
  const [response]: readonly (IncomingMessage | undefined)[] = await once(sent, 'response');
  if (response === undefined) return 'no answer';
  const body: { readonly error?: string } = Object(await json(response));
  return response.statusCode === 200 ? undefined : (body.error ?? 'no reason');
}

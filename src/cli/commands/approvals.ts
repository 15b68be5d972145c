import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { Argument, Command, Option } from 'commander';
import { visibleText } from '../../diagnostics/visible-text.ts';
import type { ListedQuestion } from '../../engine/elicitation/listed-question.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

const ACTIONS = ['list', 'approve', 'deny'] as const;

interface Options {
  readonly socket: string;
  readonly as?: string;
  readonly text?: string;
  readonly format: 'text' | 'json';
}

/** Why the gateway did not take an answer, for people. */
const REFUSALS: Readonly<Record<string, string>> = {
  unknown: 'there is no such question',
  expired: 'the time for an answer is up',
  answered: 'somebody answered already',
  used: 'the answer was used already',
  wrong_approver: 'somebody else is asked: say who you are with `--as`',
  incomplete_answer: 'this question needs words: give them with `--text`',
};

/** `approvals`: the questions that wait for an operator. */
export function approvalsCommand(terminal: Terminal): Command {
  return new Command('approvals')
    .summary('list and answer the questions of a running gateway')
    .description('Lists, approves and denies what `indelible serve --approvals-socket PATH` waits for.')
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .argument('[id]', 'a question, or the beginning of its id')
    .requiredOption('--socket <path>', 'the socket of the gateway')
    .option('--as <name>', 'who answers, as the list names them')
    .option('--text <text>', 'information, statement, or reason of a refusal')
    .addOption(new Option('--format <format>', 'output of the list').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExit status: 0 done, 1 the answer was not taken, 2 usage, or no gateway answers.')
    .action((action: (typeof ACTIONS)[number], id: string | undefined, options: Options) =>
      action === 'list'
        ? list(options, terminal)
        : answer(action === 'approve' ? 'approved' : 'denied', id, options, terminal),
    );
}

async function list({ socket, format }: Options, terminal: Terminal): Promise<void> {
  const questions = await questionsAt(socket);
  if (format === 'json') {
    await terminal.stdout.write(`${JSON.stringify({ questions }, undefined, 2)}\n`);
    return;
  }
  await terminal.stdout.write(questions.length === 0 ? 'no question waits\n' : questions.map(textOf).join('\n'));
}

async function answer(
  outcome: 'approved' | 'denied',
  written: string | undefined,
  { socket, as, text }: Options,
  terminal: Terminal,
): Promise<void> {
  if (written === undefined) throw new UsageError('name the question; see `indelible approvals list`');
  if (as === undefined) throw new UsageError('say who answers with `--as NAME`');
  const matching = (await questionsAt(socket)).filter(({ id }) => id.startsWith(written));
  if (matching.length > 1) throw new UsageError(`${matching.length} questions begin with \`${written}\``);
  const id = matching[0]?.id ?? written;
  const body = { outcome, approver: as, ...(text === undefined ? {} : { text }) };
  const { status, answer: given } = await ask(socket, 'POST', `/questions/${encodeURIComponent(id)}/answer`, body);
  if (status === 200) {
    await terminal.stdout.write(`${outcome} as ${visibleText(as)}\n`);
    return;
  }
  const error = String(Object(given)['error']);
  await terminal.complain(REFUSALS[error] ?? (status === 404 ? 'there is no such question' : `refused: ${error}`));
  terminal.exitCode = 1;
}

function textOf(question: ListedQuestion): string {
  const { id, verb, requester, operation, approver, purpose, expires_at, channel } = question;
  const lines = [
    id,
    `  ${verb} of ${approver}${channel === undefined ? '' : ` (${channel})`}, until ${expires_at}`,
    `  ${requester} asks for ${operation} ${JSON.stringify(question.arguments)}`,
    ...(purpose === undefined ? [] : [`  ${purpose}`]),
  ];
  return `${lines.map(visibleText).join('\n')}\n`;
}

async function questionsAt(socket: string): Promise<readonly ListedQuestion[]> {
  const { status, answer: given } = await ask(socket, 'GET', '/questions');
  const { questions }: { readonly questions?: readonly ListedQuestion[] } = Object(given);
  if (status !== 200 || !Array.isArray(questions)) throw new UsageError(`the gateway at \`${socket}\` gave no list`);
  return questions;
}

/** Rejects with the error of the socket, which names its path. */
function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly answer: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, timeout: 30_000 }, (response) => {
      json(response).then(
        (answered: unknown) => resolve({ status: response.statusCode ?? 0, answer: answered }),
        () => reject(new UsageError(`\`${socketPath}\` is not the socket of a gateway`)),
      );
    });
    sent.once('timeout', () => sent.destroy(new UsageError(`the gateway at \`${socketPath}\` gave no answer`)));
    sent.once('error', (error: NodeJS.ErrnoException) => reject(Object.assign(error, { path: socketPath })));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

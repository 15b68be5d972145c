import { isDeepStrictEqual } from 'node:util';
import { Client, ProtocolError, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { answerQuestion } from './answer-question.ts';
import { hiddenFields } from './hidden-fields.ts';
import { PERSONAS, type Issuer } from './issuer.ts';
import { STEPS, type Call, type Outcome, type Reply, type Step } from './steps.ts';

export interface StepReport {
  readonly who: string;
  readonly call: string;
  readonly actual: Outcome;
  readonly expected: Outcome;
  readonly matches: boolean;
}

/** Where the scenario is played. */
interface Stage {
  readonly url: string;
  readonly issuer: Issuer;
  readonly approvals: string | undefined;
  readonly sessions: Map<string, Connection>;
  /** Ids of questions, by the names that steps give them. */
  readonly questions: Map<string, string>;
}

interface Connection {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  /** Headers of the next request. */
  readonly headers: Headers;
}

const ID_HEADER = 'X-Policy-Elicitation-Id';
const PEEK_HEADER = 'X-Policy-Elicitation-Peek';
/** JSON-RPC codes of a call that waits for a human, and of one that no longer does. */
const PENDING = -32120;
const APPROVED = -32121;

/**
 * Plays every step with a real MCP client, one session per persona, and says what came of it. `approvals` is the socket
 * where questions are answered.
 */
export async function playScenario(url: string, issuer: Issuer, approvals?: string): Promise<readonly StepReport[]> {
  const stage: Stage = { url, issuer, approvals, sessions: new Map(), questions: new Map() };
  const reports: StepReport[] = [];
  try {
    for (const step of STEPS) {
      const actual = 'reply' in step ? await reply(step, stage) : await play(step, stage);
      reports.push({
        ...describe(step),
        actual,
        expected: step.expected,
        matches: isDeepStrictEqual(actual, step.expected),
      });
    }
    return reports;
  } finally {
    await Promise.all([...stage.sessions.values()].map(disconnect));
  }
}

async function play(step: Call, stage: Stage): Promise<Outcome> {
  const { issuer, sessions, questions } = stage;
  const key = [step.persona, step.session, step.credential].join('/');
  try {
    const connection = sessions.get(key) ?? (await connect(stage.url, await tokenFor(step, issuer)));
    sessions.set(key, connection);
    carry(connection.headers, step, questions);
    const result = await connection.client.callTool({ name: step.tool, arguments: { ...step.arguments } });
    const [mirror] = result.content;
    if (result.isError === true || mirror?.type !== 'text') return { outcome: 'failed', code: 'tool error' };
    if (!isDeepStrictEqual(JSON.parse(mirror.text), result.structuredContent)) {
      return { outcome: 'failed', code: 'the text does not mirror the structured content' };
    }
    const hidden = hiddenFields(result.structuredContent);
    return hidden.length === 0 ? { outcome: 'allowed' } : { outcome: 'allowed', hidden };
  } catch (error) {
    if (error instanceof UnauthorizedError) return { outcome: 'not authenticated' };
    if (error instanceof ProtocolError) return refusal(error, step, questions);
    return { outcome: 'failed', code: error instanceof Error ? error.message : String(error) };
  }
}

function refusal(error: ProtocolError, { question }: Call, questions: Map<string, string>): Outcome {
  const code: number = error.code;
  if (code === APPROVED) return { outcome: 'approved' };
  if (code !== PENDING) return { outcome: 'denied', code: textIn(error.data, 'violation') ?? 'no violation code' };
  const id = textIn(error.data, 'elicitation_id');
  if (question === undefined || id === undefined) return { outcome: 'failed', code: 'an unexpected question' };
  questions.set(question, id);
  return { outcome: 'pending' };
}

/** Says in the headers of the next request which question it knows. */
function carry(headers: Headers, { question, peek }: Call, questions: Map<string, string>): void {
  headers.delete(ID_HEADER);
  headers.delete(PEEK_HEADER);
  const id = question && questions.get(question);
  if (id) headers.set(ID_HEADER, id);
  if (peek) headers.set(PEEK_HEADER, '1');
}

async function reply({ reply: outcome, as, question }: Reply, { approvals, questions }: Stage): Promise<Outcome> {
  const id = questions.get(question);
  if (approvals === undefined || id === undefined) return { outcome: 'failed', code: 'nobody was asked' };
  const refused = await answerQuestion(approvals, id, { outcome, approver: as });
  return refused === undefined ? { outcome: 'answered' } : { outcome: 'denied', code: refused };
}

async function tokenFor({ persona, credential }: Call, issuer: Issuer): Promise<string | undefined> {
  if (credential === 'no token') return undefined;
  if (credential === 'an expired token') return issuer.sign(persona, { exp: Math.floor(Date.now() / 1000) - 600 });
  if (credential === 'a token for another audience') return issuer.sign(persona, { aud: 'payroll-tools' });
  const token = await issuer.sign(persona);
  return credential === 'a forged token' ? withOtherSignature(token) : token;
}

function withOtherSignature(token: string): string {
  const start = token.lastIndexOf('.') + 1;
  return `${token.slice(0, start)}${token[start] === 'A' ? 'B' : 'A'}${token.slice(start + 1)}`;
}

async function connect(url: string, token: string | undefined): Promise<Connection> {
  const client = new Client({ name: 'hr-scenario', version: '1.0.0' });
  const authProvider = { token: () => Promise.resolve(token) };
  const headers = new Headers();
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    authProvider,
    fetch: (target, init) => fetch(target, { ...init, headers: [...new Headers(init?.headers), ...headers] }),
  });
  await client.connect(transport);
  return { client, transport, headers };
}

async function disconnect({ client, transport }: Connection): Promise<void> {
  await transport.terminateSession();
  await client.close();
}

function textIn(data: unknown, name: string): string | undefined {
  const value: unknown = Object(data)[name];
  return typeof value === 'string' ? value : undefined;
}

const LONG_ARGUMENTS = new Set(['subject', 'body']);

function describe(step: Step): Pick<StepReport, 'who' | 'call'> {
  if ('reply' in step) return { who: `${step.as}, asked`, call: `${step.question}: ${step.reply}` };
  return {
    who: [PERSONAS[step.persona].name, step.session, step.credential && `with ${step.credential}`]
      .filter((part) => part !== undefined)
      .join(', '),
    call: [step.tool, ...Object.entries(step.arguments).map(describeArgument), step.peek ? '(peek)' : '']
      .filter((part) => part !== '')
      .join(' '),
  };
}

function describeArgument([name, value]: readonly [string, unknown]): string {
  return LONG_ARGUMENTS.has(name) ? '' : `${name}=${String(value)}`;
}

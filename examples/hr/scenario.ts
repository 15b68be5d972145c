import { isDeepStrictEqual } from 'node:util';
import { Client, ProtocolError, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { hiddenFields } from './hidden-fields.ts';
import { PERSONAS, type Issuer } from './issuer.ts';
import { STEPS, type Outcome, type Step } from './steps.ts';

export interface StepReport {
  readonly who: string;
  readonly call: string;
  readonly actual: Outcome;
  readonly expected: Outcome;
  readonly matches: boolean;
}

interface Connection {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** Plays every step with a real MCP client, one session per persona, and says what came of it. */
export async function playScenario(gatewayUrl: string, issuer: Issuer): Promise<readonly StepReport[]> {
  const sessions = new Map<string, Connection>();
  const reports: StepReport[] = [];
  try {
    for (const step of STEPS) {
      const actual = await play(step, gatewayUrl, issuer, sessions);
      reports.push({
        who: [PERSONAS[step.persona].name, step.session, step.credential && `with ${step.credential}`]
          .filter((part) => part !== undefined)
          .join(', '),
        call: [step.tool, ...Object.entries(step.arguments).map(describeArgument)].join(' ').trimEnd(),
        actual,
        expected: step.expected,
        matches: isDeepStrictEqual(actual, step.expected),
      });
    }
    return reports;
  } finally {
    await Promise.all([...sessions.values()].map(disconnect));
  }
}

async function play(step: Step, url: string, issuer: Issuer, sessions: Map<string, Connection>): Promise<Outcome> {
  const key = [step.persona, step.session, step.credential].join('/');
  try {
    const connection = sessions.get(key) ?? (await connect(url, await tokenFor(step, issuer)));
    sessions.set(key, connection);
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
    if (error instanceof ProtocolError) return { outcome: 'denied', code: violationOf(error.data) };
    return { outcome: 'failed', code: error instanceof Error ? error.message : String(error) };
  }
}

async function tokenFor({ persona, credential }: Step, issuer: Issuer): Promise<string | undefined> {
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
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
  await client.connect(transport);
  return { client, transport };
}

async function disconnect({ client, transport }: Connection): Promise<void> {
  await transport.terminateSession();
  await client.close();
}

function violationOf(data: unknown): string {
  const violation = typeof data === 'object' && data !== null && 'violation' in data ? data.violation : undefined;
  return typeof violation === 'string' ? violation : 'no violation code';
}

const LONG_ARGUMENTS = new Set(['subject', 'body']);

function describeArgument([name, value]: readonly [string, unknown]): string {
  return LONG_ARGUMENTS.has(name) ? '' : `${name}=${String(value)}`;
}

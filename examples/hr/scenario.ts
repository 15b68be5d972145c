import { isDeepStrictEqual } from 'node:util';
import { Client, ProtocolError, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { PERSONAS, type Issuer, type Persona } from './issuer.ts';

/** What becomes of one call, as its client sees it. */
export interface Outcome {
  readonly outcome: 'allowed' | 'denied' | 'not authenticated' | 'failed';
  /** Why it was denied, or how it failed. */
  readonly code?: string;
  /** Fields that are redacted or masked, such as `ssn redacted`. */
  readonly hidden?: readonly string[];
}

interface Step {
  readonly persona: Persona;
  /** Calls of one session share a connection and its labels. Default: the persona's first. */
  readonly session?: string;
  /** What the client shows instead of a good token of the persona. */
  readonly credential?: 'no token' | 'an expired token' | 'a token for another audience' | 'a forged token';
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly expected: Outcome;
}

interface Connection {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

export interface StepReport {
  readonly who: string;
  readonly call: string;
  readonly actual: Outcome;
  readonly expected: Outcome;
  readonly matches: boolean;
}

const MARA = { employee_id: 'E-100457' };
const PARTNER = { to: 'partner@elsewhere.example', subject: 'Q3', body: 'As discussed.' };
const PAYROLL = { to: 'payroll@acme.example', subject: 'Q3', body: 'As discussed.' };
const NOT_AUTHENTICATED: Outcome = { outcome: 'not authenticated' };

const STEPS: readonly Step[] = [
  ...(['no token', 'an expired token', 'a token for another audience', 'a forged token'] as const).map((bad) => ({
    persona: 'hanna' as const,
    credential: bad,
    tool: 'get_compensation',
    arguments: MARA,
    expected: NOT_AUTHENTICATED,
  })),
  {
    persona: 'hanna',
    tool: 'send_email',
    arguments: PARTNER,
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'hanna',
    tool: 'get_compensation',
    arguments: MARA,
    expected: { outcome: 'allowed', hidden: ['employee_id masked'] },
  },
  {
    persona: 'henry',
    tool: 'get_compensation',
    arguments: MARA,
    expected: { outcome: 'allowed', hidden: ['employee_id masked', 'ssn redacted'] },
  },
  {
    persona: 'carla',
    tool: 'get_compensation',
    arguments: MARA,
    expected: { outcome: 'allowed', hidden: ['employee_id masked', 'ssn redacted', 'salary redacted'] },
  },
  {
    persona: 'emil',
    tool: 'get_compensation',
    arguments: MARA,
    expected: { outcome: 'denied', code: 'hr.only' },
  },
  {
    persona: 'henry',
    tool: 'list_employees',
    arguments: { department: 'Engineering' },
    expected: { outcome: 'allowed', hidden: ['employees[*].employee_id masked', 'employees[*].ssn redacted'] },
  },
  {
    persona: 'henry',
    tool: 'get_compensation',
    arguments: { employee_id: '*' },
    expected: { outcome: 'denied', code: 'routes.tool:get_compensation.args.employee_id' },
  },
  {
    persona: 'emil',
    tool: 'search_repos',
    arguments: { query: 'acme', visibility: 'internal' },
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'emil',
    tool: 'search_repos',
    arguments: { query: 'acme', visibility: 'private' },
    expected: { outcome: 'denied', code: 'repos.internal_only' },
  },
  {
    persona: 'emil',
    tool: 'search_repos',
    arguments: { query: 'acme' },
    expected: { outcome: 'denied', code: 'repos.internal_only' },
  },
  {
    persona: 'carla',
    tool: 'search_repos',
    arguments: { query: 'acme', visibility: 'private' },
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'henry',
    tool: 'search_repos',
    arguments: { query: 'payroll', visibility: 'internal' },
    expected: { outcome: 'denied', code: 'repos.engineers_only' },
  },
  {
    persona: 'emil',
    tool: 'send_email',
    arguments: PARTNER,
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'hanna',
    tool: 'send_email',
    arguments: PARTNER,
    expected: { outcome: 'denied', code: 'mail.session_is_secret' },
  },
  {
    persona: 'hanna',
    tool: 'send_email',
    arguments: PAYROLL,
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'hanna',
    session: 'new session',
    tool: 'send_email',
    arguments: PARTNER,
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'hanna',
    tool: 'export_payroll',
    arguments: {},
    expected: { outcome: 'denied', code: 'route.unmatched' },
  },
];

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
    if (error instanceof UnauthorizedError) return NOT_AUTHENTICATED;
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

/** Paths of what is redacted or masked. `[*]` stands for every element of a list, an index for some of them. */
function hiddenFields(value: unknown): readonly string[] {
  return hiddenBelow(value).map((field) => field.replace(/^\./u, ''));
}

function hiddenBelow(value: unknown): readonly string[] {
  if (value === '[REDACTED]') return [' redacted'];
  if (typeof value === 'string') return /^\*+[^*]{0,4}$/u.test(value) ? [' masked'] : [];
  if (Array.isArray(value)) {
    const each = value.map((element) => hiddenBelow(element));
    const [first = []] = each;
    const everywhere = new Set(first.filter((field) => each.every((fields) => fields.includes(field))));
    const somewhere = each.flatMap((fields, index) =>
      fields.filter((field) => !everywhere.has(field)).map((field) => `[${index}]${field}`),
    );
    return [...[...everywhere].map((field) => `[*]${field}`), ...somewhere];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => hiddenBelow(member).map((field) => `.${name}${field}`));
}

/** A table of what happened; ends with a line feed. A step that went otherwise than expected says so. */
export function renderReports(reports: readonly StepReport[]): string {
  const rows = reports.map(({ who, call, actual, expected, matches }) => [
    who,
    call,
    actual.outcome,
    describe(actual),
    matches ? '' : `EXPECTED ${expected.outcome} ${describe(expected)}`.trimEnd(),
  ]);
  const header = ['who', 'call', 'outcome', 'code, or what is hidden', ''];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [header, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

const LONG_ARGUMENTS = new Set(['subject', 'body']);

function describeArgument([name, value]: readonly [string, unknown]): string {
  return LONG_ARGUMENTS.has(name) ? '' : `${name}=${String(value)}`;
}

function describe({ code, hidden }: Outcome): string {
  return code ?? hidden?.join(', ') ?? '';
}

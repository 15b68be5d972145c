import type { Persona } from './issuer.ts';

/** What becomes of one call, as its client sees it. */
export interface Outcome {
  readonly outcome: 'allowed' | 'denied' | 'pending' | 'approved' | 'answered' | 'not authenticated' | 'failed';
  /** Why it was denied, or how it failed. */
  readonly code?: string;
  /** Fields that are redacted or masked, such as `ssn redacted`. */
  readonly hidden?: readonly string[];
}

export type Step = Call | Reply;

/** Somebody answers the question that the latest call of this name left open. */
export interface Reply {
  readonly reply: 'approved' | 'denied';
  readonly as: string;
  readonly question: string;
  readonly expected: Outcome;
}

export interface Call {
  readonly persona: Persona;
  /** Calls of one session share a connection and its labels. Default: the persona's first. */
  readonly session?: string;
  /** What the client shows instead of a good token of the persona. */
  readonly credential?: 'no token' | 'an expired token' | 'a token for another audience' | 'a forged token';
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** A call that is suspended leaves its question under this name; later ones of the name say that they know it. */
  readonly question?: string;
  /** Asks what became of the question, and no more. */
  readonly peek?: true;
  readonly expected: Outcome;
}

const MARA = { employee_id: 'E-100457' };
const PARTNER = { to: 'partner@elsewhere.example', subject: 'Q3', body: 'As discussed.' };
const PAYROLL = { to: 'payroll@acme.example', subject: 'Q3', body: 'As discussed.' };

const RAISE = { employee_id: 'E-100457', amount: 15_000 };

/** What the server gives for a token that was made for it, and for no other. */
const DELEGATION: readonly Step[] = [
  {
    persona: 'henry',
    tool: 'get_bonus',
    arguments: MARA,
    expected: { outcome: 'allowed', hidden: ['employee_id masked'] },
  },
  {
    persona: 'carla',
    tool: 'get_bonus',
    arguments: MARA,
    expected: { outcome: 'allowed', hidden: ['employee_id masked', 'bonus_percent redacted'] },
  },
  {
    persona: 'emil',
    tool: 'get_bonus',
    arguments: MARA,
    expected: { outcome: 'denied', code: 'hr.only' },
  },
];

/** The whole scenario, in order: labels that one step attaches decide over later ones. */
export const STEPS: readonly Step[] = [
  ...(['no token', 'an expired token', 'a token for another audience', 'a forged token'] as const).map((bad) => ({
    persona: 'hanna' as const,
    credential: bad,
    tool: 'get_compensation',
    arguments: MARA,
    expected: { outcome: 'not authenticated' as const },
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
    tool: 'give_raise',
    arguments: { ...RAISE, amount: 900 },
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'emil',
    tool: 'give_raise',
    arguments: RAISE,
    expected: { outcome: 'denied', code: 'raise.hr_only' },
  },
  {
    persona: 'hanna',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'large raise',
    expected: { outcome: 'pending' },
  },
  {
    persona: 'hanna',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'large raise',
    peek: true,
    expected: { outcome: 'pending' },
  },
  {
    reply: 'approved',
    as: 'hanna',
    question: 'large raise',
    expected: { outcome: 'denied', code: 'wrong_approver' },
  },
  {
    reply: 'approved',
    as: 'mona',
    question: 'large raise',
    expected: { outcome: 'answered' },
  },
  {
    persona: 'hanna',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'large raise',
    peek: true,
    expected: { outcome: 'approved' },
  },
  {
    persona: 'hanna',
    tool: 'give_raise',
    arguments: { ...RAISE, amount: 50_000 },
    question: 'large raise',
    expected: { outcome: 'denied', code: 'elicitation.other_arguments' },
  },
  {
    persona: 'henry',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'large raise',
    expected: { outcome: 'denied', code: 'elicitation.other_caller' },
  },
  {
    persona: 'hanna',
    session: 'new session',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'large raise',
    expected: { outcome: 'allowed' },
  },
  {
    persona: 'hanna',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'large raise',
    expected: { outcome: 'denied', code: 'elicitation.used' },
  },
  {
    persona: 'henry',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'another raise',
    expected: { outcome: 'pending' },
  },
  {
    reply: 'denied',
    as: 'hanna',
    question: 'another raise',
    expected: { outcome: 'answered' },
  },
  {
    persona: 'henry',
    tool: 'give_raise',
    arguments: RAISE,
    question: 'another raise',
    expected: { outcome: 'denied', code: 'elicitation.denied' },
  },
  {
    persona: 'hanna',
    tool: 'export_payroll',
    arguments: {},
    expected: { outcome: 'denied', code: 'route.unmatched' },
  },
  ...DELEGATION,
];

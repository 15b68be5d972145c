import type { JsonObject, Operation, Subject } from '../src/engine/operation.ts';

/** Tool of the standard request. */
export const TOOL = 'get_compensation';

/** The rules of the standard request that decide before the call, and `extra` more that never fire. */
export function preRules(extra = 0): readonly string[] {
  return [
    'require(role.hr)',
    'delegation.depth > 2: deny',
    "security.labels contains 'secret' & !perm.override: deny",
    ...Array.from(
      { length: extra },
      (_, index) => `claim.department == 'closed-${index}' & args.amount > ${index}: deny`,
    ),
    'taint(secret, session)',
  ];
}

/** One route with the policy of the standard request. */
export function route(tool: string, rules: readonly string[] = preRules()): string {
  return `  - tool: ${tool}
    pre_invocation:
${rules.map((rule) => `      - ${JSON.stringify(rule)}`).join('\n')}
    result:
      ssn: "redact(!perm.view_ssn)"
      salary: "int | redact(!role.hr)"
      employee_id: "mask(4)"
`;
}

/** The bundle of the standard request. */
export function standardBundle(rules: readonly string[] = preRules()): string {
  return `routes:\n${route(TOOL, rules)}`;
}

/**
 * Routes with policies like that of the standard request, each under a name of its own. They differ in roles, bounds and
 * labels as the routes of one organisation do: the vocabulary is small, the combinations are many.
 */
export function manyRoutes(count: number): string {
  const routes = Array.from({ length: count }, (_, index) => {
    const rules = [
      `require(role.${ROLES[index % ROLES.length] ?? ''})`,
      `delegation.depth > ${2 + (index % 3)}: deny`,
      `security.labels contains '${LABELS[index % LABELS.length] ?? ''}' & !perm.override: deny`,
      `taint(${LABELS[(index + 1) % LABELS.length] ?? ''}, session)`,
    ];
    return route(toolName(index), rules);
  });
  return `routes:\n${routes.join('')}`;
}

/** Routes of which no rule and no field is written twice. */
export function differentRoutes(count: number): string {
  const routes = Array.from({ length: count }, (_, index) => {
    const rules = [
      `require(role.r${index})`,
      `delegation.depth > ${index}: deny`,
      `security.labels contains 'l${index}' & !perm.p${index}: deny`,
      `taint(t${index}, session)`,
    ];
    return route(toolName(index), rules).replace(/^( {6}\w+)(:.*)$/gm, `$1_${index}$2`);
  });
  return `routes:\n${routes.join('')}`;
}

const ROLES = ['employee', 'manager', 'hr', 'auditor', 'approver'];
const LABELS = ['secret', 'pii', 'finance', 'health', 'legal', 'export', 'board'];

/** The tool of route `index` of `manyRoutes`. */
export function toolName(index: number): string {
  return `tool_${index}`;
}

/** Callers that take turns, so that no run can remember the last one. */
export const CALLERS: readonly Subject[] = Array.from({ length: 64 }, (_, index) => ({
  id: `user-${index}`,
  roles: ['employee', 'manager', 'hr', 'auditor', 'approver'],
  permissions: ['read', 'write', 'list', 'export', 'override', 'approve', 'comment', 'share'],
  teams: ['people', 'finance', `team-${index}`],
  claims: { department: 'people', region: 'eu', office: 'berlin', level: '7', cost_center: `cc-${index}` },
}));

/** What the host itself says of the sensitivity of the request. */
export const HOST_LABELS: readonly string[] = ['internal', 'personal', 'compensation'];

/** A request as a host builds it: a new object for each call, of facts that are there already. */
export function operationOf(turn: number, entity: Operation['entity'] = ENTITY): Operation {
  return { entity, args: ARGUMENTS, extensions: EXTENSIONS[turn & (CALLERS.length - 1)] ?? NOTHING };
}

/** The same of a caller without an identity, so that there is no session whose labels were to be kept. */
export function sessionless(turn: number, entity: Operation['entity'] = ENTITY): Operation {
  return { entity, args: ARGUMENTS, extensions: ANONYMOUS[turn & (CALLERS.length - 1)] ?? NOTHING };
}

const ENTITY: Operation['entity'] = { type: 'tool', name: TOOL };
const NOTHING: NonNullable<Operation['extensions']> = {};

const ARGUMENTS: JsonObject = { employee_id: 'E-104217', amount: 0 };

const EXTENSIONS: readonly NonNullable<Operation['extensions']>[] = CALLERS.map((subject, index) => ({
  subject,
  delegation: { depth: 1, delegated: true },
  agent: { session_id: `session-${index}` },
  labels: HOST_LABELS,
}));

const ANONYMOUS = EXTENSIONS.map((extensions) => {
  const { roles = [], permissions = [], teams = [], claims = {} } = extensions.subject ?? {};
  return { ...extensions, subject: { roles, permissions, teams, claims } };
});

/** Requests that the policy refuses, and one that it allows. */
export const PROBES: readonly NonNullable<Operation['extensions']>[] = [
  { subject: { roles: ['hr'], permissions: [] } },
  { subject: { roles: ['manager'], permissions: ['override'] } },
  { subject: { roles: ['hr'], permissions: [] }, delegation: { depth: 3 } },
  { subject: { roles: ['hr'], permissions: [] }, labels: ['secret'] },
  { subject: { roles: ['hr'], permissions: ['override'] }, labels: ['secret'] },
  {},
];

export function probe(extensions: Operation['extensions'] = {}): Operation {
  return { entity: ENTITY, args: ARGUMENTS, extensions };
}

/** Results of ten fields. */
export const RESULTS: readonly JsonObject[] = CALLERS.map((_, index) => ({
  employee_id: `E-10421${index}`,
  name: `Employee ${index}`,
  title: 'Engineer',
  department: 'people',
  salary: 100_000 + index,
  currency: 'EUR',
  ssn: `123-45-67${index}`,
  manager: 'E-100001',
  start_date: '2020-02-01',
  bonus: 5_000,
}));

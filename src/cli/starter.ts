/** A commented bundle to begin with. Its first line points editors at the schema that `init` writes beside it. */
export const STARTER_BUNDLE = `# yaml-language-server: $schema=./bundle.schema.json

# A policy for three tools of an assistant.
#   indelible check policy.yaml                               is it sound?
#   indelible explain policy.yaml                             what does each route run?
#   indelible eval policy.yaml --requests requests.ndjson     what does it decide?
# Denials without a code of their own are named after the rule, such as \`global.pre_invocation[0]\`.

global:
  # Runs before every operation, whichever route it takes.
  pre_invocation:
    - require(authenticated)

  # Labels live in a session, and a session belongs to a subject. Without one, rules that need labels would decide on
  # none; so such requests are denied.
  sessions:
    on_missing: deny

  # What requests get that no route below matches. This is the default, spelled out.
  unmatched:
    tool: deny
    resource: deny
    prompt: deny
    llm: deny

  # Labels of this process only. Gateways that share their sessions keep them in Valkey:
  # session_store: {kind: valkey, endpoint: "valkey.internal:6379", tls: true}

routes:
  # Salaries are for people of HR, and the session remembers that it has seen them.
  - tool: get_compensation
    args:
      employee_id: 'str | regex("^E[0-9]{4}$")'
    pre_invocation:
      - "!role.hr: deny('only HR may read salaries', 'hr_only')"
      - taint(compensation)
    result:
      account_number: mask(4)

  # What has touched salaries must not leave by mail.
  - tool: send_email
    pre_invocation:
      - "security.labels contains 'compensation': deny('this session has read salaries', 'session_tainted')"
    args:
      to: email
      body: pii.redact

  # Reading the directory is open to everybody who is signed in; a pattern stands for many tools.
  - tool: "directory_*"
`;

const SESSION = { subject: { id: 'ann', roles: ['hr'] }, agent: { session_id: 's1' } };

/** Requests for the starter bundle, each with what it decides. The \`id\` says it to people, too. */
export const STARTER_REQUESTS: readonly {
  readonly request: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly decision: 'allow' | 'deny';
  readonly code?: string;
}[] = [
  {
    request: { id: 'nobody is signed in: deny', entity: { type: 'tool', name: 'directory_search' } },
    decision: 'deny',
    code: 'global.pre_invocation[0]',
  },
  {
    request: {
      id: 'bob is not of HR: deny',
      entity: { type: 'tool', name: 'get_compensation' },
      extensions: { subject: { id: 'bob' }, agent: { session_id: 's2' } },
      args: { employee_id: 'E1001' },
    },
    decision: 'deny',
    code: 'hr_only',
  },
  {
    request: {
      id: 'ann may write mail: allow',
      entity: { type: 'tool', name: 'send_email' },
      extensions: SESSION,
      args: { to: 'bob@example.com', body: 'Lunch at noon?' },
    },
    decision: 'allow',
  },
  {
    request: {
      id: 'ann of HR reads a salary, the account number is masked: allow',
      entity: { type: 'tool', name: 'get_compensation' },
      extensions: SESSION,
      args: { employee_id: 'E1001' },
      result: { salary: 90000, account_number: '1234567890' },
    },
    decision: 'allow',
  },
  {
    request: {
      id: 'now the session is labelled: deny',
      entity: { type: 'tool', name: 'send_email' },
      extensions: SESSION,
      args: { to: 'bob@example.com', body: 'Guess what she earns' },
    },
    decision: 'deny',
    code: 'session_tainted',
  },
  {
    request: {
      id: 'no route matches: deny',
      entity: { type: 'tool', name: 'delete_everything' },
      extensions: SESSION,
    },
    decision: 'deny',
    code: 'route.unmatched',
  },
];

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DecisionPointKind, DecisionQuestion, JsonValue, Operation } from '../../src/index.ts';
import { bundleOf, start } from '../pdp/decide.ts';

const PATHS = [
  'args.amount',
  'args.user.id',
  'args.missing',
  'role.hr',
  'perm.pay.read',
  'team.blue',
  'claim.dept',
  'subject.id',
  'subject.issuer',
  'subject.type',
  'subject.tenant',
  'subject.roles',
  'subject.permissions',
  'subject.teams',
  'subject.other',
  'authenticated',
  'client.client_id',
  'client.trust_level',
  'client.role.r',
  'client.perm.p',
  'client.claim.plan.tier',
  'client.authorized_scopes',
  'caller_workload.spiffe_id',
  'caller_workload.selectors',
  'this_workload.client_id',
  'delegation.depth',
  'delegation.delegated',
  'delegated',
  'auth_method',
  'security.labels',
  'security.classification',
  'session.labels',
  'session.id',
  'agent.session_id',
  'agent.conversation.topics',
  'meta.entity_type',
  'meta.entity_name',
  'meta.scope',
  'meta.tags',
  'meta.properties.owner',
  'http.method',
  'http.path',
  'http.request_headers.x-region',
  'request.id',
  'llm.model',
  'custom.a.b',
  'route.key',
  'time.now',
  'operation.id',
  'data.regions.eu',
  'raw.only',
] as const;

const OPERATION: Partial<Operation> = {
  id: 'op-1',
  entity: { type: 'tool', name: 't', scope: 's', tags: ['x', 'y'] },
  args: { amount: 5, user: { id: 'u' } },
  attributes: { 'raw.only': 'r', 'subject.tenant': 'overlaid', 'custom.a.b': 7 },
  extensions: {
    subject: {
      id: 'alice',
      issuer: 'https://idp',
      type: 'user',
      tenant: 'acme',
      roles: ['hr'],
      permissions: ['pay.read'],
      teams: ['blue'],
      claims: { dept: 'eng' },
    },
    client: {
      client_id: 'app',
      roles: ['r'],
      permissions: ['p'],
      authorized_scopes: ['b', 'a'],
      claims: { plan: { tier: 3 } },
    },
    caller_workload: { spiffe_id: 'spiffe://x', selectors: ['k8s'] },
    this_workload: { client_id: 'gw' },
    delegation: { depth: 1, delegated: true },
    auth_method: 'jwt',
    classification: 'internal',
    labels: ['z', 'a'],
    agent: { session_id: 's-1', conversation: { topics: ['t'] } },
    meta: { properties: { owner: 'o' } },
    http: { method: 'POST', path: '/x', request_headers: { 'X-Region': 'eu' } },
    request: { id: 'r-1' },
    llm: { model: 'm' },
    custom: { a: { b: 1, c: 2 } },
  },
};

it('a namespace holds what the paths into it read', async (context) => {
  const seen = new Map<string, readonly [JsonValue | undefined, JsonValue | undefined]>();
  const kind: DecisionPointKind = {
    kind: 'compare',
    dialect: 'compare',
    configSchema: { type: 'object' },
    create: () => ({
      synchronous: true,
      prepare(_body, _argument, step) {
        const readers = PATHS.map((path) => [path, step.reader(path)] as const);
        return (question) => {
          for (const [path, read] of readers) seen.set(path, [read(question), inTree(question, path)]);
          return { outcome: 'allow' };
        };
      },
    }),
  };
  const { pre } = await start(context, bundleOf('{kind: compare}', 'compare: {a: 1}'), {
    decisionPoints: [kind],
    data: { regions: { eu: true } },
  });
  assert.equal((await pre(OPERATION)).decision, 'allow');
  for (const [path, [read, found]] of seen) assert.deepEqual(found, read, path);
  const absent = [...seen].filter(([, [read]]) => read === undefined).map(([path]) => path);
  assert.deepEqual(absent, ['args.missing', 'subject.other']);
});

function inTree(question: DecisionQuestion, path: string): JsonValue | undefined {
  const [name = '', ...segments] = path.split('.');
  let value = question.namespace(name);
  for (const segment of segments) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, JsonValue>)[segment] : undefined;
  }
  return Array.isArray(value) ? value.toSorted() : value;
}

import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { ValkeyServer } from '../../test/support/valkey-server.ts';
import { CALL, callAll, callHeaders, type CallHeaders } from '../gateway-call.ts';
import { Child } from '../processes/child.ts';
import { atLeast, atMost, Lines, type SectionResult } from '../result.ts';
import { figureOf, moreThan, takeTurns, timesOf, type Candidate, type Rounds } from '../rounds.ts';
import { TOOL, toolName } from '../standard-request.ts';

const ROUNDS = 5;
const ROUND_SECONDS = 2;
const CONNECTIONS = 16;
/** A gateway has more code than a proxy for the compiler to get through. */
const WARM_UP = { amount: 20_000 };
const MANY_ROUTES = 10_000;

const BARE = 'bare proxy';
const POLICY = 'policy only';
const FULL = 'token, label load and append';
const ONE_ROUTE = '1 route';
const MANY = `${MANY_ROUTES} routes`;

const LIMITS = [
  { name: POLICY, processor: 1.25, perSecond: 0.85, p50: 50 },
  { name: FULL, processor: 1.8, perSecond: 0.6, p50: 180 },
] as const;

/** The gateway beside a bare reverse proxy, both before the same upstream, each in a process of its own. */
export async function gatewaySection(): Promise<SectionResult> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const headers = callHeaders(await tokenOf(privateKey));
  const store = await ValkeyServer.start();
  const upstream = await Child.start('upstream', { upstream: '', bundle: '' });
  const start = (program: 'bare-proxy' | 'gateway', bundle: string): Promise<Child> =>
    Child.start(program, { upstream: upstream.url, bundle });
  const lines = new Lines('gateway');

  const bare = await start('bare-proxy', '');
  const policy = await start('gateway', routesOf([TOOL]));
  const full = await start('gateway', labelledBundle(store, publicKey));
  assert.match(await answerOf(bare, headers), /123-45-67/);
  for (const gateway of [policy, full]) assert.doesNotMatch(await answerOf(gateway, headers), /123-45-67/);
  const children = [
    [BARE, bare],
    [POLICY, policy],
    [FULL, full],
  ] as const;
  const measure = async (connections: number): Promise<Rounds> =>
    takeTurns(
      children.map(([name, child]) => candidate(name, child, headers, connections)),
      ROUNDS,
    );
  for (const [, child] of children) await callAll(child, headers, CONNECTIONS, WARM_UP);
  const busy = await measure(CONNECTIONS);
  const single = await measure(1);
  assert.equal(await store.admin(async (client) => client.dbsize()), 1);
  addLoads(lines, busy, single);
  for (const child of [bare, policy, full]) await child.stop();

  const names = Array.from({ length: MANY_ROUTES - 1 }, (_, index) => toolName(index));
  const one = await start('gateway', routesOf([TOOL]));
  const many = await start('gateway', routesOf([...names, TOOL]));
  for (const child of [one, many]) await callAll(child, headers, CONNECTIONS, WARM_UP);
  const sized = await takeTurns(
    [candidate(ONE_ROUTE, one, headers, CONNECTIONS), candidate(MANY, many, headers, CONNECTIONS)],
    ROUNDS,
  );
  for (const [figure, title] of [
    ['processor', 'processor time of a call'],
    ['p99', 'p99'],
  ] as const) {
    const compared = { ratio: timesOf(sized, MANY, ONE_ROUTE, figure), of: ONE_ROUTE };
    lines.add(`${ONE_ROUTE}, ${title}`, figureOf(sized, ONE_ROUTE, figure), 'µs');
    lines.add(`${MANY}, ${title}`, figureOf(sized, MANY, figure), 'µs', compared);
  }
  lines.check(atMost(`gateway of ${MANY}, p99 × ${ONE_ROUTE}`, timesOf(sized, MANY, ONE_ROUTE, 'p99'), 1.1));
  for (const child of [one, many, upstream]) await child.stop();
  await store.stop();
  return lines;
}

function candidate(name: string, child: Child, headers: CallHeaders, connections: number): Candidate {
  return { name, measure: () => callAll(child, headers, connections, { duration: ROUND_SECONDS }) };
}

function addLoads(lines: Lines, busy: Rounds, single: Rounds): void {
  for (const name of [BARE, POLICY, FULL]) {
    const against = (rounds: Rounds, figure: 'perSecond' | 'p50' | 'p99' | 'processor') =>
      name === BARE ? undefined : { ratio: timesOf(rounds, name, BARE, figure), of: BARE };
    lines.add(`${name}, calls`, figureOf(busy, name, 'perSecond'), 'a second', against(busy, 'perSecond'));
    lines.add(`${name}, processor time of a call`, figureOf(busy, name, 'processor'), 'µs', against(busy, 'processor'));
    lines.add(`${name}, p50`, figureOf(busy, name, 'p50'), 'µs', against(busy, 'p50'));
    lines.add(`${name}, p99`, figureOf(busy, name, 'p99'), 'µs', against(busy, 'p99'));
    lines.add(`${name}, p50 of 1 connection`, figureOf(single, name, 'p50'), 'µs', against(single, 'p50'));
    lines.add(`${name}, p99 of 1 connection`, figureOf(single, name, 'p99'), 'µs', against(single, 'p99'));
  }
  for (const { name, processor, perSecond, p50 } of LIMITS) {
    const prefix = `gateway, ${name}`;
    lines.check(atMost(`${prefix}: processor time, × ${BARE}`, timesOf(busy, name, BARE, 'processor'), processor));
    lines.check(atLeast(`${prefix}: calls a second, × ${BARE}`, timesOf(busy, name, BARE, 'perSecond'), perSecond));
    lines.check(atMost(`${prefix}: p50 of 1 connection, µs more`, moreThan(single, name, BARE, 'p50'), p50));
  }
}

/** A bundle of routes with a policy on arguments and result, for callers without an identity. */
function routesOf(tools: readonly string[], rules: readonly string[] = []): string {
  const pre = ['require(args.amount < 1000)', ...rules];
  const routes = tools.map((tool) => ({ tool, pre_invocation: pre, result: { ssn: 'redact(!perm.view_ssn)' } }));
  return JSON.stringify({ routes });
}

const ISSUER = 'https://login.example.com';
const AUDIENCE = 'hr-tools';

/** The same policy for callers who log in, whose session is read and labelled by every call. */
function labelledBundle(store: ValkeyServer, key: KeyObject): string {
  const trusted = {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    algorithms: ['ES256'],
    decoding_key: { kind: 'pem', pem: key.export({ type: 'spki', format: 'pem' }) },
  };
  const config = { trusted_issuers: [trusted] };
  const rules = ['require(authenticated)', "security.labels contains 'closed': deny", 'taint(secret)'];
  return JSON.stringify({
    plugins: [{ name: 'login', kind: 'identity/jwt', hooks: ['identity.resolve'], config }],
    global: {
      session_store: { kind: 'valkey', endpoint: store.endpoint, ttl_seconds: 3600, command_timeout_ms: 5000 },
    },
    ...JSON.parse(routesOf([TOOL], rules)),
  });
}

function tokenOf(key: KeyObject): Promise<string> {
  const token = new SignJWT({ scope: 'read' }).setProtectedHeader({ alg: 'ES256' });
  return token
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('ann')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(key);
}

async function answerOf({ url }: Child, headers: CallHeaders): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers, body: CALL });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}

import { Redis } from 'iovalkey';
import type { Connection } from './connection.ts';
import type { ConnectionDescription } from './connection-description.ts';
import type { Client } from './dial.ts';
import { withTimeLimit } from './time-limit.ts';
import { toValkeyError, ValkeyError } from './valkey-error.ts';

/** One thing examined about a server. `unknown`: it could not be checked. */
export interface ServerCheck {
  readonly name: string;
  readonly outcome: 'ok' | 'problem' | 'unknown';
  readonly detail: string;
  readonly advice?: string;
}

/** What the servers are meant to do. */
export interface Expectations {
  readonly connection: ConnectionDescription;
  readonly durability: { readonly ack: 'aof' | 'replicas'; readonly replicas: number } | undefined;
  /** What may be lost, in the plural. */
  readonly holds: 'labels' | 'transport sessions';
}

/** Clocks may differ by this many milliseconds before it is a problem. */
const CLOCK_TOLERANCE_MS = 2000;

/** Limit of all checks together, in milliseconds. */
const LIMIT_MS = 5000;

/**
 * Examines the server behind a connection: role, eviction, persistence, permissions, transport, clock. Best effort;
 * never rejects, and what a permission is missing for is `unknown`.
 */
export async function checkServer(connection: Connection, expected: Expectations): Promise<readonly ServerCheck[]> {
  try {
    const checks = connection.acquire(LIMIT_MS).then((client) => checkClient(client, expected));
    return await withTimeLimit(checks, LIMIT_MS, () => new ValkeyError('timeout', 'no answer in time'));
  } catch (error) {
    return [problem('reachable', toValkeyError(error).message, 'see the runbook, "The store does not answer"')];
  }
}

async function checkClient(client: Client, expected: Expectations): Promise<readonly ServerCheck[]> {
  const nodes = client instanceof Redis ? [client] : client.nodes('master');
  const checked = await Promise.all(nodes.map((node) => checkNode(node, expected)));
  return [transportOf(expected.connection), ...checked.flat()];
}

async function checkNode(node: Redis, expected: Expectations): Promise<readonly ServerCheck[]> {
  const [info, settings, user, time] = await Promise.all([
    asked(node.info().then(parseInfo)),
    asked(readSettings(node)),
    asked(node.call('ACL', 'WHOAMI')),
    asked(node.time()),
  ]);
  return [
    ok('reachable', 'the server answers'),
    roleOf(info),
    evictionOf(info, settings, expected),
    evictedOf(info, expected),
    persistenceOf(info, settings, expected),
    ...confirmationOf(info, expected),
    userOf(user),
    clockOf(time),
  ];
}

/** Facts, or why they cannot be had. */
type Asked<T> = { readonly got: T } | { readonly why: string };
type Facts = ReadonlyMap<string, string>;

async function asked<T>(question: Promise<T>): Promise<Asked<T>> {
  try {
    return { got: await question };
  } catch (error) {
    return { why: toValkeyError(error).message };
  }
}

function parseInfo(text: string): Facts {
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

async function readSettings(node: Redis): Promise<Facts> {
  const settings = new Map<string, string>();
  for (const name of ['maxmemory-policy', 'appendonly', 'appendfsync']) {
    const answer: unknown = await node.call('CONFIG', 'GET', name);
    if (Array.isArray(answer)) settings.set(String(answer[0]), String(answer[1]));
  }
  return settings;
}

function fact(facts: Asked<Facts>, name: string): string | undefined {
  return 'got' in facts ? facts.got.get(name) : undefined;
}

function roleOf(info: Asked<Facts>): ServerCheck {
  const role = fact(info, 'role');
  if (role === undefined) return unknown('role', info, '+info');
  if (role === 'master') return ok('role', 'the server is a primary');
  return problem('role', 'the server is a replica', 'name the primary, or let `sentinel` find it');
}

function evictionOf(info: Asked<Facts>, settings: Asked<Facts>, { holds }: Expectations): ServerCheck {
  const policy = fact(settings, 'maxmemory-policy') ?? fact(info, 'maxmemory_policy');
  if (policy === undefined) return unknown('eviction_policy', settings, '+info');
  if (policy === 'noeviction') return ok('eviction_policy', 'nothing is evicted (`noeviction`)');
  return problem('eviction_policy', `${holds} can be evicted (\`${policy}\`)`, 'set `maxmemory-policy noeviction`');
}

function evictedOf(info: Asked<Facts>, { holds }: Expectations): ServerCheck {
  const evicted = fact(info, 'evicted_keys');
  if (evicted === undefined) return unknown('evicted_keys', info, '+info');
  if (evicted === '0') return ok('evicted_keys', 'no key was evicted since the server started');
  return problem('evicted_keys', `${evicted} keys were evicted`, `${holds} may be lost: see the runbook, "Eviction"`);
}

function persistenceOf(info: Asked<Facts>, settings: Asked<Facts>, { holds }: Expectations): ServerCheck {
  const enabled = fact(info, 'aof_enabled') ?? (fact(settings, 'appendonly') === 'yes' ? '1' : undefined);
  if (enabled === undefined && fact(settings, 'appendonly') === undefined) return unknown('persistence', info, '+info');
  if (enabled !== '1') {
    const advice = `set \`appendonly yes\`, so that a restart does not lose ${holds}`;
    return problem('persistence', 'there is no append only file', advice);
  }
  const failing = fact(info, 'aof_last_write_status') === 'err';
  if (failing) return problem('persistence', 'the append only file cannot be written', 'look after the disk');
  const sync = fact(settings, 'appendfsync');
  if (sync === undefined) return unknown('persistence', settings, '+config|get');
  if (sync !== 'no') return ok('persistence', `append only file, \`appendfsync ${sync}\``);
  return problem('persistence', 'the append only file is not synced', 'set `appendfsync everysec`, or `always`');
}

function confirmationOf(info: Asked<Facts>, { durability }: Expectations): readonly ServerCheck[] {
  if (durability === undefined) return [];
  const replicas = fact(info, 'connected_slaves');
  const found: ServerCheck[] = [];
  if (durability.replicas > 0) {
    const detail = `${replicas} of ${durability.replicas} replicas are connected`;
    const advice = 'start replicas, or lower `min_replicas`: until then every append is denied';
    if (replicas === undefined) found.push(unknown('replicas', info, '+info'));
    else if (Number(replicas) >= durability.replicas) found.push(ok('replicas', detail));
    else found.push(problem('replicas', detail, advice));
  }
  if (durability.ack === 'aof') found.push(waitaofOf(info));
  return found;
}

function waitaofOf(info: Asked<Facts>): ServerCheck {
  const version = fact(info, 'valkey_version') ?? fact(info, 'redis_version');
  if (version === undefined) return unknown('waitaof', info, '+info');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 7 || (major === 7 && minor >= 2))
    return ok('waitaof', `version ${version} can confirm writes to the file`);
  const advice = 'use Valkey, or Redis from 7.2 on: until then every append is denied';
  return problem('waitaof', `version ${version} cannot confirm writes to the file`, advice);
}

function userOf(user: Asked<unknown>): ServerCheck {
  if ('why' in user) return unknown('user', user, '+acl|whoami');
  if (user.got !== 'default') return ok('user', `logged in as \`${String(user.got)}\``);
  const advice = 'give the gateway a user of its own with the permissions in the runbook';
  return problem('user', 'logged in as the default user', advice);
}

function clockOf(time: Asked<readonly unknown[]>): ServerCheck {
  if ('why' in time) return unknown('clock', time, '+time');
  const off = Math.round(Number(time.got[0]) * 1000 + Number(time.got[1]) / 1000 - Date.now());
  if (Math.abs(off) <= CLOCK_TOLERANCE_MS) return ok('clock', 'the clocks agree');
  return problem('clock', `the server's clock is off by ${off} ms`, 'synchronise the clocks of both machines');
}

function transportOf({ tls }: ConnectionDescription): ServerCheck {
  if (tls === undefined) return ok('transport', 'plaintext on this machine');
  if (tls.insecureSkipVerify !== true) return ok('transport', 'TLS with a verified certificate');
  return problem('transport', 'TLS without verifying the certificate', 'trust the authority by `ca_file` instead');
}

function ok(name: string, detail: string): ServerCheck {
  return { name, outcome: 'ok', detail };
}

function problem(name: string, detail: string, advice: string): ServerCheck {
  return { name, outcome: 'problem', detail, advice };
}

function unknown(name: string, answer: Asked<unknown>, permission: string): ServerCheck {
  const why = 'why' in answer ? answer.why : 'the server does not tell';
  return { name, outcome: 'unknown', detail: `could not check: ${why}`, advice: `grant \`${permission}\`` };
}

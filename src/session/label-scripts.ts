import { createHash } from 'node:crypto';
import type { Client, Prepare } from '../valkey/dial.ts';
import { toValkeyError } from '../valkey/valkey-error.ts';
import { LEAST_LEFT } from './valkey-store-settings.ts';

/** A script that the server runs atomically in one round trip. */
export interface LabelScript {
  readonly text: string;
  /** SHA-1 of the text, by which the server knows it. */
  readonly digest: string;
}

/** Lifetime that only forces a write into the replication stream: a hundred years in milliseconds. */
const FOR_EVER_MS = 3_153_600_000_000;

/**
 * KEYS: the set. ARGV: lifetime in milliseconds, 0 for none. Answers the members, then the milliseconds left (-1: no
 * end, or no key), then 1 when the lifetime was due for extension and could not be extended, else 0.
 *
 * The first line makes the server treat the script as one that writes, so that a replica refuses it with READONLY
 * instead of answering with what it has so far; reading goes on when memory is full.
 */
export const LOAD_SCRIPT = labelScript(`#!lua flags=allow-oom
local reply = redis.call('SMEMBERS', KEYS[1])
local left, failed = -1, 0
if #reply > 0 then
  left = redis.call('PTTL', KEYS[1])
  local ttl = tonumber(ARGV[1])
  if ttl > 0 and left < ttl * ${LEAST_LEFT} then
    local answer = redis.pcall('PEXPIRE', KEYS[1], ttl)
    if type(answer) == 'table' and answer.err then failed = 1 else left = ttl end
  end
end
reply[#reply + 1] = left
reply[#reply + 1] = failed
return reply
`);

/**
 * KEYS: the set. ARGV: lifetime in milliseconds, 0 for none; 1 when the append is going to be confirmed; then the
 * members. A confirmation covers what its own connection wrote, so an append that is to be confirmed always writes.
 */
export const APPEND_SCRIPT = labelScript(`#!lua
local added = 0
for i = 3, #ARGV, 1000 do
  added = added + redis.call('SADD', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
local ttl = tonumber(ARGV[1])
if ttl > 0 then
  redis.call('PEXPIRE', KEYS[1], ttl)
elseif added == 0 and ARGV[2] == '1' then
  redis.call('PEXPIRE', KEYS[1], ${FOR_EVER_MS})
end
return added
`);

function labelScript(text: string): LabelScript {
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}

/** Loads the scripts on a new connection. Fails, and so refuses the connection, while the server loads its data. */
export const loadScripts: Prepare = async (client) => {
  // A cluster has one script cache a node: there the scripts are sent when a node misses them.
  if (client.isCluster) return;
  await Promise.all(
    [LOAD_SCRIPT, APPEND_SCRIPT].map(({ text }) => client.call('SCRIPT', 'LOAD', text).catch(unlessForbidden)),
  );
};

/** A user that may not load scripts ahead sends them when they are missed. */
function unlessForbidden(error: unknown): void {
  const failure = toValkeyError(error);
  const forbidden = error instanceof Error && error.message.startsWith('NOPERM');
  if (!forbidden) throw failure;
}

/** Runs a script on one key; `by` says how the server is told which. Rejects with the client's error. */
export function sendScript(
  client: Client,
  { text, digest }: LabelScript,
  by: 'digest' | 'text',
  key: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  return by === 'digest' ? client.evalsha(digest, 1, key, ...args) : client.eval(text, 1, key, ...args);
}

/** Runs a script on one key, and sends its text when the server does not know it. Rejects with the client's error. */
export function runScript(
  client: Client,
  script: LabelScript,
  key: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  return sendScript(client, script, 'digest', key, args).catch((error: unknown) => {
    if (!isUnknownScript(error)) throw error;
    return sendScript(client, script, 'text', key, args);
  });
}

export function isUnknownScript(error: unknown): boolean {
  return toValkeyError(error).failure === 'no_script';
}

import { secretSource, type SecretScope } from '../text/secret-source.ts';
import { mapOf, numberOf, readTlsFiles, textOf, type Block } from '../valkey/read-block.ts';
import type { RedisConfigFinding } from './check-redis-config.ts';
import type { RedisConfig, RedisTlsConfig, SentinelConfig } from './redis-config.ts';

/** What is used where a bundle writes no `key_prefix`. */
export const DEFAULT_KEY_PREFIX = 'indelible:session:';

/** How a bundle writes the keys of a `RedisConfig`. */
const SPELLING: Readonly<Record<string, string>> = {
  masterName: 'master_name',
  passwordSource: 'password_source',
  keyPrefix: 'key_prefix',
  dialTimeout: 'dial_timeout_ms',
  readTimeout: 'read_timeout_ms',
  writeTimeout: 'write_timeout_ms',
  insecureSkipVerify: 'insecure_skip_verify',
  caCert: 'ca_cert',
  caFile: 'ca_file',
  certFile: 'cert_file',
  keyFile: 'key_file',
  serverName: 'server_name',
  ttl: 'ttl_seconds',
  maxLifetime: 'max_lifetime_seconds',
};

/** A key of a `RedisConfig` or of lifetimes as a bundle writes it. */
export function spellInBundle(key: string): string {
  return SPELLING[key] ?? key;
}

/** Runs `read`; what it throws becomes a finding. */
export type Attempt = <T>(code: RedisConfigFinding['code'], key: readonly string[], read: () => T) => T | undefined;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The config that a block of kind `redis` writes in its own spelling; the block satisfies the schema. */
export function readRedisBlock(block: Block, scope: SecretScope, attempt: Attempt): RedisConfig {
  const addr = textOf(block, 'addr');
  const sentinel = mapOf(block, 'sentinel');
  const tls = tlsOf(block, scope, attempt);
  const numbers: Mutable<Pick<RedisConfig, 'db' | 'dialTimeout' | 'readTimeout' | 'writeTimeout'>> = {};
  for (const key of ['db', 'dialTimeout', 'readTimeout', 'writeTimeout'] as const) {
    const value = numberOf(block, spellInBundle(key));
    if (value !== undefined) numbers[key] = value;
  }
  return {
    ...(addr === undefined ? {} : { addr }),
    ...(sentinel === undefined ? {} : { sentinel: sentinelOf(sentinel, scope, attempt) }),
    ...credentialsOf(block, [], scope, attempt),
    ...numbers,
    keyPrefix: textOf(block, 'key_prefix') ?? DEFAULT_KEY_PREFIX,
    ...(tls === undefined ? {} : { tls }),
  };
}

function sentinelOf(block: Block, scope: SecretScope, attempt: Attempt): SentinelConfig {
  const addrs = block['addrs'];
  return {
    masterName: textOf(block, 'master_name') ?? '',
    addrs: Array.isArray(addrs) ? addrs.map(String) : [],
    ...credentialsOf(block, ['sentinel'], scope, attempt),
  };
}

function credentialsOf(
  block: Block,
  path: readonly string[],
  scope: SecretScope,
  attempt: Attempt,
): Pick<RedisConfig, 'username' | 'password' | 'passwordSource'> {
  const [username, password] = [textOf(block, 'username'), textOf(block, 'password')];
  const source = mapOf(block, 'password_source');
  const key = [...path, 'password_source'];
  const passwordSource = source && attempt('transport/credentials', key, () => secretSource(source, scope));
  // A source that cannot be had is reported as such, and not as a missing password too.
  const lost = source !== undefined && passwordSource === undefined;
  return {
    ...(username === undefined || lost ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(passwordSource === undefined ? {} : { passwordSource }),
  };
}

function tlsOf(block: Block, { baseDirectory }: SecretScope, attempt: Attempt): RedisTlsConfig | undefined {
  if (block['tls'] === true) return {};
  const map = mapOf(block, 'tls');
  if (map === undefined) return undefined;
  const caCert = textOf(map, 'ca_cert');
  const { certificateFile: certFile, ...files } =
    attempt('transport/tls', ['tls'], () => readTlsFiles(map, baseDirectory)) ?? {};
  return {
    ...(map['insecure_skip_verify'] === true ? { insecureSkipVerify: true } : {}),
    ...(caCert === undefined ? {} : { caCert }),
    ...files,
    ...(certFile === undefined ? {} : { certFile }),
  };
}

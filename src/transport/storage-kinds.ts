import { address, password, passwordSource, tlsKeys, username } from '../valkey/block-schema.ts';
import type { SecretScope } from '../text/secret-source.ts';
import { numberOf, type Block } from '../valkey/read-block.ts';
import type { Alarm } from '../session/label-store.ts';
import { checkRedisConfig, type Lifetimes, type RedisConfigFinding } from './check-redis-config.ts';
import { LOCAL_DEFAULTS, LocalStorage } from './local-storage.ts';
import { DEFAULT_KEY_PREFIX, readRedisBlock, spellInBundle, type Attempt } from './read-redis-block.ts';
import { REDIS_DEFAULTS } from './redis-config.ts';
import { RedisStorage } from './redis-storage.ts';
import type { TransportStorage } from './transport-storage.ts';

/** What a storage may need from its process. */
export interface StorageContext extends SecretScope {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Never throws. */
  readonly alarm: (alarm: Alarm) => void;
}

/** What became of a block; `key` of a finding is a path as the bundle writes it. */
export interface BuiltStorage {
  /** Undefined when a finding is an error. */
  readonly storage: TransportStorage | undefined;
  readonly findings: readonly RedisConfigFinding[];
}

/** One `kind` of `transport_sessions`. `schema` (JSON Schema 2020-12, closed) describes the block; `build` does not dial. */
export interface StorageKind {
  readonly kind: string;
  readonly schema: Readonly<Record<string, unknown>>;
  build(block: Block, context: StorageContext): BuiltStorage;
}

const DEFAULT_TTL_SECONDS = 3600;

const ttl = {
  type: 'integer',
  default: DEFAULT_TTL_SECONDS,
  description: 'a session untouched for this long is gone',
} as const;
const maxLifetime = {
  type: 'integer',
  description: 'longest life of a session, however much it is used; absent means no limit',
} as const;
const timeout = (milliseconds: number, description: string): object => ({
  type: 'integer',
  maximum: 60_000,
  default: milliseconds,
  description,
});

const memoryKind: StorageKind = {
  kind: 'memory',
  schema: {
    type: 'object',
    properties: {
      kind: { const: 'memory', description: 'sessions live in this process and end with it' },
      max_sessions: {
        type: 'integer',
        maximum: 16_000_000,
        default: LOCAL_DEFAULTS.maxSessions,
        description: 'sessions kept at most; at the bound new sessions are refused',
      },
      ttl_seconds: ttl,
      max_lifetime_seconds: maxLifetime,
    },
    required: ['kind'],
    additionalProperties: false,
  },
  build(block, { now }) {
    const bounds = ['max_sessions', 'ttl_seconds', 'max_lifetime_seconds'];
    const findings = bounds.flatMap((key): readonly RedisConfigFinding[] => {
      const value = numberOf(block, key);
      if (value === undefined || value > 0) return [];
      return [{ code: 'transport/range', key: [key], message: `\`${key}\` must be positive` }];
    });
    if (findings.length > 0) return { storage: undefined, findings };
    const maxSessions = numberOf(block, 'max_sessions');
    const bound = maxSessions === undefined ? {} : { maxSessions };
    return { storage: new LocalStorage({ ...bound, ...lifetimesOf(block), now }), findings };
  },
};

const redisKind: StorageKind = {
  kind: 'redis',
  schema: {
    type: 'object',
    properties: {
      kind: { const: 'redis', description: 'sessions live in Valkey or Redis, shared by all replicas' },
      addr: address,
      sentinel: {
        type: 'object',
        description: 'Sentinels that know the primary',
        properties: {
          master_name: { type: 'string', minLength: 1, description: 'what the Sentinels call the primary' },
          addrs: { type: 'array', minItems: 1, items: address },
          username,
          password,
          password_source: passwordSource,
        },
        required: ['master_name', 'addrs'],
        additionalProperties: false,
      },
      username,
      password,
      password_source: passwordSource,
      db: { type: 'integer', default: 0, description: 'number of the database' },
      key_prefix: {
        type: 'string',
        maxLength: 128,
        default: DEFAULT_KEY_PREFIX,
        description: 'keys are the prefix, which ends in a colon, and the id of the session',
      },
      dial_timeout_ms: timeout(REDIS_DEFAULTS.dialTimeout, 'limit of one attempt to connect and log in'),
      read_timeout_ms: timeout(REDIS_DEFAULTS.readTimeout, 'limit of a load, retries included'),
      write_timeout_ms: timeout(REDIS_DEFAULTS.writeTimeout, 'limit of every other call, retries included'),
      tls: {
        description: '`true`, or files for a private authority and for a certificate of the gateway itself',
        type: ['boolean', 'object'],
        properties: {
          ...tlsKeys,
          ca_cert: { type: 'string', minLength: 1, description: 'instead of `ca_file`: the certificates as PEM' },
          insecure_skip_verify: { type: 'boolean', default: false, description: 'accepts any certificate' },
        },
        additionalProperties: false,
      },
      ttl_seconds: ttl,
      max_lifetime_seconds: maxLifetime,
    },
    required: ['kind'],
    additionalProperties: false,
  },
  build(block, context) {
    const findings: RedisConfigFinding[] = [];
    const attempt: Attempt = (code, key, read) => {
      try {
        return read();
      } catch (error) {
        findings.push({ code, key, message: error instanceof Error ? error.message : 'it cannot be read' });
        return undefined;
      }
    };
    const config = readRedisBlock(block, context, attempt);
    const lifetimes = lifetimesOf(block);
    const checked = checkRedisConfig(config, lifetimes, spellInBundle);
    findings.push(...checked.map((finding) => ({ ...finding, key: finding.key.map(spellInBundle) })));
    const usable = findings.every(({ code }) => code === 'transport/insecure-skip-verify');
    const { ttl: idle, ...options } = lifetimes;
    const { now, alarm } = context;
    return { storage: usable ? new RedisStorage(config, idle, { ...options, now, alarm }) : undefined, findings };
  },
};

/** The kinds that a bundle may name. Source: session state specification part B. */
export const STORAGE_KINDS: readonly StorageKind[] = [memoryKind, redisKind];

function lifetimesOf(block: Block): Lifetimes {
  const longest = numberOf(block, 'max_lifetime_seconds');
  return {
    ttl: (numberOf(block, 'ttl_seconds') ?? DEFAULT_TTL_SECONDS) * 1000,
    ...(longest === undefined ? {} : { maxLifetime: longest * 1000 }),
  };
}

import { DEFAULT_PORT, DEFAULT_SENTINEL_PORT, parseAddress, type Address } from '../valkey/address.ts';
import type { ConnectionDescription, Topology } from '../valkey/connection-description.ts';
import { heldSecret, type SecretSource } from '../text/secret-source.ts';

/** Time limits unless given, in milliseconds. Source: seed document of the transport session storage. */
export const REDIS_DEFAULTS = { dialTimeout: 5000, readTimeout: 3000, writeTimeout: 3000 } as const;

/** How to reach the server. Exactly one of `addr` and `sentinel` is given. Times in milliseconds. */
export interface RedisConfig {
  /** A server as `host:port`. */
  readonly addr?: string;
  readonly sentinel?: SentinelConfig;
  readonly username?: string;
  readonly password?: string;
  /** Instead of `password`; a file is read again at each connection. */
  readonly passwordSource?: SecretSource;
  readonly db?: number;
  /** Keys are the prefix followed by the id; it ends in a colon. */
  readonly keyPrefix: string;
  /** Limit of one attempt to connect and log in; default 5000. */
  readonly dialTimeout?: number;
  /** Limit of a load, retries and waiting for a connection included; default 3000. */
  readonly readTimeout?: number;
  /** Limit of every other call; default 3000. */
  readonly writeTimeout?: number;
  /** Absent means plaintext, which only loopback addresses may have. */
  readonly tls?: RedisTlsConfig;
}

export interface SentinelConfig {
  readonly masterName: string;
  /** Sentinels as `host:port`. */
  readonly addrs: readonly string[];
  /** Of the Sentinels themselves. */
  readonly username?: string;
  readonly password?: string;
  readonly passwordSource?: SecretSource;
}

/** Paths are absolute; the files are read again at each connection. Without `caCert` and `caFile` the system's roots count. */
export interface RedisTlsConfig {
  readonly insecureSkipVerify?: boolean;
  /** Trusted certificates as PEM. */
  readonly caCert?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Name that the server's certificate must carry. */
  readonly serverName?: string;
}

/** The connection that a checked config describes. */
export function describeConnection(config: RedisConfig): ConnectionDescription {
  const { username, tls, db = 0 } = config;
  const password = passwordOf(config);
  const limits = timeLimits(config);
  return {
    topology: topologyOf(config),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            insecureSkipVerify: tls.insecureSkipVerify === true,
            ...(tls.caCert === undefined ? {} : { ca: tls.caCert }),
            ...(tls.caFile === undefined ? {} : { caFile: tls.caFile }),
            ...(tls.certFile === undefined ? {} : { certificateFile: tls.certFile }),
            ...(tls.keyFile === undefined ? {} : { keyFile: tls.keyFile }),
            ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
          },
        }),
    ...(password === undefined ? {} : { credentials: { ...(username === undefined ? {} : { username }), password } }),
    database: db,
    connectTimeout: limits.dialTimeout,
    commandTimeout: Math.max(limits.readTimeout, limits.writeTimeout),
    name: 'indelible-sessions',
  };
}

export function timeLimits(config: RedisConfig): Record<keyof typeof REDIS_DEFAULTS, number> {
  const { dialTimeout, readTimeout, writeTimeout } = config;
  return {
    dialTimeout: dialTimeout ?? REDIS_DEFAULTS.dialTimeout,
    readTimeout: readTimeout ?? REDIS_DEFAULTS.readTimeout,
    writeTimeout: writeTimeout ?? REDIS_DEFAULTS.writeTimeout,
  };
}

function topologyOf({ addr, sentinel }: RedisConfig): Topology {
  if (sentinel === undefined) return { kind: 'standalone', address: addressOf(addr ?? '', DEFAULT_PORT) };
  const { masterName, addrs, username } = sentinel;
  const password = passwordOf(sentinel);
  return {
    kind: 'sentinel',
    masterName,
    addresses: addrs.map((text) => addressOf(text, DEFAULT_SENTINEL_PORT)),
    ...(password === undefined ? {} : { credentials: { ...(username === undefined ? {} : { username }), password } }),
  };
}

function addressOf(text: string, port: number): Address {
  const address = parseAddress(text, port);
  if (address === undefined) throw new TypeError('the config was not checked');
  return address;
}

function passwordOf({
  password,
  passwordSource,
}: Pick<RedisConfig, 'password' | 'passwordSource'>): SecretSource | undefined {
  return passwordSource ?? (password === undefined ? undefined : heldSecret(password));
}

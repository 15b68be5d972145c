import { DEFAULT_PORT, DEFAULT_SENTINEL_PORT, parseAddress, type Address } from '../valkey/address.ts';
import {
  checkDescription,
  type ConnectionDescription,
  type Credentials,
  type TlsDescription,
  type Topology,
} from '../valkey/connection-description.ts';
import { parseEndpoint, type Endpoint } from '../valkey/endpoint.ts';
import { isMap, mapOf, numberOf, readTlsFiles, textOf, type Block } from '../valkey/read-block.ts';
import {
  heldSecret,
  readSecretSource,
  secretSource,
  type SecretScope,
  type SecretSource,
} from '../text/secret-source.ts';
import { DEFAULTS } from './valkey-store-schema.ts';

/** Bytes that a key of `integrity` must have: as many as SHA-256 gives. */
export const MIN_KEY_BYTES = 32;

/** Part of its lifetime that a session has left at least after a load, which extends it when less is left. */
export const LEAST_LEFT = 0.9;

/** What an append must have reached; `timeout` in milliseconds. */
export interface Durability {
  readonly ack: 'aof' | 'replicas';
  readonly replicas: number;
  readonly timeout: number;
}

/** A checked `session_store` block of kind `valkey`. */
export interface ValkeyStoreSettings {
  readonly connection: ConnectionDescription;
  readonly keyPrefix: string;
  /** Milliseconds; undefined means that labels stay. */
  readonly ttl: number | undefined;
  /** Undefined means that the memory of the primary is enough. */
  readonly durability: Durability | undefined;
  /** The first signs, all verify; undefined means that labels are stored as they are. */
  readonly integrityKeys: readonly SecretSource[] | undefined;
}

/**
 * Reads a block that satisfies the schema. Throws an `Error` for the author when its parts contradict each other, when
 * it would send credentials in the clear, or when a secret or file it names cannot be had. No text of the block that
 * may hold credentials is repeated.
 */
export function readSettings(block: Block, scope: SecretScope): ValkeyStoreSettings {
  const connection = readConnection(block, scope);
  return {
    connection,
    keyPrefix: textOf(block, 'key_prefix') ?? DEFAULTS.keyPrefix,
    ttl: millisecondsOf(block, 'ttl_seconds'),
    durability: readDurability(mapOf(block, 'durability'), connection),
    integrityKeys: readIntegrity(mapOf(block, 'integrity'), scope),
  };
}

function readConnection(block: Block, scope: SecretScope): ConnectionDescription {
  const text = textOf(block, 'endpoint');
  const endpoint = text === undefined ? undefined : parseEndpoint(text);
  const credentials = readCredentials(block, endpoint, scope);
  const tls = readTls(block, endpoint, scope);
  const description: ConnectionDescription = {
    topology: readTopology(block, endpoint, scope),
    ...(tls === undefined ? {} : { tls }),
    ...(credentials === undefined ? {} : { credentials }),
    database: endpoint?.database ?? 0,
    connectTimeout: numberOf(block, 'connect_timeout_ms') ?? DEFAULTS.connectTimeout,
    commandTimeout: numberOf(block, 'command_timeout_ms') ?? DEFAULTS.commandTimeout,
    name: 'indelible-labels',
  };
  checkDescription(description);
  return description;
}

function readTopology(block: Block, endpoint: Endpoint | undefined, scope: SecretScope): Topology {
  if (endpoint !== undefined) return { kind: 'standalone', address: endpoint.address };
  const sentinel = mapOf(block, 'sentinel');
  if (sentinel === undefined) {
    return { kind: 'cluster', nodes: addressesOf(mapOf(block, 'cluster'), 'nodes', DEFAULT_PORT) };
  }
  const credentials = credentialsOf(sentinel, scope);
  return {
    kind: 'sentinel',
    masterName: textOf(sentinel, 'master_name') ?? '',
    addresses: addressesOf(sentinel, 'addresses', DEFAULT_SENTINEL_PORT),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function addressesOf(block: Block | undefined, key: string, defaultPort: number): readonly Address[] {
  const texts: unknown = block?.[key];
  return (Array.isArray(texts) ? texts : []).map((text, index) => {
    const address = parseAddress(String(text), defaultPort);
    if (address === undefined) throw new Error(`entry ${index + 1} of \`${key}\` is not \`host:port\``);
    return address;
  });
}

function readCredentials(block: Block, endpoint: Endpoint | undefined, scope: SecretScope): Credentials | undefined {
  const apart = ['username', 'password', 'password_source'].filter((key) => block[key] !== undefined);
  if (endpoint?.isUrl !== true) return credentialsOf(block, scope);
  if (apart[0] !== undefined) {
    throw new Error(`\`endpoint\` is a URL, so \`${apart[0]}\` is not read: give the credentials in one place`);
  }
  const { username, password } = endpoint;
  if (password === undefined) {
    if (username !== undefined) throw new Error('the URL in `endpoint` has a username but no password');
    return undefined;
  }
  return { ...(username === undefined ? {} : { username }), password: heldSecret(password) };
}

function credentialsOf(block: Block, scope: SecretScope): Credentials | undefined {
  const username = textOf(block, 'username');
  const written = textOf(block, 'password');
  const source = mapOf(block, 'password_source');
  if (written !== undefined && source !== undefined) {
    throw new Error('`password` and `password_source` are both given: keep one');
  }
  if (written === undefined && source === undefined) {
    if (username !== undefined) throw new Error('`username` is given without `password` or `password_source`');
    return undefined;
  }
  const password = source === undefined ? heldSecret(written ?? '') : secretSource(source, scope);
  return { ...(username === undefined ? {} : { username }), password };
}

function readTls(
  block: Block,
  endpoint: Endpoint | undefined,
  { baseDirectory }: SecretScope,
): TlsDescription | undefined {
  const map = mapOf(block, 'tls');
  const wanted = map !== undefined || block['tls'] === true;
  if (endpoint?.tls === false && wanted) {
    throw new Error('`tls` is on but the URL in `endpoint` is plaintext: write `rediss://`');
  }
  if (endpoint?.tls === true && block['tls'] === false) {
    throw new Error('`tls` is `false` but the URL in `endpoint` asks for TLS');
  }
  if (!wanted && endpoint?.tls !== true) return undefined;
  return map === undefined ? {} : readTlsFiles(map, baseDirectory);
}

function readDurability(block: Block | undefined, connection: ConnectionDescription): Durability | undefined {
  const ack = block && textOf(block, 'ack');
  const replicas = block && numberOf(block, 'min_replicas');
  if (block === undefined || ack === 'memory') {
    if (replicas !== undefined) throw new Error('`min_replicas` needs `ack: aof` or `ack: replicas`');
    return undefined;
  }
  const { commandTimeout, topology } = connection;
  // A confirmation names no key, so a cluster client cannot send it to the node that took the append.
  if (topology.kind === 'cluster')
    throw new Error('`durability` other than `ack: memory` is not available on a `cluster`');
  const timeout = numberOf(block, 'timeout_ms') ?? Math.ceil(commandTimeout * 0.8);
  if (timeout >= commandTimeout) {
    throw new Error(`\`timeout_ms\` of \`durability\` must be below \`command_timeout_ms\` (${commandTimeout})`);
  }
  return ack === 'aof'
    ? { ack: 'aof', replicas: replicas ?? 0, timeout }
    : { ack: 'replicas', replicas: replicas ?? 1, timeout };
}

function readIntegrity(block: Block | undefined, scope: SecretScope): readonly SecretSource[] | undefined {
  const current = block && mapOf(block, 'key_source');
  if (block === undefined || current === undefined) return undefined;
  const accepted = block['accepted_key_sources'];
  const earlier = (Array.isArray(accepted) ? accepted : []).filter(isMap);
  return [current, ...earlier].map((each) => {
    const key = readSecretSource(secretSource(each, scope));
    if (Buffer.byteLength(key) < MIN_KEY_BYTES) {
      throw new Error(`a key of \`integrity\` has fewer than ${MIN_KEY_BYTES} bytes`);
    }
    return heldSecret(key);
  });
}

function millisecondsOf(block: Block, key: string): number | undefined {
  const seconds = numberOf(block, key);
  return seconds === undefined ? undefined : seconds * 1000;
}

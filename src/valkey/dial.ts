import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type ClusterOptions, type NatMap, type RedisOptions } from 'iovalkey';
import { isLoopback, parseAddress, type Address } from './address.ts';
import type { ConnectionDescription, Credentials, TlsDescription, Topology } from './connection-description.ts';
import { readSecretSource } from '../text/secret-source.ts';
import { SILENCE_FACTOR, SingleClient } from './single-client.ts';
import { withTimeLimit } from './time-limit.ts';
import { toValkeyError, ValkeyError } from './valkey-error.ts';

/** A connected client. It never reconnects: once it is gone another is dialled. */
export type Client = Redis | Cluster;

/** Makes a new connection fit for use, such as by loading scripts. What it rejects with ends the connection. */
export type Prepare = (client: Client) => Promise<void>;

/**
 * One attempt to connect, log in and prepare; within the description's limit, which each Sentinel gets anew. Rejects
 * with a `ValkeyError` that tells why, and leaves nothing behind. Secrets and certificates are read now.
 */
export async function dial(description: ConnectionDescription, prepare: Prepare): Promise<Client> {
  const material = readMaterial(description);
  const { topology, connectTimeout } = description;
  const refusals = new Refusals(description.tls === undefined);
  const client =
    topology.kind === 'cluster'
      ? clusterClient(description, topology, material, refusals)
      : singleClient(description, topology, material, refusals);
  let firstError: ValkeyError | undefined;
  const note = (error: unknown): void => {
    firstError ??= toValkeyError(error);
  };
  client.on('error', note);
  if (client instanceof Cluster) client.on('node error', note);
  const attempts = topology.kind === 'sentinel' ? topology.addresses.length + 1 : 1;
  try {
    const opened = open(client).then(() => logIn(client, description, material).then(() => prepare(client)));
    await withTimeLimit(
      opened,
      connectTimeout * attempts,
      () => new ValkeyError('unavailable', 'no connection in time'),
    );
    return client;
  } catch (error) {
    client.disconnect();
    throw refusals.error ?? firstError ?? toValkeyError(error);
  }
}

/** A cluster client's own promise does not settle when the cluster was still forming. */
function open(client: Client): Promise<void> {
  if (client instanceof Redis) return client.connect();
  return new Promise((resolve, reject) => {
    client.once('ready', resolve);
    client.connect().then(resolve, reject);
  });
}

/** Secrets and certificates of one attempt. */
interface Material {
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly tls: ConnectionOptions | undefined;
}

function readMaterial({ topology, credentials, tls }: ConnectionDescription): Material {
  try {
    return {
      password: credentials && readSecretSource(credentials.password),
      sentinelPassword:
        topology.kind === 'sentinel' && topology.credentials
          ? readSecretSource(topology.credentials.password)
          : undefined,
      tls: tls && tlsOptions(tls),
    };
  } catch (error) {
    throw new ValkeyError('refused', error instanceof Error ? error.message : 'a secret cannot be read');
  }
}

function tlsOptions(tls: TlsDescription): ConnectionOptions {
  const ca = tls.caFile === undefined ? tls.ca : read(tls.caFile);
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: tls.insecureSkipVerify !== true,
    ...(ca === undefined ? {} : { ca }),
    ...(tls.certificateFile === undefined ? {} : { cert: read(tls.certificateFile) }),
    ...(tls.keyFile === undefined ? {} : { key: read(tls.keyFile) }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new Error(`the file \`${path}\` cannot be read`);
  }
}

/** Refuses servers that Sentinel or the cluster names, when they would be reached in the clear over a network. */
class Refusals {
  error: ValkeyError | undefined;
  readonly #plaintext: boolean;

  constructor(plaintext: boolean) {
    this.#plaintext = plaintext;
  }

  refuses(address: string): boolean {
    const host = parseAddress(address, 1)?.host ?? hostOf(address);
    if (!this.#plaintext || isLoopback(host)) return false;
    this.error = new ValkeyError(
      'refused',
      `\`${host}\` was named as a server, and plaintext is for loopback addresses`,
    );
    return true;
  }
}

/** Addresses are told as `host:port` without brackets around IPv6. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

/** What all clients have: nothing is queued, resent or retried behind the caller's back. */
function commonOptions(
  { connectTimeout, commandTimeout }: ConnectionDescription,
  material: Material,
): RedisOptions & { readonly commandTimeout: number } {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout,
    disconnectTimeout: connectTimeout,
    commandTimeout,
    ...(material.tls === undefined ? {} : { tls: material.tls }),
  };
}

function singleClient(
  description: ConnectionDescription,
  topology: Exclude<Topology, { kind: 'cluster' }>,
  material: Material,
  refusals: Refusals,
): Redis {
  const options = { ...commonOptions(description, material), retryStrategy: () => null };
  if (topology.kind === 'standalone') {
    const { host, port } = topology.address;
    return new SingleClient({ ...options, ...withServerName(options, host), host, port });
  }
  const { tls } = material;
  const { connectTimeout } = description;
  const natMap: NatMap = (address) => {
    if (refusals.refuses(address)) throw refusals.error;
    return null;
  };
  return new SingleClient({
    ...options,
    sentinels: startingAnywhere(topology.addresses),
    name: topology.masterName,
    updateSentinels: false,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: connectTimeout,
    natMap,
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    ...sentinelLogin(topology.credentials, material),
  });
}

/** So that a Sentinel that is down delays only some of the attempts. */
function startingAnywhere(addresses: readonly Address[]): Address[] {
  const start = Math.floor(Math.random() * addresses.length);
  return [...addresses.slice(start), ...addresses.slice(0, start)];
}

function sentinelLogin(credentials: Credentials | undefined, { sentinelPassword }: Material): RedisOptions {
  return {
    ...(credentials?.username === undefined ? {} : { sentinelUsername: credentials.username }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}

/** Names the host to the server, which may hold certificates of several names. */
function withServerName({ tls }: RedisOptions, host: string): RedisOptions {
  return tls === undefined || tls.servername !== undefined || isIP(host) !== 0
    ? {}
    : { tls: { ...tls, servername: host } };
}

/** Refused nodes are led to a port where nobody listens, since the client does not catch what a map throws. */
const NOWHERE = { host: '127.0.0.1', port: 1 };

function clusterClient(
  description: ConnectionDescription,
  topology: Extract<Topology, { kind: 'cluster' }>,
  material: Material,
  refusals: Refusals,
): Cluster {
  const { connectTimeout, credentials } = description;
  const options: ClusterOptions = {
    lazyConnect: true,
    enableOfflineQueue: false,
    scaleReads: 'master',
    slotsRefreshTimeout: connectTimeout,
    clusterRetryStrategy: () => null,
    natMap: (address) => (refusals.refuses(address) ? NOWHERE : null),
    redisOptions: {
      ...commonOptions(description, material),
      socketTimeout: description.commandTimeout * SILENCE_FACTOR,
      ...(credentials?.username === undefined ? {} : { username: credentials.username }),
      ...(material.password === undefined ? {} : { password: material.password }),
    },
  };
  return new Cluster(
    topology.nodes.map(({ host, port }) => ({ host, port })),
    options,
  );
}

/**
 * Logs in on the one connection of a client. The client's own way would go on without a log-in when the server knows
 * no password. A cluster client logs in on each of its connections by itself.
 */
async function logIn(client: Client, description: ConnectionDescription, { password }: Material): Promise<void> {
  if (client instanceof Cluster) return;
  const { credentials, database, name } = description;
  if (password !== undefined) {
    await client.call('AUTH', ...(credentials?.username === undefined ? [] : [credentials.username]), password);
  }
  if (database !== 0) await client.call('SELECT', database);
  // A name helps operators, and a user that may not set it works as well.
  await client.call('CLIENT', 'SETNAME', name).catch(() => undefined);
}

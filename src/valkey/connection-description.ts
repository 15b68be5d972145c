import { isLoopback, type Address } from './address.ts';
import type { SecretSource } from '../text/secret-source.ts';

/** Who to log in as. `username` absent means the default user. */
export interface Credentials {
  readonly username?: string;
  readonly password: SecretSource;
}

/** Paths are absolute; the files are read again at each connection, so that renewed certificates are used. */
export interface TlsDescription {
  /** Certificates that are trusted instead of the system's. */
  readonly caFile?: string;
  /** Certificates that are trusted instead of the system's, as PEM text. */
  readonly ca?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Name that the server's certificate must carry, when it is not the host that is connected to. */
  readonly serverName?: string;
  /** Accepts any certificate. */
  readonly insecureSkipVerify?: boolean;
}

export type Topology =
  | { readonly kind: 'standalone'; readonly address: Address }
  | {
      readonly kind: 'sentinel';
      readonly masterName: string;
      readonly addresses: readonly Address[];
      /** For the Sentinels themselves; those of the description are for the servers. */
      readonly credentials?: Credentials;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly Address[] };

/** One checked description of how to reach a Valkey or Redis deployment. Times in milliseconds. */
export interface ConnectionDescription {
  readonly topology: Topology;
  /** Absent means plaintext, which only loopback addresses may have. */
  readonly tls?: TlsDescription;
  readonly credentials?: Credentials;
  readonly database: number;
  /** Limit of one attempt to connect, log in and prepare. */
  readonly connectTimeout: number;
  /** Limit of one command. */
  readonly commandTimeout: number;
  /** What the server's client list calls the connection. */
  readonly name: string;
}

/**
 * Refuses what would send labels or credentials over a network in the clear. Throws an `Error` for the author of the
 * bundle. Source: session state specification, "Rejected at load".
 */
export function checkDescription(description: ConnectionDescription): void {
  const { topology, tls } = description;
  if (topology.kind === 'cluster' && description.database !== 0) {
    throw new Error('a cluster has no database but 0');
  }
  if (tls !== undefined) return;
  const remote = addressesOf(topology).find(({ host }) => !isLoopback(host));
  if (remote === undefined) return;
  throw new Error(`\`${remote.host}\` is not this machine, so it needs \`tls\`: plaintext is for loopback addresses`);
}

export function addressesOf(topology: Topology): readonly Address[] {
  switch (topology.kind) {
    case 'standalone':
      return [topology.address];
    case 'sentinel':
      return topology.addresses;
    case 'cluster':
      return topology.nodes;
  }
}

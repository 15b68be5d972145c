import type { Engine } from '../../engine/engine.ts';
import type { BackendLabels } from '../../engine/restrict.ts';
import type { TransportStorage } from '../../transport/transport-storage.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** Bounds on what one client, one request or the upstream can make the gateway hold or wait for. */
export interface GatewayLimits {
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  /** Bytes of a response that is decided as a whole. */
  readonly maxResponseBytes: number;
  /** Bytes of one event of a stream. */
  readonly maxEventBytes: number;
  /** Requests served at the same time, GET streams apart; more are answered 503. */
  readonly maxInFlight: number;
  /** GET event streams open at the same time. */
  readonly maxStreams: number;
  readonly maxSessions: number;
  /** Tasks whose results can still be fetched. */
  readonly maxTasks: number;
  /** A session that no request names for so long is gone. */
  readonly sessionIdleMs: number;
  /** To receive a request, headers and body. */
  readonly requestMs: number;
  /** For a client to take in what was written to it. */
  readonly clientStallMs: number;
  readonly upstreamConnectMs: number;
  /** To the headers of the upstream's response, which a tool that answers in JSON sends when it is done. */
  readonly upstreamHeadersMs: number;
  /** From the headers to the end of a response that is no stream. */
  readonly upstreamBodyMs: number;
  /** Between two pieces of an event stream. */
  readonly streamIdleMs: number;
  /** For the work in flight to end once the gateway closes. */
  readonly drainMs: number;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  maxBodyBytes: 4 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxResponseBytes: 16 * 1024 * 1024,
  maxEventBytes: 16 * 1024 * 1024,
  maxInFlight: 1024,
  maxStreams: 4096,
  maxSessions: 100_000,
  maxTasks: 10_000,
  sessionIdleMs: 3_600_000,
  requestMs: 30_000,
  clientStallMs: 30_000,
  upstreamConnectMs: 5_000,
  upstreamHeadersMs: 120_000,
  upstreamBodyMs: 60_000,
  streamIdleMs: 600_000,
  drainMs: 30_000,
};

/** A server behind the gateway. */
export interface UpstreamOptions {
  /** Unique: letters, digits, `_`, `.`, `:`, `-`. Sessions remember it, logs and metrics show it. */
  readonly name: string;
  /** Its MCP endpoint. */
  readonly url: string;
  /** What `restrict` is matched with: `model`, `region`, `site`, `cost_tier` and any others. Default none. */
  readonly labels?: BackendLabels;
}

export interface GatewayOptions {
  /** Not closed by the gateway. */
  readonly engine: Engine;
  /** The only upstream, without labels. Its path is the gateway's too, `/mcp` when it has none. Either this or `upstreams`. */
  readonly upstream?: string;
  /**
   * Servers that offer the same tools, in the order of preference. Which ones a request may go to is what `restrict`
   * leaves; the path of the first is the gateway's.
   */
  readonly upstreams?: readonly UpstreamOptions[];
  /** Names of cost tiers, cheapest first. Default: tiers are numbers. */
  readonly costTiers?: readonly string[];
  readonly listen: ListenAddress;
  /** Where `/healthz`, `/readyz` and `/metrics` are served; nowhere when missing. */
  readonly admin?: ListenAddress;
  /** Names that clients call the gateway by, besides the loopback names and the listen address; see `createAuthorityCheck`. */
  readonly allowHosts?: readonly string[];
  readonly allowOrigins?: readonly string[];
  /** Lets the client's `authorization` header and the headers of its credentials through to the upstream. Default false. */
  readonly forwardAuthorization?: boolean;
  /** Leaves out of lists what policy is sure to deny to the caller. Default false. */
  readonly filterLists?: boolean;
  /** URL of the protected resource metadata (RFC 9728), named in challenges. */
  readonly resourceMetadata?: string;
  /** Scheme that clients use, for policy; `https` behind a proxy that ends TLS. Default `http`. */
  readonly scheme?: 'http' | 'https';
  readonly limits?: Partial<GatewayLimits>;
  /**
   * Where sessions live; not closed by the gateway. Default: what the engine's bundle configures, else this process, within
   * `maxSessions` and `sessionIdleMs`.
   */
  readonly sessions?: TransportStorage;
  /**
   * Name of what this gateway serves, the same for all its replicas. Sessions that were opened under another name, or at
   * an upstream of another name or URL, are unknown. Default empty.
   */
  readonly sessionScope?: string;
  /** Default: a log to standard error and a registry of its own. */
  readonly telemetry?: Telemetry;
}

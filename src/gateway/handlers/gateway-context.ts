import type { Tracer } from '@opentelemetry/api';
import type { Engine } from '../../engine/engine.ts';
import type { Decider } from './decide.ts';
import type { GatewayLimits } from '../options/gateway-options.ts';
import type { SessionLedgers } from '../sessions/session-ledgers.ts';
import type { SessionStreams } from '../sessions/session-streams.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { UpstreamSet } from '../upstream/upstream-set.ts';

/** What the handlers of a gateway share. */
export interface GatewayContext extends SessionLedgers {
  readonly engine: Engine;
  readonly decider: Decider;
  /** Path of the MCP endpoint. */
  readonly mcpPath: string;
  readonly upstreams: UpstreamSet;
  /** Sessions that were opened in another scope are unknown here. */
  readonly sessionScope: string;
  /** Begins the `requestState` of questions that this gateway asks, on all replicas. */
  readonly stateTag: string;
  readonly sessionStreams: SessionStreams;
  readonly telemetry: Telemetry;
  readonly limits: GatewayLimits;
  readonly scheme: 'http' | 'https';
  readonly forwardAuthorization: boolean;
  readonly filterLists: boolean;
  readonly resourceMetadata: string | undefined;
  /** Undefined when nobody records spans. */
  readonly tracer: Tracer | undefined;
}

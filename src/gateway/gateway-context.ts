import type { Engine } from '../engine/engine.ts';
import type { Decider } from './decide.ts';
import type { GatewayLimits } from './gateway-options.ts';
import type { RequestLedger } from './pending-requests.ts';
import type { SessionTable } from './session-table.ts';
import type { TaskLedger } from './task-ledger.ts';
import type { Telemetry } from './telemetry.ts';
import type { UpstreamSet } from './upstream-set.ts';

/** What the handlers of a gateway share. */
export interface GatewayContext {
  readonly engine: Engine;
  readonly decider: Decider;
  /** Path of the MCP endpoint. */
  readonly mcpPath: string;
  readonly upstreams: UpstreamSet;
  readonly sessions: SessionTable;
  readonly ledger: RequestLedger;
  readonly tasks: TaskLedger;
  readonly telemetry: Telemetry;
  readonly limits: GatewayLimits;
  readonly scheme: 'http' | 'https';
  readonly forwardAuthorization: boolean;
  readonly resourceMetadata: string | undefined;
}

import { startPassThroughProxy } from './pass-through-proxy.ts';
import type { RunningServer } from './running-server.ts';

/** Starts a gateway that allows everything, in front of the MCP endpoint `upstreamUrl`. */
export type StartGateway = (upstreamUrl: string) => Promise<RunningServer>;

export const startGateway: StartGateway = startPassThroughProxy;

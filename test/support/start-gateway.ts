import { startPolicyGateway } from '../../examples/hr/gateway.ts';
import type { RunningServer } from './running-server.ts';

const ALLOW_EVERYTHING = { name: 'allow-everything.yaml', text: 'global:\n  unmatched: allow\n' };

/** Starts a gateway that allows everything, in front of the MCP endpoint `upstreamUrl`. */
export function startGateway(upstreamUrl: string): Promise<RunningServer> {
  return startPolicyGateway({ policy: ALLOW_EVERYTHING, upstream: upstreamUrl, port: 0 });
}

import type { Server } from 'node:http';
import { listenOnLoopback } from '../../examples/hr/loopback-server.ts';

/** A server on a free loopback port. */
export interface RunningServer {
  /** The MCP endpoint. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts `server` on a free loopback port. `before` runs first when it is closed. */
export async function startOnFreePort(server: Server, before?: () => Promise<unknown>): Promise<RunningServer> {
  const listening = await listenOnLoopback(server, 0, 'test server', before);
  return { url: `${listening.origin}/mcp`, close: () => listening.close() };
}

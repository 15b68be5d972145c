import { once } from 'node:events';
import type { Server } from 'node:http';

/** A server that listens on the loopback interface only. */
export interface LoopbackServer {
  /** Without a path and without a slash at the end. */
  readonly origin: string;
  /** Ends what is in flight, too. */
  close(): Promise<void>;
}

/**
 * Starts `server` on 127.0.0.1; port 0 takes a free one. `before` runs first when it is closed. Rejects with a message
 * that names `what` when the port is taken.
 */
export async function listenOnLoopback(
  server: Server,
  port: number,
  what: string,
  before?: () => Promise<unknown>,
): Promise<LoopbackServer> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw namingPort(error, port, what);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`the ${what} has no port`);
  return {
    origin: `http://127.0.0.1:${address.port}`,
    async close() {
      await before?.();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The error of a socket that could not listen; when the port is taken, one that says so and names `what` needs it. */
export function namingPort(error: unknown, port: number, what: string): unknown {
  const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  if (!taken) return error;
  const message = `port ${port}, which the ${what} needs, is taken: stop what listens on it and try again`;
  return new Error(message, { cause: error });
}

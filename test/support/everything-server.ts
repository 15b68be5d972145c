import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { startOnFreePort, type RunningServer } from './running-server.ts';

interface Everything {
  readonly server: McpServer;
  readonly cleanup: (sessionId?: string) => void;
}

interface EverythingModule {
  readonly createServer: () => Everything;
}

/** The package has no types. */
function isEverythingModule(loaded: unknown): loaded is EverythingModule {
  return (
    typeof loaded === 'object' &&
    loaded !== null &&
    'createServer' in loaded &&
    typeof loaded.createServer === 'function'
  );
}

/**
 * `@modelcontextprotocol/server-everything`, a server of the old SDK line, with sessions. Its own executable listens on
 * all interfaces, so its server is put behind the old SDK's transport here.
 */
export async function startEverythingServer(): Promise<RunningServer> {
  const location = import.meta.resolve('@modelcontextprotocol/server-everything/dist/server/index.js');
  const everything: unknown = await import(location);
  if (!isEverythingModule(everything)) throw new Error('server-everything does not export createServer');
  const { createServer: createEverything } = everything;
  const sessions = new Map<string, { readonly transport: StreamableHTTPServerTransport; readonly end: () => void }>();

  async function open(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { server, cleanup } = createEverything();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, { transport, end: () => cleanup(id) }),
      onsessionclosed: (id) => {
        sessions.get(id)?.end();
        sessions.delete(id);
      },
    });
    await server.connect(transport);
    await transport.handleRequest(request, response);
  }

  const http = createServer((request, response) => {
    const id = request.headers['mcp-session-id'];
    if (typeof id !== 'string') {
      void open(request, response);
      return;
    }
    const session = sessions.get(id);
    if (session === undefined) response.writeHead(404).end();
    else void session.transport.handleRequest(request, response);
  });
  return startOnFreePort(http, async () => {
    for (const { transport, end } of sessions.values()) {
      end();
      await transport.close();
    }
  });
}

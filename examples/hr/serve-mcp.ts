import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isInitializeRequest,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
  type McpServer,
  type ServerNotifier,
  type WebStandardStreamableHTTPServerTransportOptions,
} from '@modelcontextprotocol/server';
import { listenOnLoopback } from './loopback-server.ts';

export interface ServeOptions {
  /** Makes a server for one 2025 session (`legacy`) or for one 2026-07-28 request (`modern`). */
  readonly build: (era: 'legacy' | 'modern') => McpServer;
  /** 0 for any free one. */
  readonly port: number;
  /** Further options of a session's transport, such as an event store. */
  readonly session?: () => WebStandardStreamableHTTPServerTransportOptions;
}

export interface McpEndpoint {
  readonly url: string;
  /** Tells subscribed 2026-07-28 clients that something changed. */
  readonly notify: ServerNotifier;
  close(): Promise<void>;
}

/**
 * Serves MCP over Streamable HTTP at `/mcp` on the loopback interface, to 2025 clients with sessions and to stateless
 * 2026-07-28 ones. Refuses a foreign `Host` or `Origin`, so that no web page can reach it by DNS rebinding.
 */
export async function serveMcp({ build, port, session }: ServeOptions): Promise<McpEndpoint> {
  const modern = createMcpHandler(() => build('modern'), { legacy: 'reject' });
  const sessions = createSessions(() => build('legacy'), session ?? (() => ({})));
  const handler = toNodeHandler({
    async fetch(request, options) {
      const refused =
        hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
        originValidationResponse(request, localhostAllowedOrigins());
      if (refused !== undefined) return refused;
      return (await isLegacyRequest(request)) ? sessions.fetch(request) : modern.fetch(request, options);
    },
  });
  const http = createServer((request, response) => {
    const { method = 'GET', url = '/' } = request;
    if (new URL(url, 'http://localhost').pathname === '/mcp') {
      void handler(Object.assign(request, { method, url }), response);
    } else {
      response.writeHead(404).end();
    }
  });
  const server = await listenOnLoopback(http, port, 'MCP server', () =>
    Promise.all([modern.close(), sessions.close()]),
  );
  return { url: `${server.origin}/mcp`, notify: modern.notify, close: () => server.close() };
}

interface Sessions {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/** The 2025 era: one server and transport per `Mcp-Session-Id`; an unknown id is 404, so that the client starts anew. */
function createSessions(
  build: () => McpServer,
  options: () => WebStandardStreamableHTTPServerTransportOptions,
): Sessions {
  const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();

  async function start(request: Request, body: unknown): Promise<Response> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      ...options(),
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    });
    await build().connect(transport);
    return transport.handleRequest(request, { parsedBody: body });
  }

  return {
    async fetch(request) {
      const id = request.headers.get('mcp-session-id');
      if (id !== null) {
        return transports.get(id)?.handleRequest(request) ?? refusal(404, -32001, 'Session not found');
      }
      if (request.method !== 'POST') return refusal(400, -32000, 'Mcp-Session-Id header is required');
      let body: unknown;
      try {
        body = await request.clone().json();
      } catch {
        return refusal(400, -32700, 'Parse error');
      }
      return isInitializeRequest(body)
        ? start(request, body)
        : refusal(400, -32000, 'Mcp-Session-Id header is required');
    },
    async close() {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
    },
  };
}

function refusal(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status });
}

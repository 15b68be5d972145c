import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  createRequestStateCodec,
  hostHeaderValidationResponse,
  isInitializeRequest,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  McpServer,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
  type McpHttpHandler,
} from '@modelcontextprotocol/server';
import { registerContentTools } from './conformance/content-tools.ts';
import { createEventLog } from './conformance/event-log.ts';
import { registerInputTools, type RoundState } from './conformance/input-tools.ts';
import { registerPrompts, registerResources } from './conformance/resources-and-prompts.ts';
import { textResult } from './conformance/content.ts';

/** A running MCP server on a free loopback port. */
export interface RunningServer {
  /** The MCP endpoint. */
  readonly url: string;
  close(): Promise<void>;
}

/** How long a client waits before it resumes a dropped stream, milliseconds. */
const RETRY_INTERVAL_MS = 20;

/**
 * The server that the official MCP conformance suite asks for: its fixed tools, prompts and resources, for 2025
 * clients with sessions and for stateless 2026-07-28 ones, on one endpoint. Refuses foreign `Host` and `Origin`.
 */
export async function startConformanceServer(): Promise<RunningServer> {
  const states = createRequestStateCodec<RoundState>({ key: randomBytes(32) });

  const build = (era: 'legacy' | 'modern'): McpServer => {
    const server = new McpServer(
      { name: 'conformance-fixture', version: '1.0.0' },
      {
        capabilities: {
          tools: { listChanged: true },
          prompts: { listChanged: true },
          resources: { listChanged: true, ...(era === 'legacy' && { subscribe: true }) },
          logging: {},
          completions: {},
        },
        requestState: { verify: (state, context) => states.verify(state, context) },
      },
    );
    registerContentTools(server);
    registerInputTools(server, states);
    registerResources(server);
    registerPrompts(server);
    server.registerTool('test_trigger_tool_change', { description: 'Announces that the tools changed' }, () => {
      modern.notify.toolsChanged();
      return textResult('announced');
    });
    server.registerTool('test_trigger_prompt_change', { description: 'Announces that the prompts changed' }, () => {
      modern.notify.promptsChanged();
      return textResult('announced');
    });
    if (era === 'legacy') {
      server.server.setRequestHandler('resources/subscribe', () => ({}));
      server.server.setRequestHandler('resources/unsubscribe', () => ({}));
    }
    return server;
  };

  const modern: McpHttpHandler = createMcpHandler(() => build('modern'), { legacy: 'reject' });
  const sessions = createSessions(() => build('legacy'));
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
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== '/mcp') {
      response.writeHead(404).end();
      return;
    }
    void handler(Object.assign(request, { method: request.method ?? 'GET', url: request.url ?? '/' }), response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    async close() {
      await Promise.all([modern.close(), sessions.close()]);
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

interface Sessions {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/** The 2025 era: one server and transport per `Mcp-Session-Id`; an unknown id is 404, so that the client starts anew. */
function createSessions(build: () => McpServer): Sessions {
  const transports = new Map<string, WebStandardStreamableHTTPServerTransport>();

  async function start(request: Request, body: unknown): Promise<Response> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: createEventLog(),
      retryInterval: RETRY_INTERVAL_MS,
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
        const transport = transports.get(id);
        return transport?.handleRequest(request) ?? refusal(404, -32001, 'Session not found');
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

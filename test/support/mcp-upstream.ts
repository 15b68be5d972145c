import { randomUUID } from 'node:crypto';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { startPeer } from './http-peer.ts';
import type { Peer } from './http-peer.ts';

/** Tools of a small payroll server. */
export function payrollServer(): McpServer {
  const server = new McpServer({ name: 'payroll', version: '1.0.0' });
  server.registerTool(
    'get_employee',
    {
      inputSchema: z.object({ id: z.string() }),
      outputSchema: z.object({ id: z.string(), ssn: z.string(), salary: z.number() }),
    },
    ({ id }) => {
      const employee = { id, ssn: '123-45-6789', salary: 100 };
      return { structuredContent: employee, content: [{ type: 'text', text: JSON.stringify(employee) }] };
    },
  );
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }));
  server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }));
  server.registerResource('note', 'note://today', {}, (uri) => ({
    contents: [{ uri: uri.href, text: 'buy milk' }],
  }));
  return server;
}

/** The payroll server of the 2025 era, with sessions; answers in JSON or, by default, in event streams. */
export async function startSessionUpstream(enableJsonResponse = false, make = payrollServer): Promise<Peer> {
  const transports = new Map<string, NodeStreamableHTTPServerTransport>();
  return startPeer(async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? transports.get(id) : undefined;
    if (known !== undefined) return known.handleRequest(request, response, body === '' ? undefined : JSON.parse(body));
    if (id !== undefined) return void response.writeHead(404).end();
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => `upstream-${randomUUID()}`,
      enableJsonResponse,
      onsessioninitialized: (opened) => void transports.set(opened, transport),
      onsessionclosed: (closed) => void transports.delete(closed),
    });
    await make().connect(transport);
    await transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body));
  });
}

/** The payroll server of the 2026-07-28 revision, which has no sessions; it serves older clients statelessly too. */
export async function startStatelessUpstream(
  responseMode: 'auto' | 'sse' = 'auto',
  make = payrollServer,
): Promise<Peer> {
  const handler = toNodeHandler(createMcpHandler(make, { responseMode }));
  return startPeer(async (request, response, body) => {
    const { method = 'GET', url = '/' } = request;
    await handler(Object.assign(request, { method, url }), response, body === '' ? undefined : JSON.parse(body));
  });
}

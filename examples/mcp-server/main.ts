import { fileURLToPath } from 'node:url';
import { Client, ProtocolError } from '@modelcontextprotocol/client';
import { InMemoryTransport, McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import { enforce } from '../../src/adapters/mcp.ts';
import { createEngine, loadBundle, renderText } from '../../src/index.ts';

const loaded = await loadBundle(fileURLToPath(new URL('policy.yaml', import.meta.url)));
if (!loaded.ok) throw new Error(renderText(loaded.diagnostics, { color: false }));
const engine = await createEngine(loaded.bundle);

/** A server that protects nothing itself. Over stdio or in memory there is one caller: whoever started the process. */
function hrServer(roles: readonly string[]): McpServer {
  const server = new McpServer({ name: 'hr', version: '1.0.0' });
  enforce(server, engine, { extensions: () => ({ subject: { id: roles.join() || 'guest', roles } }) });
  server.registerTool('get_compensation', { inputSchema: z.object({ employee_id: z.string() }) }, () => ({
    content: [{ type: 'text', text: JSON.stringify({ name: 'Emil', salary: 88_000, ssn: '123-45-6789' }) }],
  }));
  server.registerTool('send_email', { inputSchema: z.object({ to: z.string() }) }, () => ({
    content: [{ type: 'text', text: 'sent' }],
  }));
  server.registerTool('delete_everything', {}, () => ({ content: [{ type: 'text', text: 'gone' }] }));
  server.registerResource('handbook', 'handbook://contacts', {}, (uri) => ({
    contents: [{ uri: uri.href, text: 'Questions? hanna@example.com' }],
  }));
  return server;
}

async function connect(...roles: readonly string[]): Promise<Client> {
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  await hrServer(roles).connect(serverSide);
  const client = new Client({ name: 'example', version: '1.0.0' });
  await client.connect(clientSide);
  return client;
}

async function show(what: string, call: Promise<object>): Promise<void> {
  try {
    const result = await call;
    const texts = JSON.stringify('contents' in result ? result.contents : Reflect.get(result, 'content'));
    process.stdout.write(`${what}: allowed ${texts}\n`);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    process.stdout.write(`${what}: denied ${error.code} ${JSON.stringify(error.data)}\n`);
  }
}

if (process.argv.includes('--once')) {
  const hr = await connect('hr');
  const guest = await connect();
  const compensation = { name: 'get_compensation', arguments: { employee_id: 'E-100457' } };
  const email = { name: 'send_email', arguments: { to: 'x@example.com' } };
  await show('guest get_compensation', guest.callTool(compensation));
  await show('guest handbook://contacts', guest.readResource({ uri: 'handbook://contacts' }));
  await show('hr send_email', hr.callTool(email));
  await show('hr get_compensation', hr.callTool(compensation));
  await show('hr send_email', hr.callTool(email));
  await show('hr delete_everything', hr.callTool({ name: 'delete_everything', arguments: {} }));
  await Promise.all([hr.close(), guest.close()]);
  await engine.close();
} else {
  await hrServer(['hr']).connect(new StdioServerTransport());
}

import {
  Client as CurrentClient,
  StreamableHTTPClientTransport as CurrentTransport,
} from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

/** One thing a client asks of a server. */
export type PeerCall =
  | { readonly kind: 'list'; readonly what: 'tools' | 'prompts' | 'resources' | 'resource templates' }
  | { readonly kind: 'tool'; readonly name: string; readonly arguments?: Record<string, unknown> }
  | { readonly kind: 'prompt'; readonly name: string; readonly arguments?: Record<string, string> }
  | { readonly kind: 'resource'; readonly uri: string };

/** A connected MCP client, whichever SDK it is made with. */
export interface McpPeer {
  readonly protocolVersion: string | undefined;
  /** Progress and log messages in the order of arrival. */
  readonly notifications: readonly unknown[];
  call(call: PeerCall): Promise<unknown>;
  /** Ends the session at the server, if there is one, then the connection. */
  close(): Promise<void>;
}

const INFO = { name: 'test-client', version: '1.0.0' };
const CAPABILITIES = { sampling: {}, elicitation: {} };
const SAMPLED = { role: 'assistant', content: { type: 'text', text: 'sampled' }, model: 'test' } as const;
const FILLED_FORM = { action: 'accept', content: { username: 'jo', email: 'jo@example.com', name: 'Jo' } } as const;

/** A client of the old SDK line: protocol up to 2025-11-25, with sessions. */
export async function connectOldPeer(url: string): Promise<McpPeer> {
  const client = new OldClient(INFO, { capabilities: CAPABILITIES });
  const notifications: unknown[] = [];
  const onprogress = (progress: unknown): void => void notifications.push(progress);
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED);
  client.setRequestHandler(ElicitRequestSchema, () => FILLED_FORM);
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void notifications.push(params.data));
  const transport = new OldTransport(new URL(url));
  await client.connect(transport);
  return {
    protocolVersion: transport.protocolVersion,
    notifications,
    call(call) {
      switch (call.kind) {
        case 'list':
          if (call.what === 'tools') return client.listTools();
          if (call.what === 'prompts') return client.listPrompts();
          return call.what === 'resources' ? client.listResources() : client.listResourceTemplates();
        case 'tool':
          return client.callTool({ name: call.name, arguments: call.arguments ?? {} }, undefined, { onprogress });
        case 'prompt':
          return client.getPrompt({ name: call.name, arguments: call.arguments ?? {} });
        case 'resource':
          return client.readResource({ uri: call.uri });
      }
    },
    async close() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

/**
 * A client of the current SDK. With `mode` `legacy` it opens a 2025 session; with `auto` it speaks 2026-07-28 to a server
 * that does. `headers` go with every request.
 */
export async function connectPeer(
  url: string,
  mode: 'legacy' | 'auto',
  headers: Readonly<Record<string, string>> = {},
): Promise<McpPeer> {
  const client = new CurrentClient(INFO, { capabilities: CAPABILITIES, versionNegotiation: { mode } });
  const notifications: unknown[] = [];
  const onprogress = (progress: unknown): void => void notifications.push(progress);
  client.setRequestHandler('sampling/createMessage', () => SAMPLED);
  client.setRequestHandler('elicitation/create', () => FILLED_FORM);
  client.setNotificationHandler('notifications/message', ({ params }) => void notifications.push(params.data));
  const transport = new CurrentTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return {
    protocolVersion: client.getNegotiatedProtocolVersion(),
    notifications,
    call(call) {
      switch (call.kind) {
        case 'list':
          if (call.what === 'tools') return client.listTools();
          if (call.what === 'prompts') return client.listPrompts();
          return call.what === 'resources' ? client.listResources() : client.listResourceTemplates();
        case 'tool':
          return client.callTool({ name: call.name, arguments: call.arguments ?? {} }, { onprogress });
        case 'prompt':
          return client.getPrompt({ name: call.name, arguments: call.arguments ?? {} });
        case 'resource':
          return client.readResource({ uri: call.uri });
      }
    },
    async close() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

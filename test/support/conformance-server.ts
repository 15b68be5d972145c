import { randomBytes } from 'node:crypto';
import { createRequestStateCodec, McpServer } from '@modelcontextprotocol/server';
import { serveMcp, type McpEndpoint } from '../../examples/hr/serve-mcp.ts';
import { registerContentTools } from './conformance/content-tools.ts';
import { textResult } from './conformance/content.ts';
import { createEventLog } from './conformance/event-log.ts';
import { registerInputTools, type RoundState } from './conformance/input-tools.ts';
import { registerPrompts, registerResources } from './conformance/resources-and-prompts.ts';

/** How long a client waits before it resumes a dropped stream, milliseconds. */
const RETRY_INTERVAL_MS = 20;

/**
 * The server that the official MCP conformance suite asks for: its fixed tools, prompts and resources, in both protocol
 * eras, on a free loopback port. Sessions can resume their streams.
 */
export async function startConformanceServer(): Promise<McpEndpoint> {
  const states = createRequestStateCodec<RoundState>({ key: randomBytes(32) });

  function build(era: 'legacy' | 'modern'): McpServer {
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
      endpoint.notify.toolsChanged();
      return textResult('announced');
    });
    server.registerTool('test_trigger_prompt_change', { description: 'Announces that the prompts changed' }, () => {
      endpoint.notify.promptsChanged();
      return textResult('announced');
    });
    if (era === 'legacy') {
      server.server.setRequestHandler('resources/subscribe', () => ({}));
      server.server.setRequestHandler('resources/unsubscribe', () => ({}));
    }
    return server;
  }

  const endpoint = await serveMcp({
    build,
    port: 0,
    session: () => ({ eventStore: createEventLog(), retryInterval: RETRY_INTERVAL_MS }),
  });
  return endpoint;
}

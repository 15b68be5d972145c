import { inputRequired, inputResponse, type McpServer } from '@modelcontextprotocol/server';
import type { PolicyEngine } from '../../src/engine/policy-engine.ts';
import { createGateway, createTelemetry, type Gateway } from '../../src/gateway/index.ts';
import { testKind } from './engine.ts';
import { loadedEngine } from './loaded-engine.ts';
import { payrollServer } from './mcp-upstream.ts';

export interface AskingGateway {
  readonly url: string;
  readonly adminUrl: string;
  readonly engine: PolicyEngine;
  readonly clock: { now: number };
  close(): Promise<void>;
}

export interface AskingOptions {
  readonly plugins?: readonly object[];
  readonly pre?: readonly string[];
  readonly post?: readonly string[];
  readonly global?: object;
  readonly clock?: { now: number };
}

const MANAGERS: Readonly<Record<string, string>> = { ann: 'eve', bob: 'eve' };

/** A gateway whose tool `echo` asks humans; callers are who their bearer token says. */
export async function askingGateway(upstream: string, options: AskingOptions = {}): Promise<AskingGateway> {
  const { plugins = [], pre = [], post = [], clock = { now: Date.now() } } = options;
  const text = JSON.stringify({
    plugins: [{ name: 'who', kind: 'test' }, ...plugins],
    global: { authentication: ['who'], unmatched: 'allow', ...options.global },
    routes: [{ tool: 'echo', pre_invocation: pre, post_invocation: post }],
  });
  const { engine } = await loadedEngine(text, {
    environment: { KEY: 'a-key-of-bot-and-gateway' },
    now: () => clock.now,
    plugins: [
      testKind(
        {
          who: {
            resolveIdentity({ headers }) {
              const id = String(headers['authorization']).replace('Bearer ', '');
              const claims = { manager: MANAGERS[id] ?? 'nobody' };
              return { outcome: 'identified', identity: { subject: { id, issuer: 'test', claims } } };
            },
          },
        },
        ['identity.resolve'],
      ),
    ],
  });
  const gateway: Gateway = createGateway({
    engine,
    upstream,
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    telemetry: createTelemetry({ level: 'silent' }),
  });
  const { url, adminUrl = '' } = await gateway.listen();
  return {
    url,
    adminUrl,
    engine,
    clock,
    async close() {
      await gateway.close();
      await engine.close();
    },
  };
}

/** The payroll server with a tool `ask` that asks the client for a color before it answers. */
export function askingServer(): McpServer {
  const server = payrollServer();
  server.registerTool('ask', {}, ({ mcpReq }) => {
    const color = inputResponse(mcpReq.inputResponses, 'color');
    const state = mcpReq.requestState<string>();
    if (color.kind === 'elicit') return { content: [{ type: 'text', text: JSON.stringify([color, state]) }] };
    const requestedSchema = { type: 'object' as const, properties: { color: { type: 'string' as const } } };
    return inputRequired({
      inputRequests: { color: inputRequired.elicit({ message: 'which?', requestedSchema }) },
      requestState: 'state of the upstream: "ü"',
    });
  });
  return server;
}

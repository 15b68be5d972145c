import type { Engine } from '../engine/engine.ts';
import { createLocalTasks } from '../gateway/sessions/task-ledger.ts';
import type { LocalTaskLedger } from '../gateway/sessions/task-ledger.ts';
import { createAdapterHost } from './adapter-host.ts';
import type { AdapterOptions } from './adapter-host.ts';
import type { RequestPolicy } from './http-guard.ts';
import { createMcpGuard, currentRequest } from './mcp-guard.ts';
import type { McpRequestInfo } from './mcp-request.ts';
import { guardTransport } from './mcp-transport.ts';
import type { McpTransport } from './mcp-transport.ts';

export type { AdapterOptions } from './adapter-host.ts';
export type { RequestPolicy } from './http-guard.ts';
export type { McpAuthInfo, McpRequestInfo } from './mcp-request.ts';
export type { McpTransport } from './mcp-transport.ts';

/** What the servers of both MCP SDK lines have: `McpServer` and `Server` alike. */
export interface McpConnectable {
  connect(transport: McpTransport): Promise<void>;
}

const MAX_TASKS = 10_000;
/** Servers that are made for each request, as `createMcpHandler` does, share what became a task. */
const tasksOf = new WeakMap<Engine, LocalTaskLedger>();

/**
 * Puts `engine` between `server` and whatever transport it is connected to: tool calls, prompts and resources are decided
 * before a handler runs, and their results before they are sent; handlers registered later included. Gives the server.
 * Throws `TypeError` for what is no MCP server, is connected already, or is enforced already.
 */
export function enforce<Server extends McpConnectable>(
  server: Server,
  engine: Engine,
  options: AdapterOptions<McpRequestInfo> = {},
): Server {
  const protocol = protocolOf(server);
  const connect: unknown = Reflect.get(protocol, 'connect');
  if (typeof connect !== 'function') throw new TypeError('not an MCP server');
  if (Reflect.get(protocol, 'transport') !== undefined) throw new TypeError('the server is connected already');
  if (Object.hasOwn(protocol, 'connect')) throw new TypeError('the server is enforced already');
  const host = createAdapterHost(engine, options);
  const tasks = tasksOf.get(engine) ?? createLocalTasks(MAX_TASKS);
  tasksOf.set(engine, tasks);
  Object.defineProperty(protocol, 'connect', {
    async value(transport: McpTransport): Promise<void> {
      const connected = (): boolean => Reflect.get(protocol, 'transport') === transport;
      guardTransport(transport, (send) => createMcpGuard({ host, tasks, options, transport, send, connected }));
      await Reflect.apply(connect, protocol, [transport]);
    },
  });
  return server;
}

/** What policy found out about the request that the calling handler serves, such as credentials minted for it. */
export function currentPolicy(): RequestPolicy | undefined {
  return currentRequest.getStore();
}

/** A high-level server connects by the one that it holds. */
function protocolOf(server: object): object {
  const inner: unknown = Reflect.get(server, 'server');
  return typeof inner === 'object' && inner !== null && 'connect' in inner ? inner : server;
}

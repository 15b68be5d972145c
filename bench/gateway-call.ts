import autocannon from 'autocannon';
import type { Child } from './processes/child.ts';
import { roundOf, type Round } from './rounds.ts';
import { RESULTS, TOOL } from './standard-request.ts';

const VERSION = '2026-07-28';

/** A stateless call of the standard request's tool, of about 300 bytes. */
export const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: TOOL,
    arguments: { employee_id: 'E-104217', amount: 12, reason: 'yearly review of the compensation of the team' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': VERSION,
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
    },
  },
});

const [EMPLOYEE = {}] = RESULTS;

/** What the upstream answers: a result of ten fields, and as MCP wants it the same as text. */
export const ANSWER = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  result: { content: [{ type: 'text', text: JSON.stringify(EMPLOYEE) }], structuredContent: EMPLOYEE },
});

export type CallHeaders = Readonly<Record<string, string>>;

export function callHeaders(token: string): CallHeaders {
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
    'mcp-protocol-version': VERSION,
    'mcp-method': 'tools/call',
    'mcp-name': TOOL,
  };
}

/** How long to go on: `duration` in seconds, or `amount` of calls. */
export type Extent = { readonly duration: number } | { readonly amount: number };

/** Calls `child` on so many connections, each waiting for its answer. Rejects unless all are answered 200. */
export async function callAll(child: Child, headers: CallHeaders, connections: number, extent: Extent): Promise<Round> {
  const times: number[] = [];
  const processor = await child.processor();
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const options = { url: child.url, method: 'POST', headers, body: CALL, connections, ...extent } as const;
    const load = autocannon(options, (error, { errors, non2xx }) => {
      if (error === null && errors + non2xx === 0) resolve();
      else reject(new Error(`${errors} errors, ${non2xx} answers that are not 200`, { cause: error }));
    });
    // The histogram of the tool itself counts whole milliseconds.
    load.on('response', (_client, _status, _bytes, milliseconds) => void times.push(milliseconds));
  });
  return roundOf(times, performance.now() - started, (await child.processor()) - processor);
}

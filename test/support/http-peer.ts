import { EventEmitter, once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

export interface Peer {
  readonly url: string;
  /** Requests in order, bodies as received. */
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }[];
  /** Until so many requests came in all. */
  received(count: number): Promise<void>;
  close(): Promise<void>;
}

export type PeerHandler = (request: IncomingMessage, response: ServerResponse, body: string) => void | Promise<void>;

/** A plain HTTP server that records what reaches it. */
export async function startPeer(handler: PeerHandler, path = '/mcp'): Promise<Peer> {
  const requests: Peer['requests'] = [];
  const arrivals = new EventEmitter();
  const server = createServer((request, response) => {
    const serve = async (): Promise<void> => {
      const body = await readAll(request);
      requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
      arrivals.emit('request');
      await handler(request, response, body);
    };
    void serve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}${path}`,
    requests,
    received: async (count) => {
      while (requests.length < count) await once(arrivals, 'request');
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/** One request without any help of a client library; `url` gives the address. */
export async function ask(url: string, { method = 'POST', path, headers = {}, body }: Ask): Promise<Answer> {
  const target = new URL(url);
  const sent = httpRequest({
    host: target.hostname,
    port: target.port,
    path: path ?? target.pathname,
    method,
    headers,
    agent: false,
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await readAll(response) };
}

/** Opens a request and gives the response while it is still coming in. */
export async function openResponse(
  url: string,
  { method = 'POST', headers = {}, body }: Ask,
): Promise<IncomingMessage> {
  const target = new URL(url);
  const sent = httpRequest({
    host: target.hostname,
    port: target.port,
    path: target.pathname,
    method,
    headers,
    agent: false,
  });
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  return response;
}

export const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const;

/** A POST of one JSON-RPC message, or of a text as it is. */
export function post(url: string, message: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  return ask(url, { headers: { ...JSON_HEADERS, ...headers }, body });
}

export function toolCall(id: number | string, name: string, args: unknown = {}): Record<string, unknown> {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } };
}

export async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    // The other side cut the connection; what came until then is what is asked for.
  }
  return Buffer.concat(chunks).toString('utf8');
}

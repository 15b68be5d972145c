import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

/** A load balancer without stickiness: each request goes to the next replica. */
export interface RoundRobin {
  /** The MCP endpoint. */
  readonly url: string;
  /** Requests that each replica got, by port. */
  readonly served: ReadonlyMap<number, number>;
  /** POSTs whose replica went away before it had answered in full. */
  readonly lost: () => number;
  close(): Promise<void>;
}

/** A replica that refuses the connection is passed over; one that got the request and went away is a 502, or a cut. */
export async function startRoundRobin(ports: readonly number[]): Promise<RoundRobin> {
  const served = new Map(ports.map((port) => [port, 0]));
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 });
  let next = 0;
  let lost = 0;
  const forward = (request: IncomingMessage, response: ServerResponse, body: Buffer, tries: number): void => {
    const port = ports[next++ % ports.length] ?? 0;
    const { method = '', url = '', headers } = request;
    const sent = httpRequest({ host: '127.0.0.1', port, method, path: url, headers, agent });
    response.once('close', () => sent.destroy());
    sent.once('response', (answer) => {
      served.set(port, (served.get(port) ?? 0) + 1);
      const { connection: _connection, 'keep-alive': _keepAlive, ...kept } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, kept);
      answer.pipe(response);
      answer.once('error', () => {
        if (method === 'POST') lost += 1;
        response.destroy();
      });
    });
    sent.once('error', (error: NodeJS.ErrnoException) => {
      if (response.headersSent || response.destroyed) return void response.destroy();
      if (error.code === 'ECONNREFUSED' && tries < ports.length) return forward(request, response, body, tries + 1);
      if (method === 'POST') lost += 1;
      response.writeHead(502).end('the replica is gone');
    });
    sent.end(body);
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk));
    request.once('end', () => forward(request, response, Buffer.concat(chunks), 1));
  });
  // Longer than any pause of a test, so that no request meets a connection that is being closed.
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    served,
    lost: () => lost,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
}

import { createServer, request as send } from 'node:http';
import { pipeline } from 'node:stream';
import { startOnFreePort, type RunningServer } from './running-server.ts';

/** A proxy that decides nothing: what a test sees through it, it must see through a gateway that allows everything. */
export function startPassThroughProxy(upstreamUrl: string): Promise<RunningServer> {
  const upstream = new URL(upstreamUrl);
  const proxy = createServer((request, response) => {
    const { method, headers, url } = request;
    const outgoing = send({ hostname: upstream.hostname, port: upstream.port, method, path: url, headers });
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      pipeline(answer, response, () => {});
    });
    outgoing.on('error', () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
    response.on('close', () => outgoing.destroy());
    pipeline(request, outgoing, () => {});
  });
  return startOnFreePort(proxy);
}

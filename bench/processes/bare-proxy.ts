import type { IncomingMessage, ServerResponse } from 'node:http';
import { Pool } from 'undici';
import { listen } from './listen.ts';
import { serveParent } from './serve-parent.ts';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'host', 'content-length', 'transfer-encoding']);

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** A reverse proxy that reads the JSON of request and response as the gateway has to, and passes both on with their headers. */
serveParent(({ upstream }) => {
  const { origin, pathname } = new URL(upstream);
  const pool = new Pool(origin);
  const forward = async (request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> => {
    JSON.parse(body.toString());
    const answer = await pool.request({ path: pathname, method: 'POST', headers: endToEnd(request.headers), body });
    const text = Buffer.from(await answer.body.arrayBuffer());
    JSON.parse(text.toString());
    response.writeHead(answer.statusCode, { ...endToEnd(answer.headers), 'content-length': text.length }).end(text);
  };
  return listen((request, response, body) => {
    forward(request, response, body).catch(() => response.writeHead(502).end());
  });
});

function endToEnd(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

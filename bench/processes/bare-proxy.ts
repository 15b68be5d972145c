import type { IncomingMessage, ServerResponse } from 'node:http';
import { Pool } from 'undici';
import { listen } from './listen.ts';
import { serveParent } from './serve-parent.ts';

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'host', 'content-length', 'transfer-encoding']);

/** A reverse proxy that reads the JSON of request and response as the gateway has to, and passes both on. */
serveParent(({ upstream }) => {
  const { origin, pathname } = new URL(upstream);
  const pool = new Pool(origin);
  const forward = async (request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> => {
    JSON.parse(body.toString());
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)));
    const answer = await pool.request({ path: pathname, method: 'POST', headers, body });
    const text = Buffer.from(await answer.body.arrayBuffer());
    JSON.parse(text.toString());
    const type = answer.headers['content-type'] ?? '';
    response.writeHead(answer.statusCode, { 'content-type': type, 'content-length': text.length }).end(text);
  };
  return listen((request, response, body) => void forward(request, response, body));
});

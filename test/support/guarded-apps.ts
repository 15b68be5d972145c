import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import express from 'express';
import fastify from 'fastify';
import {
  createGuard,
  policyOf,
  type ConnectRequest,
  type HttpAdapterOptions,
  type Middleware,
  type RequestPolicy,
  type RoutePolicy,
} from '../../src/adapters/express.ts';
import { policyPlugin } from '../../src/adapters/fastify.ts';
import type { Engine } from '../../src/index.ts';

/** A handler that ran, and what it saw. */
export interface Run {
  readonly path: string;
  readonly body: unknown;
  readonly policy: RequestPolicy | undefined;
}

export interface GuardedApp {
  readonly url: string;
  readonly runs: Run[];
  close(): Promise<void>;
}

export type AppOptions = Omit<HttpAdapterOptions<object>, 'extensions'> & { readonly route?: RoutePolicy<object> };

export const EMPLOYEE = { name: 'Emil', ssn: '123-45-6789' };

/** The tool that a path `/tools/NAME` names. */
const tool: RoutePolicy<object> = {
  entity: (request) => ({ type: 'tool', name: String(Reflect.get(request, 'url')).replace('/tools/', '') }),
};

/** What every application serves by writing on node's response, for `/raw/KIND`. */
function writeRaw(kind: string, response: ServerResponse): void {
  const json = JSON.stringify(EMPLOYEE);
  switch (kind) {
    case 'pieces':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length });
      response.write(json.slice(0, 9));
      response.end(json.slice(9));
      break;
    case 'piped':
      response.setHeader('content-type', 'application/json');
      Readable.from([json.slice(0, 9), json.slice(9)]).pipe(response);
      break;
    case 'events':
      response.writeHead(200, ['content-type', 'text/event-stream']);
      response.flushHeaders();
      response.write(`data: ${json}\n\n`);
      response.end('data: more\n\n');
      break;
    case 'flushed':
      response.setHeader('content-type', 'text/event-stream');
      response.flushHeaders();
      break;
    case 'bytes':
      response.writeHead(200, 'Fine', { 'content-type': 'application/octet-stream', 'set-cookie': 'a=b' });
      response.end(Buffer.from(json));
      break;
    case 'encoded':
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' });
      response.end(json);
      break;
    case 'latin':
      response.setHeader('content-type', 'application/json; charset=iso-8859-1');
      response.end(json, 'latin1');
      break;
    case 'part':
      response.writeHead(206, { 'content-type': 'application/json', 'content-range': 'bytes 0-9/99' });
      response.end(json);
      break;
    case 'twice':
      response.setHeader('content-type', 'application/json');
      response.end('{"ssn":"1","ssn":"123-45-6789"}');
      break;
    case 'broken':
      response.setHeader('content-type', 'application/json');
      response.end(`${json.slice(0, -1)},`);
      break;
    case 'trailers':
      response.writeHead(200, { 'content-type': 'application/json', trailer: 'x-ssn' });
      response.write(json);
      response.addTrailers({ 'x-ssn': EMPLOYEE.ssn });
      response.end();
      break;
    default:
      response.statusCode = 204;
      response.end();
  }
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

export async function startFastify(engine: Engine, options: AppOptions = {}): Promise<GuardedApp> {
  const app = fastify({ exposeHeadRoutes: true });
  const runs: Run[] = [];
  await app.register(policyPlugin, { ...options, engine });
  app.addHook('preHandler', async (_request, reply) => void reply.header('x-before', 'kept'));
  const ran = ({ url, body, policy }: { url: string; body: unknown; policy: RequestPolicy | undefined }): void =>
    void runs.push({ path: url, body, policy });
  await app.register(async (child) => {
    child.get('/employee', (request, reply) => {
      ran(request);
      return reply.send(EMPLOYEE);
    });
    child.get('/admin', (request, reply) => {
      ran(request);
      return reply.send('the keys');
    });
    child.options('/employee', async (request, reply) => {
      ran(request);
      return reply.code(204).send();
    });
    child.get('/fails', (request) => {
      ran(request);
      throw new Error('no ssn');
    });
    child.get('/stream', async (request, reply) => {
      ran(request);
      return reply.type('application/json').send(Readable.from([JSON.stringify(EMPLOYEE)]));
    });
    child.get<{ Params: { kind: string } }>('/raw/:kind', (request, reply) => {
      ran(request);
      reply.hijack();
      writeRaw(request.params.kind, reply.raw);
    });
    child.post('/tools/:name', { config: { policy: options.route ?? tool } }, (request, reply) => {
      ran(request);
      return reply.send({ got: request.body });
    });
  });
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), runs, close: () => app.close() };
}

export async function startExpress(engine: Engine, options: AppOptions = {}): Promise<GuardedApp> {
  const app = express();
  const runs: Run[] = [];
  const guard = createGuard<express.Request>(engine, options);
  const ran = (request: express.Request): void =>
    void runs.push({ path: request.originalUrl, body: request.body, policy: policyOf(request) });
  app.use((_request, response, next) => {
    response.setHeader('x-before', 'kept');
    next();
  });
  app.post('/tools/:name', express.json(), guard(options.route ?? tool), (request, response) => {
    ran(request);
    response.json({ got: request.body });
  });
  app.use(guard());
  app.get('/employee', (request, response) => {
    ran(request);
    response.json(EMPLOYEE);
  });
  app.get('/admin', (request, response) => {
    ran(request);
    response.send('the keys');
  });
  app.options('/employee', (request, response) => {
    ran(request);
    response.status(204).end();
  });
  app.get('/fails', (request) => {
    ran(request);
    throw new Error('no ssn');
  });
  app.get('/stream', (request, response) => {
    ran(request);
    Readable.from([JSON.stringify(EMPLOYEE)]).pipe(response.type('application/json'));
  });
  app.get('/raw/:kind', (request, response) => {
    ran(request);
    writeRaw(request.params.kind, response);
  });
  // Four parameters make it the handler of errors.
  app.use((error: unknown, _request: express.Request, response: express.Response, _next: unknown) => {
    const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
    response.status(status).json({ failed: error instanceof Error ? error.message : 'no' });
  });
  const server = createServer(app);
  return { url: await listening(server), runs, close: () => stop(server) };
}

/** No framework at all: the middleware in front of a plain handler. */
export async function startConnect(engine: Engine, options: AppOptions = {}): Promise<GuardedApp> {
  const runs: Run[] = [];
  const guard = createGuard(engine, options);
  const http: Middleware<ConnectRequest> = guard();
  const tools: Middleware<ConnectRequest> = guard(options.route ?? tool);
  const serve = (request: ConnectRequest, response: ServerResponse): void => {
    const { url = '', method } = request;
    runs.push({ path: url, body: request.body, policy: policyOf(request) });
    if (url.startsWith('/raw/')) return writeRaw(url.slice('/raw/'.length), response);
    if (method === 'OPTIONS') return void response.writeHead(204).end();
    if (url === '/fails') return void response.writeHead(500).end('no ssn');
    if (url === '/admin') return void response.end('the keys');
    response.setHeader('content-type', 'application/json');
    if (url === '/stream') return void Readable.from([JSON.stringify(EMPLOYEE)]).pipe(response);
    response.end(JSON.stringify(method === 'POST' ? { got: request.body } : EMPLOYEE));
  };
  const server = createServer((request: IncomingMessage, response) => {
    const handle = async (): Promise<void> => {
      const connected: ConnectRequest = request;
      response.setHeader('x-before', 'kept');
      if (request.method === 'POST') {
        try {
          connected.body = JSON.parse(Buffer.concat(await request.toArray()).toString());
        } catch {
          return void response.writeHead(400).end();
        }
      }
      const middleware = request.url?.startsWith('/tools/') === true ? tools : http;
      middleware(connected, response, () => serve(connected, response));
    };
    handle().catch(() => response.destroy());
  });
  return { url: await listening(server), runs, close: () => stop(server) };
}

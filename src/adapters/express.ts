import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '../engine/engine.ts';
import { holdResponse, writeAnswer } from './held-response.ts';
import { createHttpGuard } from './http-guard.ts';
import type { HttpAdapterOptions, RequestPolicy } from './http-guard.ts';
import { foldedPath, pathOf } from './http-path.ts';
import type { RoutePolicy } from './route-policy.ts';

export type { AdapterOptions } from './adapter-host.ts';
export type { HttpAdapterOptions, RequestPolicy } from './http-guard.ts';
export type { ArgumentSource, RoutePolicy } from './route-policy.ts';

/** A request of Connect or Express; `params` and `query` are those of Express, `body` that of a body parser. */
export interface ConnectRequest extends IncomingMessage {
  originalUrl?: string;
  body?: unknown;
  query?: unknown;
  params?: unknown;
}

/** Middleware of Connect and Express. */
export type Middleware<Request extends IncomingMessage> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Makes the middleware of one route, or of all requests that reach it. */
export type GuardFactory<Request extends IncomingMessage> = (route?: RoutePolicy<Request>) => Middleware<Request>;

const policies = new WeakMap<IncomingMessage, RequestPolicy>();

/**
 * Middleware that lets a request through only when the engine allows it, and its answer only as policy leaves it. Put it
 * behind the body parser of its route and before the handler. `http.path` is in lower case and has no slash at its end, as
 * these routers take `/Admin/` for `/admin`. Throws `TypeError` for options that cannot be used.
 */
export function createGuard<Request extends IncomingMessage = ConnectRequest>(
  engine: Engine,
  options: HttpAdapterOptions<Request> = {},
): GuardFactory<Request> {
  const guard = createHttpGuard<Request>(engine, options);
  return (route = {}) =>
    (request, response, next) => {
      const earlier = policies.get(request);
      const kept = { ...response.getHeaders() };
      const enter = async (): Promise<void> => {
        const ruling = await guard({
          request,
          raw: request,
          path: foldedPath(pathOf(targetOf(request))),
          route,
          earlier,
        });
        if (response.destroyed || response.writableEnded) return;
        if (ruling.kind === 'denied') {
          response.end(writeAnswer(response, ruling.answer));
          return;
        }
        policies.set(request, ruling.policy);
        if (ruling.hold !== undefined) holdResponse(response, { ...ruling.hold, kept });
        // What the handler throws is not for this promise to reject with.
        process.nextTick(next);
      };
      enter().catch(() => response.destroy());
    };
}

/** What the last guard found out about the request; undefined when none let it through. */
export function policyOf(request: IncomingMessage): RequestPolicy | undefined {
  return policies.get(request);
}

/** Routers strip the path that they are mounted at from `url`. */
function targetOf(request: IncomingMessage): string | undefined {
  return 'originalUrl' in request && typeof request.originalUrl === 'string' ? request.originalUrl : request.url;
}

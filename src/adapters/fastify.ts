import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Engine } from '../engine/engine.ts';
import type { HttpAnswer } from '../gateway/protocol/denial.ts';
import { holdResponse } from './held-response.ts';
import { createHttpGuard } from './http-guard.ts';
import type { HttpAdapterOptions, RequestPolicy } from './http-guard.ts';
import { pathOf } from './http-path.ts';
import type { RoutePolicy } from './route-policy.ts';

export type { AdapterOptions } from './adapter-host.ts';
export type { HttpAdapterOptions, RequestPolicy } from './http-guard.ts';
export type { ArgumentSource, RoutePolicy } from './route-policy.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What requests of this route are to policy; default an `http` operation. */
    policy?: RoutePolicy<FastifyRequest>;
  }
  interface FastifyRequest {
    /** What policy found out about the request; undefined until it was allowed. */
    policy: RequestPolicy | undefined;
  }
}

export interface FastifyPolicyOptions extends HttpAdapterOptions<FastifyRequest> {
  readonly engine: Engine;
}

const plugin: FastifyPluginAsync<FastifyPolicyOptions> = async (app, options) => {
  const guard = createHttpGuard<FastifyRequest>(options.engine, options);
  app.decorateRequest('policy', undefined);
  // The last hook before the handler: what was parsed, validated and coerced is what policy sees.
  app.addHook('preHandler', async (request, reply) => {
    const { raw, routeOptions } = request;
    const path = pathOf(raw.url) && (staticPath(routeOptions.url) ?? pathOf(raw.url));
    const ruling = await guard({ request, raw, path, route: routeOptions.config.policy ?? {}, earlier: undefined });
    if (ruling.kind === 'denied') return answer(reply, ruling.answer);
    request.policy = ruling.policy;
    if (ruling.hold !== undefined) holdResponse(reply.raw, { ...ruling.hold, kept: { ...reply.getHeaders() } });
    return undefined;
  });
};

/**
 * Lets requests reach their handlers only when the engine allows them, and answers leave only as policy left them, in the
 * context that it is registered in and those below. Register it before the contexts below, and plugins that authenticate
 * for `extensions` before it.
 */
export const policyPlugin: FastifyPluginAsync<FastifyPolicyOptions> = Object.assign(plugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'indelible',
  [Symbol.for('plugin-meta')]: { name: 'indelible', fastify: '5.x' },
});

/** The path of a route without parameters, whatever spellings of it the router was told to take. */
function staticPath(pattern: string | undefined): string | undefined {
  return pattern === undefined || /[:*]/.test(pattern) ? undefined : pattern;
}

function answer(reply: FastifyReply, { status, headers, body }: HttpAnswer): FastifyReply {
  reply.code(status);
  for (let i = 0; i + 1 < headers.length; i += 2) reply.header(headers[i] ?? '', headers[i + 1]);
  return reply.send(body);
}

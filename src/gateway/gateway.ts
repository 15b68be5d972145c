import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LocalStorage } from '../transport/local-storage.ts';
import type { TransportStorage } from '../transport/transport-storage.ts';
import { serveAdmin } from './admin.ts';
import type { AdminState } from './admin.ts';
import { createAuthorityCheck } from './http/authority.ts';
import type { AuthorityCheck } from './http/authority.ts';
import { allowOrigin, answerPreflight, isPreflight } from './http/cors.ts';
import { createDecider } from './handlers/decide.ts';
import { ClientGoneError, answerError, requestIdOf } from './http/exchange.ts';
import type { Exchange, ExchangeNote } from './http/exchange.ts';
import type { GatewayContext } from './handlers/gateway-context.ts';
import { DEFAULT_LIMITS } from './options/gateway-options.ts';
import type { GatewayLimits, GatewayOptions } from './options/gateway-options.ts';
import { serveHttp } from './handlers/http-operation.ts';
import { drain, listenOn, onClientError, stop } from './http/listener.ts';
import { servePost } from './handlers/mcp-post.ts';
import { serveEnd, serveStream } from './handlers/mcp-stream.ts';
import { readResourceMetadata, readUpstreams, tierRanks } from './options/read-options.ts';
import { repeatedHeader } from './http/repeated-header.ts';
import { canonicalPath, readTarget } from './http/request-target.ts';
import { beginRequestSpan } from './telemetry/request-span.ts';
import { RPC_CODES, gatewayError } from './protocol/rpc-error.ts';
import type { RpcError } from './protocol/rpc-error.ts';
import { elicitationComplete } from './protocol/pending-response.ts';
import { stateTag } from './protocol/request-state.ts';
import { createSessionStreams } from './sessions/session-streams.ts';
import { createSessionLedgers } from './sessions/session-ledgers.ts';
import { storageAlarm, storageFailure } from './handlers/storage-failure.ts';
import { createTelemetry } from './telemetry/telemetry.ts';
import type { RequestRecord } from './telemetry/telemetry.ts';
import { traceEngine } from './telemetry/trace-engine.ts';
import { registeredTracer } from './telemetry/tracer.ts';
import { createUpstreamSet } from './upstream/upstream-set.ts';

export interface GatewayAddress {
  /** The MCP endpoint. */
  readonly url: string;
  /** Origin of the admin listener; undefined when there is none. */
  readonly adminUrl: string | undefined;
}

export interface Gateway {
  /** Starts to take requests. Rejects with the error of the socket. */
  listen(): Promise<GatewayAddress>;
  /**
   * Takes no more requests, ends the GET streams, waits for the work in flight as long as the limits say, and cuts what is
   * left. The engine stays open.
   */
  close(): Promise<void>;
}

type Handler = (gateway: GatewayContext, exchange: Exchange) => Promise<void>;

const FORBIDDEN_HOST = gatewayError(RPC_CODES.invalidRequest, 'forbidden_host', 'this host name is not served here');
const FORBIDDEN_ORIGIN = gatewayError(RPC_CODES.invalidRequest, 'forbidden_origin', 'this origin is not allowed');
const REPEATED_HEADER = gatewayError(RPC_CODES.invalidRequest, 'repeated_header', 'a header is given twice');
const INVALID_TARGET = gatewayError(RPC_CODES.invalidRequest, 'invalid_target', 'the request target is not valid');
const AMBIGUOUS_PATH = gatewayError(
  RPC_CODES.invalidRequest,
  'ambiguous_path',
  'the path must be written as configured',
);
const METHOD_REFUSED = gatewayError(RPC_CODES.invalidRequest, 'method_not_allowed', 'this method is not served');
const OVERLOADED = gatewayError(RPC_CODES.overloaded, 'overloaded', 'too many requests in flight');
const DRAINING = gatewayError(RPC_CODES.overloaded, 'draining', 'the gateway is shutting down');
const INTERNAL = gatewayError(-32603, 'internal_error', 'the gateway failed');
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
const MAX_HEADERS = 128;
const CHECKING_MS = 1_000;
const MAX_HEADERS_MS = 10_000;

/**
 * A reverse proxy for MCP servers that enforces the engine's policy. Throws `TypeError` for options that cannot be
 * used; dials nothing before the first request.
 */
export function createGateway(options: GatewayOptions): Gateway {
  const limits: GatewayLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const rankOf = tierRanks(options.costTiers);
  const upstreams = readUpstreams(options, rankOf);
  const [{ mcpPath }] = upstreams;
  const mcpTarget = readTarget(mcpPath);
  const canonicalMcpPaths = new Set(upstreams.map((upstream) => canonicalPath(upstream.mcpPath)));
  const authority = createAuthorityCheck(options.listen.host, options.allowHosts ?? [], options.allowOrigins ?? []);
  const telemetry = options.telemetry ?? createTelemetry();
  const sessionScope = options.sessionScope ?? '';
  const ownSessions = new LocalStorage({ maxSessions: limits.maxSessions, ttl: limits.sessionIdleMs });
  const storage = (): TransportStorage => options.sessions ?? options.engine.transportSessions?.() ?? ownSessions;
  const raise = (error: unknown): void => telemetry.alarm(storageAlarm(error));
  const engine = traceEngine(options.engine);
  const tracer = registeredTracer();
  const gateway: GatewayContext = {
    engine,
    decider: createDecider(engine, telemetry),
    mcpPath,
    upstreams: createUpstreamSet(upstreams, rankOf, {
      connectMs: limits.upstreamConnectMs,
      headersMs: limits.upstreamHeadersMs,
      maxHeaderBytes: limits.maxHeaderBytes,
    }),
    sessionScope,
    stateTag: stateTag(
      sessionScope,
      upstreams.map(({ url, mcpPath: path }) => `${url.origin}${path}`),
    ),
    ...createSessionLedgers({ storage, sessionScope, limits, now: Date.now, onFailure: raise }),
    sessionStreams: createSessionStreams(),
    telemetry,
    limits,
    scheme: options.scheme ?? 'http',
    forwardAuthorization: options.forwardAuthorization ?? false,
    filterLists: options.filterLists ?? false,
    resourceMetadata: readResourceMetadata(options.resourceMetadata),
    tracer,
  };

  let draining = false;
  let inFlight = 0;
  let idle: (() => void) | undefined;
  const streams = new Set<ServerResponse>();

  const handlerFor = (exchange: Exchange): Handler | RpcError => {
    const { request, response, target } = exchange;
    const { method, headers } = request;
    if (method === 'TRACE' || method === 'CONNECT') return METHOD_REFUSED;
    if (target.path !== mcpPath) return canonicalMcpPaths.has(canonicalPath(target.path)) ? AMBIGUOUS_PATH : serveHttp;
    if (headers.origin !== undefined) allowOrigin(response, headers.origin, options.engine.handleNames);
    if (method === 'POST') return servePost;
    if (method === 'GET') return serveStream;
    if (method === 'DELETE') return serveEnd;
    return isPreflight(exchange) ? answerPreflight : serveHttp;
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const note: ExchangeNote = {};
    const target = request.url === mcpPath ? mcpTarget : readTarget(request.url);
    const host = authority.host(request.headers.host);
    let release: (() => void) | undefined;
    const exchange: Exchange = {
      request,
      response,
      id: requestIdOf(request),
      target: target ?? { path: '', raw: '' },
      host: host ?? '',
      note,
      becomeStream() {
        if (streams.size >= limits.maxStreams) return false;
        release?.();
        streams.add(response);
        release = () => {
          streams.delete(response);
          if (inFlight === 0 && streams.size === 0) idle?.();
        };
        return true;
      },
    };
    const started = performance.now();
    const span = tracer === undefined ? undefined : beginRequestSpan(tracer, request);
    // A write that comes too late is an error of the response; its `close` is all that counts.
    response.on('error', () => {});
    response.on('close', () => {
      release?.();
      if (draining) server.closeIdleConnections();
      const record: RequestRecord = {
        requestId: exchange.id,
        traceparent: span?.traceparent ?? traceparentOf(request),
        method: request.method ?? '',
        path: exchange.target.path,
        status: response.statusCode,
        rpcMethod: note.rpcMethod,
        entity: note.entity,
        outcome: note.outcome ?? (response.writableFinished ? 'passed' : 'aborted'),
        route: note.route,
        code: note.code,
        rpcCode: note.rpcCode,
        upstream: note.upstream,
        durationMs: Math.round((performance.now() - started) * 1000) / 1000,
      };
      telemetry.request(record);
      span?.end(record);
    });

    if (draining) return answerError(exchange, 503, DRAINING, undefined, ['connection', 'close', 'retry-after', '1']);
    const refused = checkAuthority(authority, request, host);
    if (refused !== undefined) return answerError(exchange, 403, refused, undefined, ['connection', 'close']);
    if (repeatedHeader(request)) {
      return answerError(exchange, 400, REPEATED_HEADER, undefined, ['connection', 'close']);
    }
    if (target === undefined) return answerError(exchange, 400, INVALID_TARGET, undefined, ['connection', 'close']);
    const handler = handlerFor(exchange);
    if (typeof handler !== 'function') return answerError(exchange, handler === METHOD_REFUSED ? 405 : 404, handler);
    const accepted = handler === serveStream ? exchange.becomeStream() : inFlight < limits.maxInFlight;
    if (!accepted) {
      return answerError(exchange, 503, OVERLOADED, undefined, ['connection', 'close', 'retry-after', '1']);
    }
    if (handler !== serveStream) {
      inFlight++;
      telemetry.inFlight(1);
      release = () => {
        inFlight--;
        telemetry.inFlight(-1);
        if (inFlight === 0 && streams.size === 0) idle?.();
      };
    }
    if (span === undefined) void serve(gateway, exchange, handler);
    else void span.within(() => serve(gateway, exchange, handler));
  };

  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderBytes,
      requestTimeout: limits.requestMs,
      headersTimeout: Math.min(MAX_HEADERS_MS, limits.requestMs),
      connectionsCheckingInterval: Math.min(CHECKING_MS, limits.requestMs),
    },
    onRequest,
  );
  server.maxHeadersCount = MAX_HEADERS;
  server.on('clientError', onClientError);
  const admin =
    options.admin === undefined
      ? undefined
      : createServer((request, response) => {
          const state: AdminState = {
            engine: options.engine,
            telemetry,
            sessions: options.sessions,
            accepting: () => !draining,
            onAnswered: ({ id, session }) => {
              if (session !== null) gateway.sessionStreams.tell(session, elicitationComplete(id));
            },
          };
          serveAdmin(state, request, response).catch((error: unknown) => {
            telemetry.error('the admin listener failed', error);
            response.destroy();
          });
        });

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    draining = true;
    const closed = stop(server);
    for (const response of streams) response.end();
    const busy = inFlight > 0 || streams.size > 0;
    const drained = !busy || (await drain(limits.drainMs, (resolve) => (idle = resolve)));
    server.closeAllConnections();
    await closed;
    await (drained ? gateway.upstreams.close() : gateway.upstreams.destroy());
    ownSessions.close();
    if (admin !== undefined) {
      const adminClosed = stop(admin);
      admin.closeAllConnections();
      await adminClosed;
    }
    telemetry.info('closed', { drained });
    telemetry.flush();
  };

  return {
    async listen() {
      const origin = await listenOn(server, options.listen.host, options.listen.port);
      const adminUrl =
        admin === undefined || options.admin === undefined
          ? undefined
          : await listenOn(admin, options.admin.host, options.admin.port);
      return { url: `${origin}${mcpPath}`, adminUrl };
    },
    close: () => (closing ??= close()),
  };
}

async function serve(gateway: GatewayContext, exchange: Exchange, handler: Handler): Promise<void> {
  try {
    await handler(gateway, exchange);
  } catch (error) {
    const failure = storageFailure(gateway, error);
    if (failure !== undefined) {
      answerError(exchange, failure.status, failure.error, undefined, ['retry-after', '1']);
    } else if (!(error instanceof ClientGoneError)) {
      gateway.telemetry.error('a request failed', error);
      exchange.note.outcome = 'failed';
      answerError(exchange, 500, INTERNAL);
    }
  } finally {
    if (!exchange.response.writableEnded) exchange.response.destroy();
  }
}

function checkAuthority(
  check: AuthorityCheck,
  request: IncomingMessage,
  host: string | undefined,
): RpcError | undefined {
  if (host === undefined) return FORBIDDEN_HOST;
  return check.origin(request.headers.origin) ? undefined : FORBIDDEN_ORIGIN;
}

function traceparentOf(request: IncomingMessage): string | undefined {
  const { traceparent } = request.headers;
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined;
}

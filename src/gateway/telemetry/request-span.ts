import type { IncomingMessage } from 'node:http';
import { SpanKind, SpanStatusCode, TraceFlags, context, propagation, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { RequestRecord } from './telemetry.ts';

/** The span of one HTTP request, from its first byte to the end of the answer. */
export interface RequestSpan {
  /** Of the span itself, W3C trace context; for the log. */
  readonly traceparent: string;
  /** Runs `serve` so that spans begun in it become children. */
  within<Result>(serve: () => Result): Result;
  /** Takes what there is to say from the record of the request; nothing else is ever written. */
  end(record: RequestRecord): void;
}

/** What is not the client's fault, or not the gateway's own doing. */
const FAILURES = new Set(['upstream_failure', 'failed']);
/** Methods as MCP names them; anything else has no place in the name of a span. */
const METHOD = /^[a-z]+(?:\/[A-Za-z_]+)*$/;
const MAX_METHOD = 64;
const EXECUTE_TOOL = 'execute_tool';

/**
 * Begins a span under the one that is active, such as that of an instrumented HTTP server, else under what the request's
 * headers say. Sources: OpenTelemetry semantic conventions for HTTP servers and for MCP servers; session ids, resource
 * URIs and request ids are left out, since they may be secrets or hold some.
 */
export function beginRequestSpan(tracer: Tracer, request: IncomingMessage): RequestSpan {
  const active = context.active();
  const parent = trace.getSpan(active) === undefined ? propagation.extract(active, request.headers) : active;
  const method = request.method ?? '';
  const attributes = { 'http.request.method': method };
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
  const own: Context = trace.setSpan(parent, span);
  return {
    traceparent: traceparentOf(span),
    within: (serve) => context.with(own, serve),
    end(record) {
      span.updateName(nameOf(record));
      span.setAttributes(attributesOf(record));
      if (record.status >= 500 || FAILURES.has(record.outcome ?? '')) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
}

function nameOf({ method, rpcMethod, entity }: RequestRecord): string {
  if (rpcMethod === undefined || rpcMethod.length > MAX_METHOD || !METHOD.test(rpcMethod)) return method;
  const name = entityNameOf(entity);
  return name === undefined ? rpcMethod : `${rpcMethod} ${name}`;
}

function attributesOf(record: RequestRecord): Attributes {
  const { rpcMethod, entity, status, code, outcome } = record;
  const name = entityNameOf(entity);
  const failed = status >= 400 || (code !== undefined && outcome !== 'allow');
  return {
    'url.path': record.path,
    'http.response.status_code': status,
    'mcp.method.name': rpcMethod,
    'gen_ai.operation.name': rpcMethod === 'tools/call' ? EXECUTE_TOOL : undefined,
    'gen_ai.tool.name': entity?.startsWith('tool:') === true ? name : undefined,
    'gen_ai.prompt.name': entity?.startsWith('prompt:') === true ? name : undefined,
    'rpc.response.status_code': rpcMethod === undefined ? undefined : record.rpcCode?.toString(),
    'error.type': failed ? (code ?? String(status)) : undefined,
    'indelible.request_id': record.requestId,
    'indelible.outcome': outcome,
    'indelible.code': code,
    'indelible.route': record.route,
    'indelible.entity': entity,
    'indelible.upstream': record.upstream,
  };
}

/** `pay` of `tool:pay`; resources are never named. */
function entityNameOf(entity: string | undefined): string | undefined {
  const colon = entity?.indexOf(':') ?? -1;
  return colon === -1 ? undefined : entity?.slice(colon + 1);
}

import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import type { NamedUpstream } from './upstream-set.ts';
import { UpstreamError } from './upstream.ts';
import type { UpstreamExchange, UpstreamRequest } from './upstream.ts';

/**
 * Sends in a span that ends with the headers of the response, and has the SDK's propagator write the trace context that
 * goes upstream. Without a propagator the client's own goes on as it came. Source: OpenTelemetry semantic conventions for
 * HTTP clients; the address is left out, the upstream's name says which one it is.
 */
export function sendInSpan(
  tracer: Tracer,
  { name, pool }: Pick<NamedUpstream, 'name' | 'pool'>,
  request: UpstreamRequest,
): UpstreamExchange {
  const { method } = request;
  const attributes = { 'http.request.method': method, 'indelible.upstream': name };
  const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes });
  const sent = pool.send({ ...request, headers: propagated(request.headers, trace.setSpan(context.active(), span)) });
  void endWith(span, sent);
  return sent;
}

async function endWith(span: Span, sent: UpstreamExchange): Promise<void> {
  let failure: string | undefined;
  try {
    const { status } = await sent.response;
    span.setAttribute('http.response.status_code', status);
    if (status >= 400) failure = String(status);
  } catch (error) {
    failure = error instanceof UpstreamError ? error.failure : 'Error';
  }
  if (failure !== undefined) span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

function propagated(headers: readonly string[], from: Context): string[] {
  const fields = new Set(propagation.fields().map((field) => field.toLowerCase()));
  const kept = headers.filter((_, place) => !fields.has((headers[place - (place % 2)] ?? '').toLowerCase()));
  const written: Record<string, string> = {};
  propagation.inject(from, written);
  for (const [name, value] of Object.entries(written)) kept.push(name, value);
  return kept;
}

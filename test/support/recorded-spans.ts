import { EventEmitter, once } from 'node:events';
import { TraceFlags, context, defaultTextMapGetter, propagation, trace } from '@opentelemetry/api';
import type { Attributes, TextMapPropagator } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';

const TRACEPARENT = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

/** `traceparent` alone, as the propagator of a distribution has it (W3C trace context). */
const traceContext: TextMapPropagator = {
  fields: () => ['traceparent', 'tracestate'],
  inject(from, carrier, setter) {
    const span = trace.getSpanContext(from);
    if (span !== undefined) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
  },
  extract(into, carrier) {
    const [, traceId, spanId] = TRACEPARENT.exec(String(defaultTextMapGetter.get(carrier, 'traceparent'))) ?? [];
    if (traceId === undefined || spanId === undefined) return into;
    return trace.setSpanContext(into, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
  },
};

export interface RecordedSpans {
  /** Ended so far, in the order of their ends. */
  spans(): readonly ReadableSpan[];
  /** The spans of the trace as lines, children indented below their parents in the order of their beginnings. */
  tree(traceId: string, shown: (attributes: Attributes) => string): readonly string[];
  /** The first span that fits, once it has ended. */
  ended(fits: (span: ReadableSpan) => boolean): Promise<ReadableSpan>;
  reset(): void;
}

/** Registers an SDK for the whole process that keeps the spans. */
export function recordSpans(): RecordedSpans {
  let finished: ReadableSpan[] = [];
  const ends = new EventEmitter();
  const keeper: SpanProcessor = {
    onStart: () => undefined,
    onEnd(span) {
      finished.push(span);
      ends.emit('end');
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [keeper] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(traceContext);
  return {
    spans: () => finished,
    tree(traceId, shown) {
      const spans = finished
        .filter((span) => span.spanContext().traceId === traceId)
        .toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]);
      const ids = new Set(spans.map((span) => span.spanContext().spanId));
      const below = (parent: string | undefined, indent: string): string[] =>
        spans
          .filter(
            ({ parentSpanContext: of }) => (of !== undefined && ids.has(of.spanId) ? of.spanId : undefined) === parent,
          )
          .flatMap((span) => [
            `${indent}${span.name} ${shown(span.attributes)}`.trimEnd(),
            ...below(span.spanContext().spanId, `${indent}  `),
          ]);
      return below(undefined, '');
    },
    async ended(fits) {
      for (;;) {
        const span = finished.find(fits);
        if (span !== undefined) return span;
        await once(ends, 'end');
      }
    },
    reset: () => void (finished = []),
  };
}

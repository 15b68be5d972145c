import { SpanStatusCode } from '@opentelemetry/api';
import type { StoreObserver } from '../../session/label-store.ts';
import { registeredTracer } from './tracer.ts';

/**
 * The observer with a span for each load and append of session labels, child of the decision that waits for it; the very
 * observer when no OpenTelemetry SDK is registered. Give the result to the bundle's loader.
 */
export function traceStore(observer: StoreObserver): StoreObserver {
  const tracer = registeredTracer();
  if (tracer === undefined) return observer;
  return {
    ...observer,
    operation(op, milliseconds, failure) {
      observer.operation(op, milliseconds, failure);
      const span = tracer.startSpan(`indelible.labels.${op}`, { startTime: Date.now() - milliseconds });
      if (failure !== undefined) {
        span.setAttribute('error.type', failure);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

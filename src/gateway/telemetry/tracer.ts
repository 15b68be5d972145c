import { ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';

/**
 * The tracer of the OpenTelemetry SDK that the process registered; undefined when there is none, so that nothing is spent
 * on spans that nobody records. An SDK has to be registered before the gateway is created.
 */
export function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider && provider.getDelegateTracer('indelible') === undefined)
    return undefined;
  return provider.getTracer('indelible');
}

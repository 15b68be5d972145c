import { SpanStatusCode } from '@opentelemetry/api';
import type { Span, Tracer } from '@opentelemetry/api';
import type { Decision } from '../../engine/decision.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Operation, Phase } from '../../engine/operation.ts';
import { sessionSource } from '../../engine/frame.ts';
import type { Awaitable } from '../../session/label-store.ts';
import { entityNote } from '../http/exchange.ts';
import { registeredTracer } from './tracer.ts';

/**
 * The engine with a span for each `identify`, `pre` and `post`, which spans of stores and of instrumented clients become
 * children of; the very engine when no OpenTelemetry SDK is registered. Spans hold outcomes, codes and places, never
 * arguments, labels or credentials.
 */
export function traceEngine<Traced extends Engine>(engine: Traced): Traced {
  const tracer = registeredTracer();
  if (tracer === undefined) return engine;
  const traced: Pick<Engine, 'identify' | 'pre' | 'post'> = {
    identify: async (input) =>
      spanned(
        tracer,
        'indelible.identify',
        () => engine.identify(input),
        (span, result) => {
          span.setAttributes({ 'indelible.entity': entityNote(input.entity), 'indelible.outcome': result.outcome });
          if (result.outcome === 'denied') span.setAttribute('indelible.code', result.violation.code);
        },
      ),
    pre: (operation) => decided(tracer, engine, 'pre', operation, () => engine.pre(operation)),
    post: (operation, result) => decided(tracer, engine, 'post', operation, () => engine.post(operation, result)),
  };
  // Whatever else an engine has is reached as it is.
  return new Proxy(engine, {
    get(target, key) {
      if (key === 'identify' || key === 'pre' || key === 'post') return traced[key];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function decided(
  tracer: Tracer,
  engine: Engine,
  phase: Phase,
  operation: Operation,
  decide: () => Awaitable<Decision>,
): Awaitable<Decision> {
  const { digest } = engine;
  return spanned(tracer, `indelible.${phase}`, decide, (span, decision) => {
    span.setAttributes({
      'indelible.entity': entityNote(operation.entity),
      'indelible.bundle': digest,
      'indelible.decision': decision.decision,
      'indelible.modified': decision.modified.args || decision.modified.result,
      'indelible.code': decision.violation?.code,
      'indelible.route': decision.route,
      'indelible.session.source': sessionSource(operation),
    });
    for (const { dialect, place, outcome } of decision.consultations ?? []) {
      span.addEvent('indelible.consultation', { dialect, place, outcome });
    }
  });
}

/** Runs `work` in a span. An error is named in it, never quoted. */
function spanned<Result>(
  tracer: Tracer,
  name: string,
  work: () => Awaitable<Result>,
  describe: (span: Span, result: Result) => void,
): Awaitable<Result> {
  return tracer.startActiveSpan(name, (span) => {
    const succeed = (result: Result): Result => {
      describe(span, result);
      span.end();
      return result;
    };
    const fail = (error: unknown): never => {
      span.setAttribute('error.type', error instanceof Error ? error.name : 'Error');
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
      throw error;
    };
    try {
      const result = work();
      return result instanceof Promise ? result.then(succeed, fail) : succeed(result);
    } catch (error) {
      return fail(error);
    }
  });
}

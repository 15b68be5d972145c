import type { Decision, Violation } from '../../engine/decision.ts';
import type { Engine } from '../../engine/engine.ts';
import { NOTHING_SURE } from '../../engine/forecast-operation.ts';
import type { Forecast } from '../../engine/forecast.ts';
import type { Entity, JsonValue, Operation, Phase } from '../../engine/operation.ts';
import type { Awaitable } from '../../session/label-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** Both phases with their promises held by force: whatever an engine does wrong is a denial. */
export interface Decider {
  pre(operation: Operation): Awaitable<Decision>;
  post(operation: Operation, result: JsonValue | undefined): Awaitable<Decision>;
  /** What becomes of an allowed operation that the host does not carry out; recorded as policy's own denials are. */
  overrule(operation: Operation, decision: Decision, violation: Violation): Decision;
  /** Nothing is sure when the engine fails. */
  forecast(operation: Pick<Operation, 'entity' | 'extensions'>, identifiedFor: Entity): Forecast;
}

export function createDecider(engine: Engine, telemetry: Pick<Telemetry, 'decision' | 'error'>): Decider {
  const settle = (operation: Operation, phase: Phase, result: JsonValue | undefined): Awaitable<Decision> => {
    const decided = (decision: Decision): Decision => {
      telemetry.decision(operation.entity.type, decision);
      return decision;
    };
    const refused = (error: unknown): Decision => {
      telemetry.error('the engine failed to decide', error);
      return decided(failed(phase));
    };
    let answer: Awaitable<Decision>;
    try {
      answer = phase === 'pre' ? engine.pre(operation) : engine.post(operation, result);
    } catch (error) {
      return refused(error);
    }
    return answer instanceof Promise ? answer.then(decided, refused) : decided(answer);
  };
  return {
    pre: (operation) => settle(operation, 'pre', undefined),
    post: (operation, result) => settle(operation, 'post', result),
    overrule(operation, decision, violation) {
      try {
        engine.overrule?.(operation, violation);
      } catch (error) {
        telemetry.error('the engine failed to record a denial', error);
      }
      return { ...decision, decision: 'deny', violation };
    },
    forecast(operation, identifiedFor) {
      try {
        return engine.forecast(operation, identifiedFor);
      } catch (error) {
        telemetry.error('the engine failed to forecast', error);
        return NOTHING_SURE;
      }
    },
  };
}

function failed(phase: Phase): Decision {
  return {
    decision: 'deny',
    phase,
    violation: { code: 'gateway.engine_failure', reason: 'the decision failed', details: {} },
    route: undefined,
    args: undefined,
    result: undefined,
    modified: { args: false, result: false },
    taints: [],
    labels: new Set(),
    constraint: null,
  };
}

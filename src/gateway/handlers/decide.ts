import type { Decision } from '../../engine/decision.ts';
import type { Engine } from '../../engine/engine.ts';
import { NOTHING_SURE } from '../../engine/forecast-operation.ts';
import type { Forecast } from '../../engine/forecast.ts';
import type { Entity, JsonValue, Operation, Phase } from '../../engine/operation.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** Both phases with their promises held by force: whatever an engine does wrong is a denial. */
export interface Decider {
  pre(operation: Operation): Promise<Decision>;
  post(operation: Operation, result: JsonValue | undefined): Promise<Decision>;
  /** Nothing is sure when the engine fails. */
  forecast(operation: Pick<Operation, 'entity' | 'extensions'>, identifiedFor: Entity): Forecast;
}

export function createDecider(engine: Engine, telemetry: Pick<Telemetry, 'decision' | 'error'>): Decider {
  const settle = async (operation: Operation, phase: Phase, result: JsonValue | undefined): Promise<Decision> => {
    let decision: Decision;
    try {
      const answer = phase === 'pre' ? engine.pre(operation) : engine.post(operation, result);
      decision = answer instanceof Promise ? await answer : answer;
    } catch (error) {
      telemetry.error('the engine failed to decide', error);
      decision = failed(phase);
    }
    telemetry.decision(operation.entity.type, decision);
    return decision;
  };
  return {
    pre: (operation) => settle(operation, 'pre', undefined),
    post: (operation, result) => settle(operation, 'post', result),
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

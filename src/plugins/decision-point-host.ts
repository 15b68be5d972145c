import type { DecisionPointHandle } from '../engine/compile-scope.ts';
import type { DecisionAnswer, DecisionPoint } from '../engine/decision-point.ts';
import { inTime, type PluginHostOptions } from './plugin-host.ts';

/**
 * Wraps a decision point so that a throw, a rejection, a wrong answer or a late one is `failed`, which denies.
 * Source: plugin specification, "Decision points".
 */
export function hostDecisionPoint(
  dialect: string,
  point: DecisionPoint,
  options: PluginHostOptions,
): DecisionPointHandle {
  return {
    dialect,
    prepare(body, argument) {
      const ask = point.prepare(body, argument);
      return async (question, signal) => {
        const answer = await inTime((inner) => ask(question, { signal: inner }), options.timeout, signal);
        if (answer.kind === 'answer' && isAnswer(answer.value)) return answer.value;
        const failure = answer.kind === 'answer' ? 'answer' : answer.kind;
        options.alarm({ alarm: 'decision_point_failure', dialect, failure });
        return { outcome: 'failed' };
      };
    },
  };
}

function isAnswer(answer: unknown): answer is DecisionAnswer {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'outcome' in answer &&
    (answer.outcome === 'allow' || answer.outcome === 'deny')
  );
}

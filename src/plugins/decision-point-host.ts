import type { DecisionPointHandle } from '../engine/compile-scope.ts';
import type { DecisionAnswer, DecisionPoint } from '../engine/decision-point.ts';
import { inTime, outerOf, type PluginHostOptions } from './plugin-host.ts';

const FAILED = Object.freeze({ outcome: 'failed' });
const NEVER_ABORTED = Object.freeze({ signal: new AbortController().signal });

/**
 * Wraps a decision point so that a throw, a rejection, a wrong answer or a late one is `failed`, which denies.
 * Source: plugin specification, "Decision points".
 */
export function hostDecisionPoint(
  dialect: string,
  point: DecisionPoint,
  options: PluginHostOptions,
): DecisionPointHandle {
  const failed = (failure: string): typeof FAILED => {
    options.alarm({ alarm: 'decision_point_failure', dialect, failure });
    return FAILED;
  };
  const timeout = point.timeout ?? options.timeout;
  return {
    dialect,
    prepare(body, argument, context) {
      const ask = point.prepare(body, argument, context);
      if (point.synchronous === true) {
        return (question) => {
          try {
            const answer = ask(question, NEVER_ABORTED);
            if (answer instanceof Promise) answer.catch(() => undefined);
            return isAnswer(answer) ? answer : failed('answer');
          } catch {
            return failed('error');
          }
        };
      }
      return async (question, signal) => {
        const answer = await inTime((call) => ask(question, call), timeout, outerOf(signal));
        if (answer.kind === 'answer' && isAnswer(answer.value)) return answer.value;
        return failed(answer.kind === 'answer' ? 'answer' : answer.kind);
      };
    },
  };
}

function isAnswer(answer: unknown): answer is DecisionAnswer {
  if (typeof answer !== 'object' || answer === null || !('outcome' in answer)) return false;
  if (answer.outcome !== 'allow' && answer.outcome !== 'deny') return false;
  return optionalText(answer, 'code') && optionalText(answer, 'reason') && texts(answer);
}

function optionalText(answer: object, key: 'code' | 'reason'): boolean {
  const value: unknown = Reflect.get(answer, key);
  return value === undefined || typeof value === 'string';
}

function texts(answer: object): boolean {
  const value: unknown = Reflect.get(answer, 'diagnostics');
  return value === undefined || (Array.isArray(value) && value.every((line) => typeof line === 'string'));
}

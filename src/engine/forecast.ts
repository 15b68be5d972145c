import type { Path, RestrictedSet, Restriction, Step } from '../language/ast.ts';
import type { AttributeScope } from './attributes.ts';
import type { Constraint } from './constraint.ts';
import { certaintyOf, forecastPredicate, isKnown, type Prospect } from './forecast-predicate.ts';
import { compileRestriction } from './restrict.ts';

/** What is sure about the operations of a caller on one entity, whatever their arguments and labels will be. */
export interface Forecast {
  /** True when `pre` can allow none of them. */
  readonly refused: boolean;
  /** What all of them are restricted to at least; null when nothing is sure. */
  readonly constraint: Constraint | null;
}

/** Whether the step is sure to end its phase in a denial. Adds to the frame what it is sure to restrict; does nothing else. */
export type StepForecast = (prospect: Prospect) => boolean;

/**
 * The forecasts of steps that can have one. Since no step takes back a denial and nothing but a denial or a question to a
 * human ends a phase early, one sure denial anywhere in `pre` is enough. Plugins, decision points, questions, labels and
 * pipelines are never sure.
 */
export function forecastSteps(steps: readonly Step[], scope: AttributeScope): readonly StepForecast[] {
  return steps.flatMap((step) => forecastStep(step, scope) ?? []).slice();
}

function forecastStep(step: Step, scope: AttributeScope): StepForecast | undefined {
  switch (step.kind) {
    case 'deny':
      return () => true;
    case 'require': {
      const predicates = step.predicates.map((predicate) => forecastPredicate(predicate, scope));
      return (prospect) => predicates.some((holds) => holds(prospect) === false);
    }
    case 'when': {
      const inner = forecastAll(step.steps, scope);
      if (inner === undefined) return undefined;
      const applies = forecastPredicate(step.predicate, scope);
      return (prospect) => applies(prospect) === true && inner(prospect);
    }
    case 'restrict':
      return forecastRestriction(step.restriction, scope);
    case 'sequential':
    case 'parallel':
      return forecastAll(step.steps, scope);
    case 'allow':
    case 'taint':
    case 'plugin':
    case 'delegate':
    case 'elicit':
    case 'decide':
    case 'field':
      return undefined;
  }
}

function forecastAll(steps: readonly Step[], scope: AttributeScope): StepForecast | undefined {
  const forecasts = forecastSteps(steps, scope);
  if (forecasts.length === 0) return undefined;
  return (prospect) => forecasts.some((denies) => denies(prospect));
}

function forecastRestriction(restriction: Restriction, scope: AttributeScope): StepForecast | undefined {
  const { allowModels, denyModels, allowRegions, allowSites } = restriction;
  const certainty = certaintyOf([allowModels, denyModels, allowRegions, allowSites].flatMap(pathOf));
  if (certainty === 'open') return undefined;
  const constraintOf = compileRestriction(restriction, scope);
  return (prospect) => {
    if (!isKnown(certainty, prospect)) return false;
    const constraint = constraintOf(prospect.frame);
    if (constraint === 'unresolved') return true;
    if (constraint !== undefined) prospect.frame.addConstraint(constraint);
    return false;
  };
}

function pathOf(set: RestrictedSet | undefined): readonly Path[] {
  return set?.kind === 'reference' ? [set.path] : [];
}

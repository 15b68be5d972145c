import type { Text } from '../text/text.ts';
import type { Step } from './ast.ts';

/** The same rule as if it had been written in `text`, of equal value. Undefined for what no string holds. */
export function withText(step: Step, text: Text): Step | undefined {
  switch (step.kind) {
    case 'allow':
    case 'deny':
    case 'require':
    case 'taint':
    case 'plugin':
      return { ...step, text };
    case 'field':
      return { ...step, text, pipeline: { ...step.pipeline, text } };
    case 'when': {
      const steps = step.steps.map((inner) => withText(inner, text)).filter((inner) => inner !== undefined);
      return steps.length < step.steps.length ? undefined : { ...step, text, predicateText: text, steps };
    }
    case 'elicit':
      return step.scope === undefined ? { ...step, text } : { ...step, text, scope: { ...step.scope, text } };
    case 'delegate':
    case 'decide':
    case 'restrict':
    case 'sequential':
    case 'parallel':
      return undefined;
  }
}

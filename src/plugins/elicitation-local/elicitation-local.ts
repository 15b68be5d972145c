import { definePlugin } from '../define-plugin.ts';

/**
 * Asks the operators of this installation: a question stands in their list until one of them answers it, on any replica
 * that shares the storage. A step-up is not listed, since nobody can sign in for somebody else.
 */
export const elicitationLocal = definePlugin({
  kind: 'elicitation/local',
  configSchema: { type: 'object', additionalProperties: false },
  hooks: ['elicit'],
  create: () => ({
    checkElicit: (verb) =>
      verb === 'require_step_up'
        ? [{ message: 'no operator can sign in for the caller: only a new token of theirs answers this step' }]
        : [],
    elicit: ({ verb }) => ({ outcome: 'pending', listed: verb !== 'require_step_up' }),
  }),
});

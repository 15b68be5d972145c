import type { ElicitOutcome } from '../../engine/plugin.ts';
import { definePlugin } from '../define-plugin.ts';

const NO_FORM: ElicitOutcome = {
  outcome: 'invalid',
  violation: { code: 'elicitation.no_form', reason: 'the client cannot show its user a form', details: {} },
};

/**
 * Leaves a `confirm` to a form that the caller's own MCP client shows (protocol 2026-07-28, elicitation in form mode). The
 * client is trusted to have asked its user: where the agent is the client, it can answer by itself. A client that shows
 * no forms is denied, since nobody could ever answer it.
 */
export const elicitationMcp = definePlugin({
  kind: 'elicitation/mcp',
  configSchema: { type: 'object', additionalProperties: false },
  hooks: ['elicit'],
  create: () => ({
    checkElicit(verb) {
      if (verb === 'confirm') return [];
      throw new Error(
        'only `confirm` can be left to the client of who calls: its answer proves nothing about anybody else',
      );
    },
    elicit({ verb, form, state }) {
      if (state !== undefined) return { outcome: 'pending' };
      return verb === 'confirm' && form === true ? { outcome: 'pending', form: true, state: {} } : NO_FORM;
    },
  }),
});

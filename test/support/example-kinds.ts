import { definePlugin, type DecisionPointKind, type LoadOptions, type PluginKind } from '../../src/index.ts';

const ANYTHING = { type: 'object' } as const;

const check: PluginKind = definePlugin({
  kind: 'acme/check',
  configSchema: ANYTHING,
  hooks: ['cmf.tool_pre_invoke', 'cmf.tool_post_invoke', 'cmf.llm_input', 'cmf.llm_output', 'cmf.http_request'],
  create: () => ({ invoke: () => ({ outcome: 'allow' }) }),
});

const tokens: PluginKind = definePlugin({
  kind: 'acme/tokens',
  configSchema: ANYTHING,
  hooks: ['token.delegate'],
  create: () => ({
    delegate: () => ({ outcome: 'granted', token: 'example', header: 'authorization', permissions: [] }),
  }),
});

const approval: PluginKind = definePlugin({
  kind: 'acme/approval',
  configSchema: ANYTHING,
  hooks: ['elicit'],
  create: () => ({ elicit: () => ({ outcome: 'approved' }) }),
});

const limits: DecisionPointKind = {
  kind: 'acme/limits',
  dialect: 'limits',
  configSchema: ANYTHING,
  create: () => ({ prepare: () => () => ({ outcome: 'allow' }) }),
};

/** Kinds of an imaginary host, which examples of the documentation use. */
export const EXAMPLE_KINDS: Pick<LoadOptions, 'plugins' | 'decisionPoints'> = {
  plugins: [check, tokens, approval],
  decisionPoints: [limits],
};

import type { Frame } from './frame.ts';
import type { EntityType, Phase } from './operation.ts';
import type { HookName, PluginInput } from './plugin.ts';

const HOOK_OF: Readonly<Record<EntityType, Readonly<Record<Phase, HookName>>>> = {
  tool: { pre: 'cmf.tool_pre_invoke', post: 'cmf.tool_post_invoke' },
  llm: { pre: 'cmf.llm_input', post: 'cmf.llm_output' },
  prompt: { pre: 'cmf.prompt_pre_invoke', post: 'cmf.prompt_post_invoke' },
  resource: { pre: 'cmf.resource_pre_fetch', post: 'cmf.resource_post_fetch' },
  http: { pre: 'cmf.http_request', post: 'cmf.http_request' },
};

/** The hook at which plugins see an operation of `type` in `phase`. */
export function hookOf(type: EntityType, phase: Phase): HookName {
  return HOOK_OF[type][phase];
}

/** The phase as it stands now, as plugins get it before their capability view is cut. */
export function pluginInput(frame: Frame, field?: PluginInput['field']): PluginInput {
  const { entity } = frame.operation;
  return {
    hook: hookOf(entity.type, frame.phase),
    phase: frame.phase,
    entity,
    args: frame.nextArgs,
    result: frame.phase === 'post' ? frame.nextResult : undefined,
    extensions: frame.extensions,
    labels: frame.labels,
    ...(field === undefined ? {} : { field }),
  };
}

import { matchesGlob } from '../engine/glob.ts';
import type { JsonValue } from '../engine/operation.ts';
import type { PluginHandle } from '../engine/plugin-handle.ts';
import type { PluginInput } from '../engine/plugin.ts';
import { isObject } from '../engine/values.ts';

/** One condition of a plugin entry: every list given must hold the request's value. */
export type PluginCondition = Readonly<Record<string, readonly string[]>>;

/** The plugin, called only for requests that match one of `conditions`; without conditions for all. */
export function whenMatches(handle: PluginHandle, conditions: readonly PluginCondition[]): PluginHandle {
  if (conditions.length === 0) return handle;
  const applies = (request: Request): boolean => conditions.some((condition) => matches(condition, request));
  const { observe, admit } = handle;
  return {
    ...handle,
    invoke: (input, signal) => (applies(input) ? handle.invoke(input, signal) : { outcome: 'allow' }),
    observe:
      observe &&
      ((record) => {
        if (applies(record)) observe(record);
      }),
    admit: admit && ((request) => (applies(request) ? admit(request) : undefined)),
  };
}

type Request = Pick<PluginInput, 'entity' | 'extensions'>;

function matches(condition: PluginCondition, input: Request): boolean {
  return Object.entries(condition).every(([field, accepted]) => {
    const value = valueOf(field, input);
    if (value === undefined) return false;
    return field === 'user_patterns'
      ? accepted.some((pattern) => matchesGlob(pattern, value))
      : accepted.includes(value);
  });
}

/** What the request has for a field of a condition. Source: plugin runtime, "Conditions". */
function valueOf(field: string, { entity, extensions }: Request): string | undefined {
  const entityOf = (type: string): string | undefined => (entity.type === type ? entity.name : undefined);
  const mcp = (member: string): string | undefined =>
    text(extensions.mcp, 'tool', member) ??
    text(extensions.mcp, 'resource', member) ??
    text(extensions.mcp, 'prompt', member);
  switch (field) {
    case 'tools':
      return entityOf('tool');
    case 'prompts':
      return entityOf('prompt');
    case 'resources':
      return entityOf('resource');
    case 'agents':
      return extensions.agent?.agent_id;
    case 'tenant_ids':
      return extensions.subject?.tenant ?? extensions.subject?.claims?.['tenant'];
    case 'user_patterns':
      return extensions.subject?.id;
    case 'server_ids':
      return mcp('server_id');
    case 'content_types':
      return text(extensions.mcp, 'resource', 'mime_type');
    default:
      return undefined;
  }
}

function text(value: JsonValue | undefined, ...path: readonly string[]): string | undefined {
  let current = value;
  for (const name of path) current = isObject(current) && Object.hasOwn(current, name) ? current[name] : undefined;
  return typeof current === 'string' ? current : undefined;
}

import type { HookName, Plugin, PluginEntryContext, PluginKind, PluginWarning } from '../engine/plugin.ts';

/**
 * A kind of plugin whose `create` sees its config typed. `Config` must say what `configSchema` lets through: the loader
 * checks an entry's config against the schema before it calls `create`.
 */
export interface PluginDefinition<Config extends object> {
  readonly kind: string;
  /** JSON Schema 2020-12, closed. */
  readonly configSchema: Readonly<Record<string, unknown>>;
  readonly hooks: readonly HookName[];
  /** Throws an `Error` whose message tells the author what is wrong; must not dial. */
  create(config: Readonly<Config>, context: PluginEntryContext): Plugin;
  /** Looks for what is doubtful in a config that the schema accepts. */
  lint?(config: Readonly<Config>): readonly PluginWarning[];
}

/** Makes a `PluginKind` of a typed definition. */
export function definePlugin<Config extends object>(definition: PluginDefinition<Config>): PluginKind {
  return {
    kind: definition.kind,
    configSchema: definition.configSchema,
    hooks: definition.hooks,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked against `configSchema` by then
    create: (config, context) => definition.create(config as Readonly<Config>, context),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked against `configSchema` by then
    lint: (config) => definition.lint?.(config as Readonly<Config>) ?? [],
  };
}

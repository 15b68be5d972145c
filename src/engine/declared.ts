import { didYouMean } from '../diagnostics/nearest.ts';
import type { Span } from '../text/source.ts';
import type { CompileScope } from './compile-scope.ts';
import type { HookName } from './plugin.ts';
import type { PluginHandle } from './plugin-handle.ts';

/** Reports a plugin name that the bundle does not declare. */
export function reportUnknownPlugin(name: string, span: Span, scope: Pick<CompileScope, 'plugins' | 'report'>): void {
  scope.report.add('config/undeclared-plugin', span, `no plugin \`${name}\` is declared`, {
    help: didYouMean(name, scope.plugins.keys()) ?? 'declare it under `plugins:`',
  });
}

/**
 * The plugin that a step or stage calls. Undefined, and reported, when the bundle does not declare it or it serves no
 * hook that `serves` accepts, so that every call would fail.
 */
export function pluginToCall(
  name: string,
  serves: (hook: HookName) => boolean,
  span: Span,
  scope: Pick<CompileScope, 'plugins' | 'report'>,
): PluginHandle | undefined {
  const plugin = scope.plugins.get(name);
  if (plugin === undefined) {
    reportUnknownPlugin(name, span, scope);
    return undefined;
  }
  if (plugin.hooks.some(serves)) return plugin;
  const hooks = plugin.hooks.map((hook) => `\`${hook}\``).join(', ');
  scope.report.add('config/unknown-hook', span, `plugin \`${name}\` cannot be called here`, {
    help: hooks === '' ? 'it serves no hook' : `it serves ${hooks}`,
  });
  return undefined;
}

/** Hooks at which plugins see operations. */
export function isOperationHook(hook: HookName): boolean {
  return hook.startsWith('cmf.');
}

/** Reports a dialect that no decision point of the bundle answers for. */
export function reportUnknownDialect(
  dialect: string,
  span: Span,
  scope: Pick<CompileScope, 'decisionPoints' | 'report'>,
): void {
  scope.report.add('config/unknown-dialect', span, `no decision point answers for \`${dialect}\``, {
    help: didYouMean(dialect, [...scope.decisionPoints.keys(), ...STEP_KEYS]) ?? 'declare one under `global.pdp`',
  });
}

/** Keys that a map step can have besides dialects, for suggestions. */
const STEP_KEYS = ['when', 'delegate', 'restrict', 'sequential', 'parallel'];

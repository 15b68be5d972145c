import type { Report } from '../diagnostics/report.ts';
import { entryOf, isNull, type DocumentNode, type MapNode } from '../text/document.ts';

/**
 * Warns of keys that existing bundles may have and that do nothing where they stand: settings that were never honoured,
 * and parts of `authentication` that the plugin or the place decides. `root` has passed the bundle schema.
 */
export function reportIneffective(root: DocumentNode, report: Report): void {
  const bundle = asMap(root);
  const settings = memberMap(bundle, 'plugin_settings');
  for (const key of ['parallel_execution_within_band', 'fail_on_plugin_error']) {
    const entry = settings && entryOf(settings, key);
    if (entry?.value.kind !== 'scalar' || entry.value.value !== true) continue;
    report.add('config/no-effect', entry.keySpan, `\`${key}\` has no effect`, {
      help: 'set `mode` and `on_error` of each plugin instead',
    });
  }
  const shortCircuit = settings && entryOf(settings, 'short_circuit_on_deny');
  if (shortCircuit?.value.kind === 'scalar' && shortCircuit.value.value === false) {
    report.add('config/no-effect', shortCircuit.keySpan, '`short_circuit_on_deny: false` has no effect', {
      help: 'leave it out: the first deny in written order cancels the plugins after it',
    });
  }
  const routing = settings && entryOf(settings, 'routing_enabled')?.value;
  const plugins = bundle && entryOf(bundle, 'plugins')?.value;
  for (const plugin of plugins?.kind === 'sequence' ? plugins.items : []) {
    const conditions = plugin.kind === 'map' ? entryOf(plugin, 'conditions') : undefined;
    if (!conditions || routing?.kind !== 'scalar' || routing.value !== true) continue;
    report.add('config/no-effect', conditions.keySpan, '`conditions` have no effect while routing is enabled', {
      help: 'name the plugin in the `plugins:` list of the routes or groups that it is for',
    });
  }
  const directories = bundle && entryOf(bundle, 'plugin_dirs');
  if (directories) {
    report.add('config/no-effect', directories.keySpan, '`plugin_dirs` has no effect', {
      help: 'the host registers the kinds of plugins',
    });
  }
  const global = memberMap(bundle, 'global');
  if (global) reportAuthentication(global, false, report);
  for (const named of [memberMap(global, 'defaults'), memberMap(global, 'policies'), memberMap(bundle, 'groups')]) {
    for (const { value } of named?.entries ?? []) if (value.kind === 'map') reportAuthentication(value, false, report);
  }
  const routes = bundle && entryOf(bundle, 'routes')?.value;
  for (const route of routes?.kind === 'sequence' ? routes.items : []) {
    if (route.kind === 'map') reportAuthentication(route, true, report);
  }
}

function reportAuthentication(section: MapNode, isRoute: boolean, report: Report): void {
  const authentication = entryOf(section, 'authentication');
  if (!authentication) return;
  const { value, keySpan } = authentication;
  if (isNull(value)) {
    const help = isRoute
      ? 'list its steps, write `{replace_inherited: true, steps: []}` to ask for none, or leave the key out'
      : 'list its steps, or leave the key out';
    report.add('config/no-effect', keySpan, '`authentication` without a value adds nothing', { help });
  }
  const replace = value.kind === 'map' ? entryOf(value, 'replace_inherited') : undefined;
  if (replace && !isRoute) {
    report.add('config/no-effect', replace.keySpan, '`replace_inherited` has no effect outside a route', {
      help: 'write it in the `authentication` of the routes that are to drop the inherited steps',
    });
  }
  const steps = value.kind === 'map' ? entryOf(value, 'steps')?.value : value;
  for (const step of steps?.kind === 'sequence' ? steps.items : []) {
    const onError = step.kind === 'map' ? entryOf(step, 'on_error') : undefined;
    if (!onError) continue;
    report.add('config/no-effect', onError.keySpan, '`on_error` of an authentication step has no effect', {
      help: 'the `on_error` of the plugin decides',
    });
  }
}

function memberMap(map: MapNode | undefined, key: string): MapNode | undefined {
  return map && asMap(entryOf(map, key)?.value);
}

function asMap(node: DocumentNode | undefined): MapNode | undefined {
  return node?.kind === 'map' ? node : undefined;
}

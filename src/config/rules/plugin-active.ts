import type { Report } from '../../diagnostics/report.ts';
import type { DeclaredPlugin } from '../plugin-entries.ts';
import type { SectionLayer } from '../section-layer.ts';

/** With routing enabled a plugin runs only where a list activates it or a step calls it. */
export function pluginActive(
  declared: ReadonlyMap<string, DeclaredPlugin>,
  layers: readonly SectionLayer[],
  report: Report,
): void {
  const active = new Set(
    layers.flatMap(({ facts, activated, authentication }) => [
      ...facts.plugins.keys(),
      ...activated.map(({ name }) => name),
      ...(authentication?.plugins ?? []).map(({ name }) => name),
    ]),
  );
  for (const [name, { span, entry }] of declared) {
    if (active.has(name) || entry.mode === 'disabled') continue;
    report.add('config/inactive-plugin', span, `nothing activates or calls plugin \`${name}\``, {
      help: 'name it in a `plugins:` or `authentication:` list, or call it in a rule',
    });
  }
}

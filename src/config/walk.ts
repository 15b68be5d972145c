import { UNHURRIED, type Pace } from './pace.ts';
import { entryOf, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import type { RoutedEntityType } from '../engine/operation.ts';

/** Entity types that routes and defaults can be written for. */
export const ROUTED_ENTITY_TYPES: readonly RoutedEntityType[] = ['tool', 'resource', 'prompt', 'llm'];

/** A section of the bundle that can hold policy. `place` is how codes and traces call it, such as `groups.pii`. */
export interface Section {
  readonly place: string;
  readonly node: MapNode;
  /** The key that the section stands under; absent for routes, which stand in a list. */
  readonly entry?: MapEntry;
}

/** What a visitor wants to see. Every method may be left out. */
export interface ConfigVisitor {
  plugins?(settings: MapNode | undefined, entries: readonly DocumentNode[]): void;
  global?(section: Section | undefined): void;
  default?(section: Section, type: RoutedEntityType): void;
  group?(section: Section, name: string): void;
  route?(section: Section, index: number): void;
}

/**
 * Walks the bundle once for each visitor, in one fixed order: plugins, global, defaults, groups, routes, each in the
 * order written. `global` comes before every section that captures what it selects, also when it is not written.
 * Nodes of the wrong kind are passed over: the schema has reported them.
 * Between sections `pace` may let other work have its turn.
 */
export async function walkBundle(
  root: MapNode,
  visitors: readonly ConfigVisitor[],
  pace: Pace = UNHURRIED,
): Promise<void> {
  for (const visitor of visitors) {
    const global = mapAt(root, 'global');
    visitor.plugins?.(mapAt(root, 'plugin_settings')?.node, itemsAt(root, 'plugins'));
    visitor.global?.(global && { place: 'global', ...global });
    for (const type of ROUTED_ENTITY_TYPES) {
      const section = global && mapAt(mapAt(global.node, 'defaults')?.node, type);
      if (section !== undefined) visitor.default?.({ place: `global.defaults.${type}`, ...section }, type);
    }
    for (const [name, section] of groupsOf(root, global?.node)) {
      visitor.group?.(section, name);
      if (pace.due) await pace.rest();
    }
    for (const [index, route] of itemsAt(root, 'routes').entries()) {
      if (route.kind === 'map') visitor.route?.({ place: `routes[${index}]`, node: route }, index);
      if (pace.due) await pace.rest();
    }
  }
}

/** `groups`, and `global.policies` where `groups` has none of the name. */
function groupsOf(root: MapNode, global: MapNode | undefined): ReadonlyMap<string, Section> {
  const groups = new Map<string, Section>();
  for (const [place, holder] of [
    ['global.policies', mapAt(global, 'policies')?.node],
    ['groups', mapAt(root, 'groups')?.node],
  ] as const) {
    for (const entry of holder?.entries ?? []) {
      if (entry.value.kind !== 'map' && !(entry.value.kind === 'scalar' && entry.value.value === null)) continue;
      const node: MapNode =
        entry.value.kind === 'map' ? entry.value : { kind: 'map', entries: [], span: entry.value.span };
      groups.set(entry.key, { place: `${place}.${entry.key}`, node, entry });
    }
  }
  return groups;
}

function mapAt(
  map: MapNode | undefined,
  key: string,
): { readonly node: MapNode; readonly entry: MapEntry } | undefined {
  const entry = map && entryOf(map, key);
  return entry?.value.kind === 'map' ? { node: entry.value, entry } : undefined;
}

function itemsAt(map: MapNode, key: string): readonly DocumentNode[] {
  const value = entryOf(map, key)?.value;
  return value?.kind === 'sequence' ? value.items : [];
}

import type { CompileScope } from '../engine/compile-scope.ts';
import type { PluginHandle } from '../engine/plugin-handle.ts';
import type { JsonValue } from '../engine/operation.ts';
import { isOperationHook, reportUnknownPlugin } from '../engine/declared.ts';
import { entryOf, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import { factsOf, type LayerFacts } from './layer-facts.ts';
import type { KnownTexts } from './known-texts.ts';
import { compileLayer, parseLayer, type CompiledLayer, type ParsedLayer } from './parsed-layer.ts';
import { responseOf } from './schema.ts';
import type { PluginRegistry } from './plugin-entries.ts';
import { stringOf, type PolicyTerms } from './policy-terms.ts';
import type { Section } from './walk.ts';

/** Identity plugins that a section asks for. */
export interface Authentication {
  readonly replaceInherited: boolean;
  readonly plugins: readonly PluginHandle[];
}

/** Everything one section adds to the routes it applies to. */
export interface SectionLayer {
  readonly place: string;
  readonly parsed: ParsedLayer;
  readonly facts: LayerFacts;
  /** Bound to the plugins as declared. */
  readonly compiled: CompiledLayer;
  /** Settings, by name, of plugins that rules call. */
  readonly overrides: ReadonlyMap<string, MapEntry>;
  /** Structural activation, in the order written. */
  readonly activated: readonly PluginHandle[];
  readonly authentication: Authentication | undefined;
  readonly response: Readonly<Record<string, JsonValue>> | undefined;
}

/** Reads and compiles a section. What is wrong in it is reported, and the part left out. */
export function sectionLayer(
  section: Section,
  place: string,
  terms: PolicyTerms,
  texts: KnownTexts,
  registry: PluginRegistry,
  scope: CompileScope,
): SectionLayer {
  const { report } = scope;
  const parsed = parseLayer(terms, place, texts, report);
  return {
    place,
    parsed,
    facts: factsOf(parsed),
    compiled: compileLayer(parsed, scope),
    overrides: overridesOf(terms.overrides, scope),
    activated: activatedBy(entryOf(section.node, 'plugins')?.value, registry, scope),
    authentication: authenticationOf(section, registry, scope),
    response: responseDetails(terms.response?.value),
  };
}

const NO_OVERRIDES: ReadonlyMap<string, MapEntry> = new Map();

function overridesOf(map: MapNode | undefined, scope: CompileScope): ReadonlyMap<string, MapEntry> {
  if (map === undefined) return NO_OVERRIDES;
  const overrides = new Map<string, MapEntry>();
  for (const entry of map.entries) {
    if (scope.plugins.has(entry.key)) overrides.set(entry.key, entry);
    else reportUnknownPlugin(entry.key, entry.keySpan, scope);
  }
  return overrides;
}

function activatedBy(
  node: DocumentNode | undefined,
  registry: PluginRegistry,
  scope: CompileScope,
): readonly PluginHandle[] {
  if (node?.kind !== 'sequence') return [];
  return node.items.flatMap((item) => {
    const entry = item.kind === 'map' ? item.entries[0] : undefined;
    const name = entry?.key ?? stringOf(item);
    if (name === undefined) return [];
    const declared = registry.declared.get(name);
    if (declared === undefined) {
      reportUnknownPlugin(name, entry?.keySpan ?? item.span, scope);
      return [];
    }
    if (!declared.entry.hooks.some(isOperationHook)) {
      const hooks = declared.entry.hooks.map((hook) => `\`${hook}\``).join(', ');
      scope.report.add('config/no-effect', entry?.keySpan ?? item.span, `listing plugin \`${name}\` has no effect`, {
        help: `it serves ${hooks} and sees no operations`,
      });
    }
    return (entry?.value.kind === 'map' ? declared.with(entry.value, 'merge') : declared.handle) ?? [];
  });
}

function authenticationOf(section: Section, registry: PluginRegistry, scope: CompileScope): Authentication | undefined {
  const node = entryOf(section.node, 'authentication')?.value;
  const steps = node?.kind === 'map' ? entryOf(node, 'steps')?.value : node;
  if (steps?.kind !== 'sequence') return undefined;
  const replace = node?.kind === 'map' ? entryOf(node, 'replace_inherited')?.value : undefined;
  const plugins = steps.items.flatMap((step) => {
    const nameNode = step.kind === 'map' ? entryOf(step, 'name')?.value : step;
    const name = stringOf(nameNode);
    if (nameNode === undefined || name === undefined || name === '') return [];
    const declared = registry.declared.get(name);
    if (declared === undefined) {
      reportUnknownPlugin(name, nameNode.span, scope);
      return [];
    }
    if (!declared.entry.hooks.includes('identity.resolve')) {
      scope.report.add('config/unknown-hook', nameNode.span, `plugin \`${name}\` cannot establish an identity`, {
        help: 'it has to serve the hook `identity.resolve`',
      });
      return [];
    }
    const config = step.kind === 'map' ? entryOf(step, 'config') : undefined;
    const overrides: MapNode | undefined = config && { kind: 'map', entries: [config], span: step.span };
    return (overrides === undefined ? declared.handle : declared.with(overrides, 'merge')) ?? [];
  });
  // Only routes stand in a list; elsewhere the key has no effect.
  const isRoute = section.entry === undefined;
  return { replaceInherited: isRoute && replace?.kind === 'scalar' && replace.value === true, plugins };
}

/** A well-formed `response` as denials carry it; the schema has warned of any other. */
function responseDetails(node: DocumentNode | undefined): Readonly<Record<string, JsonValue>> | undefined {
  const response = node && responseOf(node);
  if (response === undefined) return undefined;
  const { status, body, headers } = response;
  return {
    ...(status === undefined ? {} : { 'http.status': status }),
    ...(body === undefined ? {} : { 'http.body': body }),
    ...(headers === undefined ? {} : { 'http.headers': headers }),
  };
}

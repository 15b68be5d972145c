import { LRUCache } from 'lru-cache';
import type { Report } from '../diagnostics/report.ts';
import { isGlob } from '../engine/glob.ts';
import type { RoutedEntityType } from '../engine/operation.ts';
import { compilePredicate, pathsOf, type CompiledPredicate } from '../engine/predicates.ts';
import type { CompileScope } from '../engine/compile-scope.ts';
import type { Program, Programs } from '../engine/program.ts';
import { forecastPredicate, type PredicateForecast } from '../engine/forecast-predicate.ts';
import type { RouteMeta } from '../engine/route-meta.ts';
import { scoreOf, type Route, type RouteMatcher } from '../engine/route-table.ts';
import { parsePredicate } from '../language/parse-predicate.ts';
import { entryOf, type DocumentNode, type MapNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import type { AttributeUse } from './layer-facts.ts';
import type { Pace } from './pace.ts';
import { stringOf, stringsOf } from './policy-terms.ts';
import { ROUTED_ENTITY_TYPES, type Section } from './walk.ts';

/** Combinations of runtime tags that one route remembers. */
const MAX_TAG_COMBINATIONS = 256;

/** What a route's own keys say about the requests it is for. */
export interface RouteHead {
  readonly type: RoutedEntityType;
  readonly matcher: RouteMatcher;
  readonly scope: string | undefined;
  readonly when: CompiledPredicate | undefined;
  readonly whenForecast: PredicateForecast | undefined;
  /** Attributes that `when` reads. */
  readonly conditions: readonly AttributeUse[];
  /** `tool:pay`, `tool:pay,ship`, `tool:hr-*`, with `@scope` behind a scoped one. */
  readonly key: string;
  readonly span: Span;
  readonly meta: RouteMeta;
  /** Tags and groups in the order they apply, each once. */
  readonly tags: readonly string[];
}

/** Reads a route's head; undefined when it names no entity, which the schema reports. */
export function routeHead(section: Section, groups: ReadonlySet<string>, scope: CompileScope): RouteHead | undefined {
  const { node } = section;
  const { report } = scope;
  const type = ROUTED_ENTITY_TYPES.find((candidate) => entryOf(node, candidate) !== undefined);
  const entity = type && entryOf(node, type);
  if (type === undefined || entity === undefined) return undefined;
  const matcher = matcherOf(entity.value.kind === 'sequence', stringsOf(entity.value), report);
  if (matcher === undefined) return undefined;
  const written = entryOf(node, 'meta')?.value;
  const meta = metaOf(written);
  const routeScope = written?.kind === 'map' ? stringOf(entryOf(written, 'scope')?.value) : undefined;
  const named = stringsOf(entryOf(node, 'groups')?.value).flatMap(({ text, node: at }) => {
    if (groups.has(text)) return [text];
    report.add('config/unknown-group', at.span, `there is no group \`${text}\``, { help: 'define it under `groups:`' });
    return [];
  });
  const names =
    matcher.kind === 'list' ? matcher.names.join(',') : matcher.kind === 'exact' ? matcher.name : matcher.pattern;
  const { when, whenForecast, conditions } = whenOf(node, scope);
  return {
    type,
    matcher,
    scope: routeScope,
    when,
    whenForecast,
    conditions,
    key: `${type}:${names}${routeScope === undefined ? '' : `@${routeScope}`}`,
    span: entity.value.span,
    meta,
    tags: meta.tags.length + named.length === 0 ? NONE : [...new Set([...meta.tags, ...named])],
  };
}

const NONE: readonly never[] = [];
const NO_META: RouteMeta = { tags: NONE, properties: {} };
const UNCONDITIONAL = { when: undefined, whenForecast: undefined, conditions: NONE };

function metaOf(node: DocumentNode | undefined): RouteMeta {
  if (node?.kind !== 'map') return NO_META;
  const tags = stringsOf(entryOf(node, 'tags')?.value).map(({ text }) => text);
  return { tags, properties: propertiesOf(entryOf(node, 'properties')?.value) };
}

function matcherOf(
  isList: boolean,
  names: readonly { readonly text: string; readonly node: { readonly span: Span } }[],
  report: Report,
): RouteMatcher | undefined {
  const [first] = names;
  if (first === undefined) return undefined;
  if (!isList) {
    return isGlob(first.text) ? { kind: 'glob', pattern: first.text } : { kind: 'exact', name: first.text };
  }
  for (const { text, node } of names) {
    if (!isGlob(text)) continue;
    report.add('config/glob-in-list', node.span, `\`${text}\` in a list is an exact name, not a pattern`, {
      help: 'write the pattern as a route of its own',
    });
  }
  return { kind: 'list', names: names.map(({ text }) => text) };
}

function propertiesOf(node: DocumentNode | undefined): Readonly<Record<string, string>> {
  const entries = node?.kind === 'map' ? node.entries : [];
  return Object.fromEntries(
    entries.flatMap(({ key, value }) => {
      const text = stringOf(value);
      return text === undefined ? [] : [[key, text]];
    }),
  );
}

function whenOf(node: MapNode, scope: CompileScope): Pick<RouteHead, 'when' | 'whenForecast' | 'conditions'> {
  const when = entryOf(node, 'when')?.value;
  const { text } = when?.kind === 'scalar' && typeof when.value === 'string' ? when : {};
  const predicate = text && parsePredicate(text, scope.report);
  if (text === undefined || predicate === undefined) return UNCONDITIONAL;
  const conditions = pathsOf(predicate).map((path) => ({ path, text, phase: 'pre' as const }));
  return { when: compilePredicate(predicate, scope), whenForecast: forecastPredicate(predicate, scope), conditions };
}

/** Makes the route; `compose` folds the layers of the given runtime tags into its program. */
export function makeRoute(
  head: RouteHead,
  groups: ReadonlySet<string>,
  compose: (extraTags: readonly string[]) => Program,
): Route {
  const { matcher, type, scope, when, whenForecast, meta, key } = head;
  const suffix = scope === undefined ? '' : `@${scope}`;
  const keys =
    matcher.kind === 'list' ? new Map(matcher.names.map((name) => [name, `${type}:${name}${suffix}`])) : undefined;
  const others = new Set([...groups].filter((group) => !head.tags.includes(group)));
  const { plain, tagged } = programsByTags(compose, others);
  return { type, matcher, scope, when, whenForecast, meta, key, keys, plain, tagged };
}

/** Programs for runtime tags that name one of `groups`: without any composed now, others when first asked for. */
export function programsByTags(
  compose: (extraTags: readonly string[]) => Program,
  groups: ReadonlySet<string>,
): Programs {
  const plain = compose([]);
  if (groups.size === 0) return { plain, tagged: undefined };
  let composed: LRUCache<string, Program> | undefined;
  const tagged = (tags: readonly string[]): Program => {
    const extra = [...new Set(tags)].filter((tag) => groups.has(tag));
    if (extra.length === 0) return plain;
    composed ??= new LRUCache({ max: MAX_TAG_COMBINATIONS });
    const key = JSON.stringify(extra);
    const found = composed.get(key) ?? compose(extra);
    composed.set(key, found);
    return found;
  };
  return { plain, tagged };
}

/** Reports routes that can never apply because an earlier one takes the same requests. */
export async function reportShadowedRoutes(heads: readonly RouteHead[], report: Report, pace: Pace): Promise<void> {
  const first = new Map<string, RouteHead>();
  for (const head of heads) {
    if (pace.due) await pace.rest();
    if (head.when !== undefined) continue;
    const { matcher, type, scope } = head;
    const names = matcher.kind === 'list' ? matcher.names : [matcher.kind === 'exact' ? matcher.name : matcher.pattern];
    const kind = `${JSON.stringify([type, scope ?? null, scoreOf(head)])} `;
    for (const name of new Set(names)) {
      const key = `${kind}${name}`;
      const earlier = first.get(key);
      if (earlier === undefined) {
        first.set(key, head);
        continue;
      }
      const related = [{ span: earlier.span, note: 'the first one' }];
      if (matcher.kind === 'list') {
        report.add('config/route-shadowed', head.span, `an earlier route already takes \`${name}\``, { related });
      } else {
        report.add('config/duplicate-route', head.span, `\`${type}: ${name}\` already has a route`, {
          help: 'join the two, or tell them apart with `meta.scope` or `when`',
          related,
        });
      }
    }
  }
}

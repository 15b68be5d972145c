import { LRUCache } from 'lru-cache';
import type { PredicateForecast, Prospect } from './forecast-predicate.ts';
import type { Frame } from './frame.ts';
import { matchesGlob } from './glob.ts';
import type { Entity, EntityType } from './operation.ts';
import type { CompiledPredicate } from './predicates.ts';
import type { Programs } from './program.ts';
import { interned } from '../text/interned.ts';
import type { RouteMeta } from './route-meta.ts';

/** How a route names its entities. */
export type RouteMatcher =
  | { readonly kind: 'exact'; readonly name: string }
  | { readonly kind: 'list'; readonly names: readonly string[] }
  | { readonly kind: 'glob'; readonly pattern: string };

/** A route as requests are matched against it. */
export interface Route extends Programs {
  readonly type: EntityType;
  readonly matcher: RouteMatcher;
  readonly scope: string | undefined;
  readonly when: CompiledPredicate | undefined;
  /** Of `when`; undefined without one. */
  readonly whenForecast: PredicateForecast | undefined;
  readonly meta: RouteMeta;
  /** `tool:pay`, `tool:pay@scope`, `tool:hr-*`. */
  readonly key: string;
  /** That of each member of a list, by name; undefined for routes with one name or a pattern. */
  readonly keys: ReadonlyMap<string, string> | undefined;
}

const SCOPE_BONUS = 100;
const WHEN_BONUS = 10;
const MAX_REMEMBERED_NAMES = 10_000;
const NONE: readonly Route[] = [];

/** Specificity of a route. Source: plugin specification, "Routing and layering". */
export function scoreOf(route: Pick<Route, 'matcher' | 'scope' | 'when'>): number {
  const { matcher } = route;
  const base =
    matcher.kind === 'exact' ? 1000 : matcher.kind === 'list' ? 500 : /^\*+$/.test(matcher.pattern) ? 0 : 300;
  return base + (route.scope === undefined ? 0 : SCOPE_BONUS) + (route.when === undefined ? 0 : WHEN_BONUS);
}

/** `routes` in the order that a table asks them in: of two equally specific ones the first wins. */
export function bySpecificity(routes: readonly Route[]): readonly Route[] {
  return routes.toSorted((a, b) => scoreOf(b) - scoreOf(a));
}

/** Value of the attribute `route.key` for an entity that the route is for. */
export function routeKey({ key, keys }: Route, { name }: Entity): string {
  return keys?.get(name) ?? key;
}

/** Routes of one bundle, indexed by entity type and name. */
export class RouteTable {
  readonly #tables: Readonly<Record<EntityType, TypeTable>> = {
    tool: new TypeTable(),
    resource: new TypeTable(),
    prompt: new TypeTable(),
    llm: new TypeTable(),
    http: new TypeTable(),
  };

  /** To be called in the order of `bySpecificity`. */
  add(route: Route): void {
    this.#tables[route.type].add(route);
  }

  /** The most specific route whose name, scope and `when` fit. */
  find(entity: Entity, frame: Frame): Route | undefined {
    return this.#tables[entity.type].find(entity, frame);
  }

  /** The routes that may turn out to be the one of `find`; undefined among them when it may find none. */
  possible(entity: Entity, prospect: Prospect): readonly (Route | undefined)[] {
    return this.#tables[entity.type].possible(entity, prospect);
  }
}

class TypeTable {
  /** Exact names and list members; every route here is more specific than any pattern. */
  readonly #named = new Map<string, Route | Route[]>();
  readonly #patterns: Route[] = [];
  #matching: LRUCache<string, readonly Route[]> | undefined;

  add(route: Route): void {
    const { matcher } = route;
    if (matcher.kind === 'glob') {
      this.#patterns.push(route);
      return;
    }
    for (const name of matcher.kind === 'exact' ? [matcher.name] : new Set(matcher.names)) {
      const found = this.#named.get(name);
      if (Array.isArray(found)) found.push(route);
      else this.#named.set(interned(name), found === undefined ? route : [found, route]);
    }
  }

  find(entity: Entity, frame: Frame): Route | undefined {
    const named = this.#named.get(entity.name);
    if (named !== undefined) {
      const route = Array.isArray(named) ? firstFitting(named, entity, frame) : fitting(named, entity, frame);
      if (route !== undefined) return route;
    }
    if (this.#patterns.length === 0) return undefined;
    return firstFitting(this.#patternsOf(entity.name), entity, frame);
  }

  possible(entity: Entity, prospect: Prospect): readonly (Route | undefined)[] {
    const possible: Route[] = [];
    for (const route of [...this.#namedAs(entity.name), ...this.#patternsOf(entity.name)]) {
      if (route.scope !== undefined && route.scope !== entity.scope) continue;
      const fits = route.whenForecast === undefined ? true : route.whenForecast(prospect);
      if (fits === false) continue;
      possible.push(route);
      if (fits === true) return possible;
    }
    return [...possible, undefined];
  }

  #namedAs(name: string): readonly Route[] {
    const named = this.#named.get(name);
    return named === undefined ? NONE : Array.isArray(named) ? named : [named];
  }

  #patternsOf(name: string): readonly Route[] {
    this.#matching ??= new LRUCache({ max: MAX_REMEMBERED_NAMES });
    const known = this.#matching.get(name);
    if (known !== undefined) return known;
    const matching = this.#patterns.filter(
      ({ matcher }) => matcher.kind === 'glob' && matchesGlob(matcher.pattern, name),
    );
    const routes = matching.length === 0 ? NONE : matching;
    this.#matching.set(name, routes);
    return routes;
  }
}

function firstFitting(routes: readonly Route[], entity: Entity, frame: Frame): Route | undefined {
  for (const route of routes) if (fitting(route, entity, frame) !== undefined) return route;
  return undefined;
}

function fitting(route: Route, entity: Entity, frame: Frame): Route | undefined {
  if (route.scope !== undefined && route.scope !== entity.scope) return undefined;
  return route.when === undefined || route.when(frame) ? route : undefined;
}

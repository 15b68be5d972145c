import type { RouteOutline } from '../config/outline.ts';
import { ROUTED_ENTITY_TYPES } from '../config/walk.ts';
import { didYouMean } from '../diagnostics/nearest.ts';
import { matchesGlob } from '../engine/glob.ts';
import { scoreOf } from '../engine/route-table.ts';
import { UsageError } from './usage-error.ts';

/**
 * The routes that `wanted` names: those with that list or pattern as key, or else those that an entity `type:name` or
 * `type:name@scope` can meet, most specific first, down to the first that has no `when`. Throws `UsageError` when there
 * is none.
 */
export function selectRoutes(wanted: string, routes: readonly RouteOutline[]): readonly RouteOutline[] {
  const named = routes.filter(({ key, matcher }) => key === wanted && matcher.kind !== 'exact');
  if (named.length > 0) return named;
  const fitting = routes.filter((route) => applies(route, wanted)).toSorted((a, b) => score(b) - score(a));
  const last = fitting.findIndex(({ conditional }) => !conditional);
  const reachable = last === -1 ? fitting : fitting.slice(0, last + 1);
  if (reachable.length > 0) return reachable;
  const advice = didYouMean(wanted, new Set(routes.flatMap(namesOf))) ?? syntax(wanted);
  throw new UsageError(`no route matches \`${wanted}\`${advice === undefined ? '' : `; ${advice}`}`);
}

function score({ matcher, scope, conditional }: RouteOutline): number {
  return scoreOf({ matcher, scope, when: conditional ? () => true : undefined });
}

function applies({ type, matcher, scope }: RouteOutline, wanted: string): boolean {
  if (!wanted.startsWith(`${type}:`)) return false;
  const name = wanted.slice(type.length + 1);
  // A name may hold an `@` of its own, so the whole of it counts as the name too.
  const names = scope === undefined ? [name] : name.endsWith(`@${scope}`) ? [name.slice(0, -scope.length - 1)] : [];
  if (scope === undefined && name.includes('@')) names.push(name.slice(0, name.lastIndexOf('@')));
  return names.some((each) => {
    if (matcher.kind === 'exact') return matcher.name === each;
    if (matcher.kind === 'list') return matcher.names.includes(each);
    return matchesGlob(matcher.pattern, each);
  });
}

function namesOf({ key, type, matcher }: RouteOutline): readonly string[] {
  return matcher.kind === 'list' ? matcher.names.map((name) => `${type}:${name}`) : [key];
}

function syntax(wanted: string): string | undefined {
  if (ROUTED_ENTITY_TYPES.some((type) => wanted.startsWith(`${type}:`))) return undefined;
  return 'write it as `tool:NAME`, `resource:URI`, `prompt:NAME` or `llm:NAME`';
}

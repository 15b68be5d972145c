import type { RestrictedSet, Restriction } from '../language/ast.ts';
import { compilePath, type AttributeScope } from './attributes.ts';
import type { Constraint } from './constraint.ts';
import type { Frame } from './frame.ts';
import { matchesGlob } from './glob.ts';
import { isSet, setMembers } from './values.ts';

/** The constraint of one `restrict` step; `unresolved` when a deny set cannot be read, which denies. */
export type CompiledRestriction = (frame: Frame) => Constraint | undefined | 'unresolved';

/** Compiles a `restrict` step. An allow set that cannot be read admits nothing. */
export function compileRestriction(restriction: Restriction, scope: AttributeScope): CompiledRestriction {
  const allowModels = compileSet(restriction.allowModels, scope);
  const denyModels = compileSet(restriction.denyModels, scope);
  const allowRegions = compileSet(restriction.allowRegions, scope);
  const allowSites = compileSet(restriction.allowSites, scope);
  return (frame) => {
    const denied = denyModels?.(frame);
    if (denyModels !== undefined && denied === undefined) return 'unresolved';
    return {
      ...(allowModels === undefined ? {} : { allow_models: allowModels(frame) ?? [] }),
      ...(denied === undefined ? {} : { deny_models: denied }),
      ...(allowRegions === undefined ? {} : { allow_regions: allowRegions(frame) ?? [] }),
      ...(allowSites === undefined ? {} : { allow_sites: allowSites(frame) ?? [] }),
      ...(restriction.maxCostTier === undefined ? {} : { max_cost_tiers: [restriction.maxCostTier] }),
      ...(restriction.custom === undefined ? {} : { custom: restriction.custom }),
      on_empty: restriction.onEmpty,
    };
  };
}

function compileSet(
  set: RestrictedSet | undefined,
  scope: AttributeScope,
): ((frame: Frame) => readonly string[] | undefined) | undefined {
  if (set === undefined) return undefined;
  if (set.kind === 'values') {
    const values = sorted(set.values);
    return () => values;
  }
  const read = compilePath(set.path, scope);
  return (frame) => {
    const value = read(frame);
    if (typeof value === 'string') return [value];
    if (!isSet(value)) return undefined;
    const members = setMembers(value);
    return members.length === 0 ? undefined : sorted(members);
  };
}

/** A custom label that two restrictions want different values of. */
export interface ConstraintConflict {
  readonly label: string;
  readonly values: readonly [string, string];
}

/**
 * Folds constraints into one: allow sets intersect, deny sets and cost ceilings unite, custom labels unite unless they
 * contradict, and one `deny` makes `on_empty` deny. The order does not matter. Null when there is none.
 */
export function foldConstraints(constraints: readonly Constraint[]): Constraint | ConstraintConflict | null {
  const [first, ...others] = constraints;
  if (first === undefined) return null;
  let folded: Constraint = first;
  for (const next of others) {
    const custom: Record<string, string> = { ...folded.custom };
    for (const [label, value] of Object.entries(next.custom ?? {})) {
      const known = Object.hasOwn(custom, label) ? custom[label] : undefined;
      if (known !== undefined && known !== value) return { label, values: [known, value] };
      custom[label] = value;
    }
    const models = intersection(folded.allow_models, next.allow_models);
    const each = modelSets(folded, next);
    const denied = union(folded.deny_models, next.deny_models);
    const regions = intersection(folded.allow_regions, next.allow_regions);
    const sites = intersection(folded.allow_sites, next.allow_sites);
    const tiers = union(folded.max_cost_tiers, next.max_cost_tiers);
    folded = {
      ...(models === undefined ? {} : { allow_models: models }),
      ...(each === undefined ? {} : { allow_models_each: each }),
      ...(denied === undefined ? {} : { deny_models: denied }),
      ...(regions === undefined ? {} : { allow_regions: regions }),
      ...(sites === undefined ? {} : { allow_sites: sites }),
      ...(tiers === undefined ? {} : { max_cost_tiers: tiers }),
      ...(Object.keys(custom).length === 0 ? {} : { custom }),
      on_empty: folded.on_empty === 'deny' || next.on_empty === 'deny' ? 'deny' : 'fallback',
    };
  }
  return folded;
}

export function isConflict(folded: Constraint | ConstraintConflict | null): folded is ConstraintConflict {
  return folded !== null && 'label' in folded;
}

/** Allow sets that are not one: their patterns have to be matched set by set. */
function modelSets(a: Constraint, b: Constraint): readonly (readonly string[])[] | undefined {
  const sets = [...eachSet(a), ...eachSet(b)];
  const distinct = sets.filter((set, i) => sets.findIndex((other) => sameMembers(other, set)) === i);
  return distinct.length > 1 ? distinct : undefined;
}

function eachSet(constraint: Constraint): readonly (readonly string[])[] {
  return constraint.allow_models_each ?? (constraint.allow_models === undefined ? [] : [constraint.allow_models]);
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((member, i) => member === b[i]);
}

function intersection(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
): readonly string[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.filter((member) => b.includes(member));
}

function union(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return sorted([...a, ...b]);
}

function sorted(members: readonly string[]): readonly string[] {
  return [...new Set(members)].toSorted();
}

/** What a router knows of a backend: `model`, `region`, `site`, `cost_tier` and custom labels. */
export type BackendLabels = Readonly<Record<string, string>>;

/**
 * Whether a backend satisfies a constraint. A label that the constraint speaks of and the backend lacks excludes it,
 * deny sets included. `rankOf` orders cost tiers, lower is cheaper; an unrankable tier excludes. What to do when no
 * backend is left (`on_empty`) is the router's part.
 */
export function admitsBackend(
  constraint: Constraint,
  labels: BackendLabels,
  rankOf: (tier: string) => number | undefined = () => undefined,
): boolean {
  const label = (name: string): string | undefined => (Object.hasOwn(labels, name) ? labels[name] : undefined);
  const model = label('model');
  const matches = (patterns: readonly string[]): boolean =>
    model !== undefined && patterns.some((pattern) => matchesGlob(pattern, model, '*'));
  if (!eachSet(constraint).every(matches)) return false;
  if (constraint.deny_models !== undefined && (model === undefined || matches(constraint.deny_models))) return false;
  if (constraint.allow_regions !== undefined && !holds(constraint.allow_regions, label('region'))) return false;
  if (constraint.allow_sites !== undefined && !holds(constraint.allow_sites, label('site'))) return false;
  if (constraint.max_cost_tiers !== undefined) {
    const tier = label('cost_tier');
    const rank = tier === undefined ? undefined : rankOf(tier);
    if (rank === undefined) return false;
    for (const ceiling of constraint.max_cost_tiers) {
      const limit = rankOf(ceiling);
      if (limit === undefined || rank > limit) return false;
    }
  }
  return Object.entries(constraint.custom ?? {}).every(([name, value]) => label(name) === value);
}

function holds(set: readonly string[], value: string | undefined): boolean {
  return value !== undefined && set.includes(value);
}

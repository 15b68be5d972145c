/**
 * What the folded `restrict` steps leave to a router. Sets are sorted; an absent member restricts nothing; an empty
 * allow set admits nothing.
 */
export interface Constraint {
  readonly allow_models?: readonly string[];
  /**
   * Present when several allow sets were folded: a model must match a pattern of each. `allow_models` is their
   * intersection as written.
   */
  readonly allow_models_each?: readonly (readonly string[])[];
  readonly deny_models?: readonly string[];
  readonly allow_regions?: readonly string[];
  readonly allow_sites?: readonly string[];
  readonly max_cost_tiers?: readonly string[];
  readonly custom?: Readonly<Record<string, string>>;
  readonly on_empty: 'deny' | 'fallback';
}

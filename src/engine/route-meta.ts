/** What a route's `meta` says of itself, for predicates. */
export interface RouteMeta {
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

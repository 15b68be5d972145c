/** Placeholder shape; the engine fills it in. */
export interface Progress {
  readonly bundle: object;
}

/** A part of a text that a detector recognised: half-open UTF-16 offsets, never empty. */
export interface Finding<Name extends string = string> {
  readonly detector: Name;
  readonly start: number;
  readonly end: number;
}

/** Findings in ascending order, none overlapping another. */
export type Finder<Name extends string = string> = (text: string) => readonly Finding<Name>[];

/** Half-open UTF-16 offsets. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Detector<Name extends string = string> {
  readonly name: Name;
  /**
   * `folded`: look-alike characters come as ASCII and invisible ones are gone, so that neither hides a finding.
   * `raw`: the text as it is.
   */
  readonly reads: 'folded' | 'raw';
  /** In any order; ranges may overlap, and empty ones do not count. Never throws. Time linear in the text. */
  readonly find: (text: string) => readonly Range[];
}

/** For detectors that find nothing, so that clean text costs no allocation. */
export const NO_RANGES: readonly Range[] = [];

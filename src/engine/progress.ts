import type { Bundle } from './bundle.ts';
import type { Constraint, Decision } from './decision.ts';
import type { Grant } from './frame.ts';
import type { JsonValue } from './operation.ts';

/** A bundle in force, and how many operations still need it. */
export interface Tenure {
  readonly bundle: Bundle;
  operations: number;
  /** Ends what the bundle holds; set once another bundle took over. */
  retire: (() => void) | undefined;
  /** Settles when what the bundle held has ended. */
  ended: Promise<void> | undefined;
}

/** What `pre` leaves for `post` of the same operation. */
export class Progress {
  /** The bundle that `pre` decided on. */
  readonly tenure: Tenure;
  /** `pre`'s decision when it was not `allow`: it stays the answer. */
  readonly refusal: Decision | undefined;
  /** As forwarded. */
  readonly args: JsonValue | undefined;
  readonly messageLabels: readonly string[] | undefined;
  readonly constraint: Constraint | undefined;
  readonly grant: Grant | undefined;
  /** Whether the tenure still counts this operation. */
  counted: boolean;

  constructor(
    tenure: Tenure,
    decision: Decision,
    messageLabels: readonly string[] | undefined,
    grant: Grant | undefined,
  ) {
    this.tenure = tenure;
    this.refusal = decision.decision === 'allow' ? undefined : decision;
    this.args = decision.args;
    this.messageLabels = messageLabels;
    this.constraint = decision.constraint ?? undefined;
    this.grant = grant;
    this.counted = decision.decision === 'allow';
  }
}

import type { ElicitationVerb } from '../../language/ast.ts';
import type { Question } from './question.ts';
import type { Halt } from '../halt.ts';

/** The questions to humans of one phase. */
export interface Elicited {
  /** Those that the caller named and that this operation may go on with, or why it may not. */
  readonly carried: Promise<readonly Question[] | Halt>;
  /** Approved ones that steps of this phase went on with; used up when the phase allows. */
  readonly honoured: Question[];
  /** What predicates see as `elicitation.…`. */
  latest: LatestQuestion | undefined;
}

/** An approval that a phase used up, for records. */
export interface Approval {
  /** The question's id. */
  readonly id: string;
  readonly verb: ElicitationVerb;
  readonly place: string;
  readonly approver: string;
}

const NONE: readonly Approval[] = Object.freeze([]);

/** The approvals that an allowed phase used up. */
export function approvalsOf(elicited: Elicited | undefined): readonly Approval[] {
  return elicited?.honoured.map(({ id, verb, place, approver }) => ({ id, verb, place, approver })) ?? NONE;
}

/** Source: attribute table of the plugin specification. */
export interface LatestQuestion {
  readonly id: string;
  readonly status: 'pending' | 'resolved' | 'expired';
  readonly outcome?: 'approved' | 'denied';
  readonly approver: string;
  readonly channel?: string;
  /** RFC 3339. */
  readonly expires_at: string;
  /** Information given, or statement attested. */
  readonly answer?: string;
}

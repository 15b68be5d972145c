import type { Violation } from './decision.ts';
import type { JsonValue } from './operation.ts';

/** What ends a phase before its last step. `details` are laid over the route's `response`. */
export interface Halt {
  readonly kind: 'deny' | 'pending';
  readonly code: string;
  readonly reason: string;
  readonly details?: Readonly<Record<string, JsonValue>>;
}

/** Reason of a denial whose author wrote none. */
export const DEFAULT_REASON = 'access denied';

export function deny(code: string, reason: string = DEFAULT_REASON, details?: Halt['details']): Halt {
  return details === undefined ? { kind: 'deny', code, reason } : { kind: 'deny', code, reason, details };
}

export function denyWith(violation: Violation): Halt {
  return deny(violation.code, violation.reason, violation.details);
}

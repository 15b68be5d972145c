import type { Range } from '../language/ast.ts';
import type { Span } from '../text/source.ts';
import type { Text } from '../text/text.ts';
import type { Violation } from './decision.ts';
import type { JsonValue } from './operation.ts';

/** Where in the bundle a halt comes from. */
export interface DecidingRule {
  readonly place: string;
  /** A span, or what it can be found out from. */
  readonly at: Span | Written;
}

/** A part of a text of the bundle. */
interface Written {
  readonly text: Text;
  readonly range: Range;
}

export function spanOf({ at }: DecidingRule): Span {
  return 'source' in at ? at : at.text.span(at.range.start, at.range.end);
}

/** What ends a phase before its last step. `details` are laid over the route's `response`. */
export interface Halt {
  readonly kind: 'deny' | 'pending';
  readonly code: string;
  readonly reason: string;
  readonly details?: Readonly<Record<string, JsonValue>>;
  /** The innermost step that led to it; absent when no step did. */
  readonly rule?: DecidingRule;
}

/** A denial whose code is the place of the rule that it comes from. */
export interface PlacedDenial {
  readonly kind: 'deny';
  readonly code: undefined;
  readonly reason: string;
}

/** Reason of a denial whose author wrote none. */
export const DEFAULT_REASON = 'access denied';

export function deny(code: string, reason: string = DEFAULT_REASON, details?: Halt['details']): Halt {
  return details === undefined ? { kind: 'deny', code, reason } : { kind: 'deny', code, reason, details };
}

export function placedDenial(reason: string = DEFAULT_REASON): PlacedDenial {
  return { kind: 'deny', code: undefined, reason };
}

/** The halt, or the denial in the place of `rule`, with the step that led to it unless one inside that step did. */
export function placed(halt: Halt | PlacedDenial, rule: DecidingRule): Halt {
  return halt.code === undefined ? { kind: 'deny', code: rule.place, reason: halt.reason, rule } : haltedBy(halt, rule);
}

/** The halt with the step that led to it, unless one inside that step did. */
export function haltedBy(halt: Halt, rule: DecidingRule): Halt {
  return halt.rule === undefined ? { ...halt, rule } : halt;
}

export function denyWith(violation: Violation): Halt {
  return deny(violation.code, violation.reason, violation.details);
}

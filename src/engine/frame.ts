import type { Span } from '../text/source.ts';
import type { SessionIdentity } from '../session/session-identity.ts';
import type { Constraint, Consultation, DelegatedToken, Taint, TraceStep } from './decision.ts';
import type { Halt } from './halt.ts';
import type { Extensions, JsonValue, Operation, Phase, Subject } from './operation.ts';
import type { Overlay } from './overlay.ts';
import type { InboundCredential } from './plugin.ts';
import type { TaintScope } from '../language/ast.ts';

const NO_EXTENSIONS: Extensions = Object.freeze({});

/** What the latest `delegate` step of the operation was granted. */
export interface Grant {
  readonly permissions: ReadonlySet<string>;
  readonly audience: string | undefined;
  /** RFC 3339, whole seconds, UTC. */
  readonly expiresAt: string | undefined;
}

/**
 * State of one phase of one operation. Compiled predicates read it, compiled steps write it. Parallel members work on
 * forks, so that a cancelled member leaves nothing behind.
 */
export class Frame {
  readonly operation: Operation;
  readonly phase: Phase;
  readonly extensions: Extensions;
  readonly subject: Subject | undefined;
  readonly overlay: Overlay | undefined;
  /** As predicates see them: before the pipelines of this phase ran. */
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  /** As they will be forwarded. */
  nextArgs: JsonValue | undefined;
  nextResult: JsonValue | undefined;
  readonly session: SessionIdentity | undefined;
  /** Session, host and message labels as they stood when the phase began. */
  readonly labels: ReadonlySet<string>;
  /** Known once the route is chosen. */
  routeKey: string | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly credentials: readonly InboundCredential[];
  taints: Taint[] | undefined;
  constraints: Constraint[] | undefined;
  grant: Grant | undefined;
  delegatedTokens: DelegatedToken[] | undefined;
  consultations: Consultation[] | undefined;
  trace: TraceStep[] | undefined;
  /** Why the latest field pipeline gave up. */
  fieldHalt: Halt | undefined;
  /** Aborted when the operation is given up; steps that wait pass it on. */
  signal: AbortSignal | undefined;

  constructor(start: FrameStart) {
    this.operation = start.operation;
    this.phase = start.phase;
    this.extensions = start.operation.extensions ?? NO_EXTENSIONS;
    this.subject = this.extensions.subject;
    this.overlay = start.overlay;
    this.args = start.args;
    this.result = start.result;
    this.nextArgs = start.args;
    this.nextResult = start.result;
    this.session = start.session;
    this.labels = start.labels;
    this.routeKey = start.routeKey;
    this.now = start.now;
    this.credentials = start.credentials;
    this.taints = undefined;
    this.constraints = undefined;
    this.grant = start.grant;
    this.delegatedTokens = undefined;
    this.consultations = undefined;
    this.trace = start.trace;
    this.fieldHalt = undefined;
    this.signal = undefined;
  }

  /** A copy for one parallel member: same facts, taints and constraints of its own. */
  fork(signal: AbortSignal | undefined): Frame {
    const copy = new Frame(this);
    copy.nextArgs = this.nextArgs;
    copy.nextResult = this.nextResult;
    copy.trace = this.trace === undefined ? undefined : [];
    copy.signal = signal;
    return copy;
  }

  /** Takes over what a finished parallel member collected. */
  join(member: Frame): void {
    for (const taint of member.taints ?? []) this.addTaint(taint);
    for (const constraint of member.constraints ?? []) this.addConstraint(constraint);
    for (const consultation of member.consultations ?? []) this.addConsultation(consultation, -1);
    if (this.trace !== undefined && member.trace !== undefined) this.trace.push(...member.trace);
  }

  addTaint(taint: Taint): void {
    if (this.taints === undefined) {
      this.taints = [taint];
      return;
    }
    for (const known of this.taints) {
      if (known === taint || (known.label === taint.label && sameScopes(known.scopes, taint.scopes))) return;
    }
    this.taints.push(taint);
  }

  addDelegatedToken(token: DelegatedToken): void {
    if (this.delegatedTokens === undefined) this.delegatedTokens = [token];
    else this.delegatedTokens.push(token);
  }

  addConstraint(constraint: Constraint): void {
    if (this.constraints === undefined) this.constraints = [constraint];
    else this.constraints.push(constraint);
  }

  /** `at` is the index of the asking step in the trace, -1 when it stands there already or nothing is traced. */
  addConsultation(consultation: Consultation, at: number): void {
    if (this.consultations === undefined) this.consultations = [consultation];
    else this.consultations.push(consultation);
    const step = this.trace?.[at];
    if (this.trace === undefined || step === undefined || consultation.diagnostics.length === 0) return;
    this.trace[at] = { ...step, diagnostics: consultation.diagnostics };
  }

  record(place: string, span: Span, outcome: TraceStep['outcome'], inputs?: Readonly<Record<string, JsonValue>>): void {
    this.trace?.push({ place, span, outcome, ...(inputs === undefined ? {} : { inputs }) });
  }
}

export interface FrameStart {
  readonly operation: Operation;
  readonly phase: Phase;
  readonly overlay: Overlay | undefined;
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  readonly session: SessionIdentity | undefined;
  readonly labels: ReadonlySet<string>;
  readonly routeKey: string | undefined;
  readonly now: () => number;
  readonly credentials: readonly InboundCredential[];
  readonly grant: Grant | undefined;
  readonly trace: TraceStep[] | undefined;
}

function sameScopes(a: readonly TaintScope[], b: readonly TaintScope[]): boolean {
  return a.length === b.length && a.every((scope) => b.includes(scope));
}

import type { Span } from '../text/source.ts';
import type { SessionIdentity } from '../session/session-identity.ts';
import type { Constraint } from './constraint.ts';
import type { Consultation, DelegatedToken, Taint, TraceStep } from './decision.ts';
import type { Elicited } from './elicitation/elicited.ts';
import type { Halt } from './halt.ts';
import type { RouteMeta } from './route-meta.ts';
import type { Extensions, JsonValue, Operation, Phase, Subject } from './operation.ts';
import type { Overlay } from './overlay.ts';
import { edited, type ExtensionEdits } from './plugin-changes.ts';
import type { TextSet } from './values.ts';
import type { TaintScope } from '../language/ast.ts';

const NO_EXTENSIONS: Extensions = Object.freeze({});

/** What the latest `delegate` step of the operation was granted. */
export interface Grant {
  readonly permissions: ReadonlySet<string>;
  readonly audience: string | undefined;
  /** RFC 3339, whole seconds, UTC. */
  readonly expiresAt: string | undefined;
}

/** What a phase is decided on. */
export interface FrameStart {
  readonly operation: Operation;
  readonly phase: Phase;
  readonly overlay: Overlay | undefined;
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  readonly session: SessionIdentity | undefined;
  /** The frame of `pre` in `post`. */
  readonly earlier: Frame | undefined;
  /** What plugins wrote in this phase before. */
  readonly edits?: ExtensionEdits | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * State of one phase of one operation. Compiled predicates read it, compiled steps write it. Parallel members work on
 * forks, so that a cancelled member leaves nothing behind.
 */
export class Frame implements FrameStart {
  readonly operation: Operation;
  readonly phase: Phase;
  /** With what plugins wrote. */
  extensions: Extensions;
  edits: ExtensionEdits | undefined;
  readonly subject: Subject | undefined;
  readonly overlay: Overlay | undefined;
  /** As predicates see them: before the pipelines of this phase ran. */
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  /** As they will be forwarded. */
  nextArgs: JsonValue | undefined;
  nextResult: JsonValue | undefined;
  readonly session: SessionIdentity | undefined;
  /** Labels of the session as the store has them. */
  readonly stored: ReadonlySet<string>;
  readonly earlier: Frame | undefined;
  /** Known once the route is chosen. */
  routeKey: string | undefined;
  routeMeta: RouteMeta | undefined;
  readonly now: () => number;
  taints: Taint[] | undefined;
  constraints: Constraint[] | undefined;
  grant: Grant | undefined;
  delegatedTokens: DelegatedToken[] | undefined;
  /** Present once a step asked a human, or looked for the answer. */
  elicitation: Elicited | undefined;
  consultations: Consultation[] | undefined;
  trace: TraceStep[] | undefined;
  /** Why the latest field pipeline gave up. */
  fieldHalt: Halt | undefined;
  #labels: ReadonlySet<string> | undefined;
  #end: AbortController | undefined;
  #signal: AbortSignal | undefined;

  constructor(start: FrameStart, stored: ReadonlySet<string>) {
    const { operation } = start;
    const edits = start.edits ?? start.earlier?.edits;
    const given = operation.extensions ?? NO_EXTENSIONS;
    const extensions = edits === undefined ? given : edited(given, edits);
    this.operation = operation;
    this.phase = start.phase;
    this.extensions = extensions;
    this.edits = edits;
    this.subject = extensions.subject;
    this.overlay = start.overlay;
    this.args = start.args;
    this.result = start.result;
    this.nextArgs = start.args;
    this.nextResult = start.result;
    this.session = start.session;
    this.stored = stored;
    this.earlier = start.earlier;
    this.routeKey = undefined;
    this.routeMeta = undefined;
    this.now = start.now;
    this.taints = undefined;
    this.constraints = undefined;
    this.grant = start.earlier?.grant;
    this.delegatedTokens = undefined;
    this.elicitation = undefined;
    this.consultations = undefined;
    this.trace = undefined;
    this.fieldHalt = undefined;
    this.#labels = undefined;
    this.#end = undefined;
    this.#signal = undefined;
  }

  /** The labels as predicates read them: no set is built where one source has them all. */
  get labelSet(): TextSet {
    if (this.#labels !== undefined) return this.#labels;
    const host = this.extensions.labels;
    if (host !== undefined && this.stored.size === 0 && this.earlier === undefined && this.overlay === undefined) {
      return host;
    }
    return this.labels;
  }

  /** Labels of the session, of the host and of the operation's earlier phase, as they stood when the phase began. */
  get labels(): ReadonlySet<string> {
    this.#labels ??= this.#visibleLabels();
    return this.#labels;
  }

  #visibleLabels(): ReadonlySet<string> {
    const host = this.extensions.labels;
    const raw = this.overlay?.labels;
    const message = this.earlier?.taints;
    if (host === undefined && raw === undefined && message === undefined) return this.stored;
    const labels = new Set(this.stored);
    for (const label of host ?? []) labels.add(label);
    for (const label of raw ?? []) labels.add(label);
    for (const { label } of message ?? []) labels.add(label);
    return labels;
  }

  /** Aborted when the operation is given up; steps that wait pass it on. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#end = new AbortController();
      this.#signal = this.#end.signal;
    }
    return this.#signal;
  }

  /** Shows everything from here on the extensions as plugins left them. */
  edit(edits: ExtensionEdits): void {
    this.edits = edits;
    this.extensions = edited(this.operation.extensions ?? NO_EXTENSIONS, edits);
  }

  /** Ends what the phase waits for. */
  giveUp(): void {
    this.#end?.abort();
  }

  /** A copy for one parallel member: same facts, taints and constraints of its own. */
  fork(signal: AbortSignal): Frame {
    const copy = new Frame(this, this.stored);
    copy.nextArgs = this.nextArgs;
    copy.nextResult = this.nextResult;
    copy.routeKey = this.routeKey;
    copy.routeMeta = this.routeMeta;
    copy.grant = this.grant;
    copy.trace = this.trace === undefined ? undefined : [];
    copy.#labels = this.#labels;
    copy.#signal = signal;
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

function sameScopes(a: readonly TaintScope[], b: readonly TaintScope[]): boolean {
  return a.length === b.length && a.every((scope) => b.includes(scope));
}

import type { Span } from '../text/source.ts';
import type { SessionIdentity } from '../session/session-identity.ts';
import type { Constraint } from './constraint.ts';
import type { Consultation, Decision, DelegatedToken, Taint, TraceStep } from './decision.ts';
import type { Elicited } from './elicitation/elicited.ts';
import type { DecidingRule, Halt, PlacedDenial } from './halt.ts';
import type { RouteMeta } from './route-meta.ts';
import { PROGRESS, type Extensions, type JsonValue, type Operation, type Phase, type Subject } from './operation.ts';
import { overlayOf, type Overlay } from './overlay.ts';
import { edited, type ExtensionEdits } from './plugin-changes.ts';
import type { Program } from './program.ts';
import type { Tenure } from './tenure.ts';
import { setHas, type TextSet } from './values.ts';
import type { TaintScope } from '../language/ast.ts';

const NO_EXTENSIONS: Extensions = Object.freeze({});

/** What the latest `delegate` step of the operation was granted. */
export interface Grant {
  readonly permissions: ReadonlySet<string>;
  readonly audience: string | undefined;
  /** RFC 3339, whole seconds, UTC. */
  readonly expiresAt: string | undefined;
}

const NO_LABELS: ReadonlySet<string> = new Set();

/**
 * One phase of one operation: what it is decided on, and what comes of it. Compiled predicates read it, compiled steps
 * write it. That of `pre` is what `post` goes on from. Parallel members work on forks, so that a cancelled member leaves
 * nothing behind. Fields are declared only: the constructor gives every one its first value, once.
 */
export class Frame {
  declare readonly tenure: Tenure;
  declare readonly operation: Operation;
  declare readonly phase: Phase;
  /** The result as the host gave it. */
  declare readonly givenResult: JsonValue | undefined;
  /** The allowed `pre` of the same operation, in `post`. */
  declare readonly earlier: Frame | undefined;
  /** For those who observe the decision. */
  declare readonly startedAt: number;

  /** With what plugins wrote. */
  declare extensions: Extensions;
  declare edits: ExtensionEdits | undefined;
  declare subject: Subject | undefined;
  declare overlay: Overlay | undefined;
  declare session: SessionIdentity | undefined;
  /** Labels of the session as the store has them. */
  declare stored: ReadonlySet<string>;
  /** As predicates see them: before the pipelines of this phase ran. */
  declare args: JsonValue | undefined;
  declare result: JsonValue | undefined;
  /** As they will be forwarded. */
  declare nextArgs: JsonValue | undefined;
  declare nextResult: JsonValue | undefined;

  declare program: Program | undefined;
  /** Known once the route is chosen. */
  declare routeKey: string | undefined;
  declare routeMeta: RouteMeta | undefined;

  declare taints: Taint[] | undefined;
  declare constraints: Constraint[] | undefined;
  declare grant: Grant | undefined;
  declare delegatedTokens: DelegatedToken[] | undefined;
  /** Present once a step asked a human, or looked for the answer. */
  declare elicitation: Elicited | undefined;
  declare consultations: Consultation[] | undefined;
  declare trace: TraceStep[] | undefined;
  /** Why the latest field pipeline gave up. */
  declare fieldHalt: Halt | PlacedDenial | undefined;

  declare decision: Decision | undefined;
  /** Where the steps ended the phase; for those who observe it. */
  declare rule: DecidingRule | undefined;
  /** True once the time for the phase is up: whatever still comes of it is a denial. */
  declare expired: boolean;
  /** Whether the tenure counts the operation, so that the bundle waits for `post`. */
  declare counted: boolean;

  #labels: ReadonlySet<string> | undefined;
  #end: AbortController | undefined;
  #signal: AbortSignal | undefined;

  /** Reads nothing of `operation`, so that it cannot fail; `begin` does. */
  constructor(
    tenure: Tenure,
    operation: Operation,
    phase: Phase,
    givenResult: JsonValue | undefined,
    earlier: Frame | undefined,
  ) {
    this.tenure = tenure;
    this.operation = operation;
    this.phase = phase;
    this.givenResult = givenResult;
    this.earlier = earlier;
    this.startedAt = tenure.bundle.observed ? performance.now() : 0;
    this.extensions = NO_EXTENSIONS;
    this.edits = undefined;
    this.subject = undefined;
    this.overlay = undefined;
    this.session = undefined;
    this.stored = NO_LABELS;
    this.args = undefined;
    this.result = undefined;
    this.nextArgs = undefined;
    this.nextResult = undefined;
    this.program = undefined;
    this.routeKey = undefined;
    this.routeMeta = undefined;
    this.taints = undefined;
    this.constraints = undefined;
    this.grant = undefined;
    this.delegatedTokens = undefined;
    this.elicitation = undefined;
    this.consultations = undefined;
    this.trace = undefined;
    this.fieldHalt = undefined;
    this.decision = undefined;
    this.rule = undefined;
    this.expired = false;
    this.counted = false;
    this.#labels = undefined;
    this.#end = undefined;
    this.#signal = undefined;
  }

  /** Takes in the facts of the operation; `result` is the data that `post` decides on. */
  begin(result: JsonValue | undefined): void {
    const { operation, earlier } = this;
    const edits = earlier?.edits;
    const given = operation.extensions ?? NO_EXTENSIONS;
    const extensions = edits === undefined ? given : edited(given, edits);
    const args = earlier === undefined ? operation.args : earlier.decision?.args;
    this.extensions = extensions;
    this.edits = edits;
    this.subject = extensions.subject;
    this.overlay = operation.attributes === undefined ? undefined : overlayOf(operation.attributes);
    this.args = args;
    this.nextArgs = args;
    this.result = result;
    this.nextResult = result;
    this.grant = earlier?.grant;
  }

  /** Whether the labels that predicates read hold `text`. Builds no set. */
  hasLabel(text: string): boolean {
    if (this.#labels !== undefined) return this.#labels.has(text);
    if (this.stored.has(text)) return true;
    const host = this.extensions.labels;
    if (host !== undefined && setHas(host, text)) return true;
    if (this.overlay?.labels?.includes(text) === true) return true;
    const message = this.earlier?.taints;
    return message !== undefined && message.some(({ label }) => label === text);
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
    const { tenure, operation, phase, givenResult, earlier } = this;
    const copy = new Frame(tenure, operation, phase, givenResult, earlier);
    copy.extensions = this.extensions;
    copy.edits = this.edits;
    copy.subject = this.subject;
    copy.overlay = this.overlay;
    copy.session = this.session;
    copy.stored = this.stored;
    copy.args = this.args;
    copy.result = this.result;
    copy.nextArgs = this.nextArgs;
    copy.nextResult = this.nextResult;
    copy.program = this.program;
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

/** Where the session of a decided operation comes from; undefined without one. */
export function sessionSource(operation: Operation): string | undefined {
  const mark = operation[PROGRESS];
  return mark instanceof Frame ? mark.session?.source : undefined;
}

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

/** What few operations come to have: a frame makes room for it when the first of it is written. */
class Rarities {
  edits: ExtensionEdits | undefined;
  constraints: Constraint[] | undefined;
  grant: Grant | undefined;
  delegatedTokens: DelegatedToken[] | undefined;
  elicitation: Elicited | undefined;
  consultations: Consultation[] | undefined;
  trace: TraceStep[] | undefined;
  fieldHalt: Halt | PlacedDenial | undefined;
  rule: DecidingRule | undefined;
  labels: ReadonlySet<string> | undefined;
  end: AbortController | undefined;
  signal: AbortSignal | undefined;
}

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

  /** Never changed: another array takes its place. */
  declare taints: readonly Taint[] | undefined;
  declare decision: Decision | undefined;
  /** True once the time for the phase is up: whatever still comes of it is a denial. */
  declare expired: boolean;
  /** Whether the tenure counts the operation, so that the bundle waits for `post`. */
  declare counted: boolean;

  #rarities: Rarities | undefined;

  /** Reads nothing of `operation`, so that it cannot fail: `frameOf` does. */
  constructor(
    tenure: Tenure,
    operation: Operation,
    phase: Phase,
    givenResult: JsonValue | undefined,
    earlier: Frame | undefined,
    extensions: Extensions = NO_EXTENSIONS,
    args?: JsonValue,
  ) {
    this.tenure = tenure;
    this.operation = operation;
    this.phase = phase;
    this.givenResult = givenResult;
    this.earlier = earlier;
    this.startedAt = tenure.bundle.observed ? performance.now() : 0;
    this.extensions = extensions;
    this.subject = extensions.subject;
    this.overlay = undefined;
    this.session = undefined;
    this.stored = NO_LABELS;
    this.args = args;
    this.result = givenResult;
    this.nextArgs = args;
    this.nextResult = givenResult;
    this.program = undefined;
    this.routeKey = undefined;
    this.routeMeta = undefined;
    this.taints = undefined;
    this.decision = undefined;
    this.expired = false;
    this.counted = false;
    this.#rarities = undefined;
  }

  /** Whether the phase came to something that few operations have. */
  get isPlain(): boolean {
    return this.#rarities === undefined;
  }

  get edits(): ExtensionEdits | undefined {
    return this.#rarities?.edits;
  }

  get constraints(): readonly Constraint[] | undefined {
    return this.#rarities?.constraints;
  }

  get grant(): Grant | undefined {
    return this.#rarities?.grant;
  }

  set grant(grant: Grant | undefined) {
    if (grant !== undefined || this.#rarities !== undefined) this.#rare.grant = grant;
  }

  get delegatedTokens(): readonly DelegatedToken[] | undefined {
    return this.#rarities?.delegatedTokens;
  }

  /** Present once a step asked a human, or looked for the answer. */
  get elicitation(): Elicited | undefined {
    return this.#rarities?.elicitation;
  }

  set elicitation(elicitation: Elicited | undefined) {
    this.#rare.elicitation = elicitation;
  }

  get consultations(): readonly Consultation[] | undefined {
    return this.#rarities?.consultations;
  }

  get trace(): TraceStep[] | undefined {
    return this.#rarities?.trace;
  }

  set trace(trace: TraceStep[] | undefined) {
    if (trace !== undefined || this.#rarities !== undefined) this.#rare.trace = trace;
  }

  /** Why the latest field pipeline gave up. */
  get fieldHalt(): Halt | PlacedDenial | undefined {
    return this.#rarities?.fieldHalt;
  }

  set fieldHalt(halt: Halt | PlacedDenial | undefined) {
    this.#rare.fieldHalt = halt;
  }

  /** Where the steps ended the phase; for those who observe it. */
  get rule(): DecidingRule | undefined {
    return this.#rarities?.rule;
  }

  set rule(rule: DecidingRule | undefined) {
    if (rule !== undefined || this.#rarities !== undefined) this.#rare.rule = rule;
  }

  get #rare(): Rarities {
    return (this.#rarities ??= new Rarities());
  }

  /** Whether the labels that predicates read hold `text`. Builds no set. */
  hasLabel(text: string): boolean {
    if (this.stored.has(text)) return true;
    const host = this.extensions.labels;
    if (host !== undefined && setHas(host, text)) return true;
    if (this.overlay?.labels?.includes(text) === true) return true;
    const message = this.earlier?.taints;
    return message !== undefined && message.some(({ label }) => label === text);
  }

  /** The labels as predicates read them: no set is built where one source has them all. */
  get labelSet(): TextSet {
    const host = this.extensions.labels;
    if (host !== undefined && this.stored.size === 0 && this.earlier === undefined && this.overlay === undefined) {
      return host;
    }
    return this.labels;
  }

  /** Labels of the session, of the host and of the operation's earlier phase, as they stood when the phase began. */
  get labels(): ReadonlySet<string> {
    return this.#rarities?.labels ?? this.#visibleLabels();
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
    this.#rare.labels = labels;
    return labels;
  }

  /** Aborted when the operation is given up; steps that wait pass it on. */
  get signal(): AbortSignal {
    const rare = this.#rare;
    if (rare.signal === undefined) {
      rare.end = new AbortController();
      rare.signal = rare.end.signal;
    }
    return rare.signal;
  }

  /** Goes on with what plugins wrote, and with what was granted, in `pre`. */
  inherit({ edits, grant }: Frame): void {
    if (edits !== undefined) this.edit(edits);
    if (grant !== undefined) this.grant = grant;
  }

  /** Shows everything from here on the extensions as plugins left them. */
  edit(edits: ExtensionEdits): void {
    this.#rare.edits = edits;
    this.#rare.labels = undefined;
    this.extensions = edited(this.operation.extensions ?? NO_EXTENSIONS, edits);
  }

  /** Ends what the phase waits for. */
  giveUp(): void {
    this.#rarities?.end?.abort();
  }

  /** A copy for one parallel member: same facts, taints and constraints of its own. */
  fork(signal: AbortSignal): Frame {
    const { tenure, operation, phase, givenResult, earlier } = this;
    const copy = new Frame(tenure, operation, phase, givenResult, earlier, this.extensions, this.args);
    copy.overlay = this.overlay;
    copy.session = this.session;
    copy.stored = this.stored;
    copy.result = this.result;
    copy.nextArgs = this.nextArgs;
    copy.nextResult = this.nextResult;
    copy.program = this.program;
    copy.routeKey = this.routeKey;
    copy.routeMeta = this.routeMeta;
    const rare = copy.#rare;
    rare.edits = this.edits;
    rare.grant = this.grant;
    rare.trace = this.trace === undefined ? undefined : [];
    rare.labels = this.#rarities?.labels;
    rare.signal = signal;
    return copy;
  }

  /** Takes over what a finished parallel member collected. */
  join(member: Frame): void {
    if (member.taints !== undefined) this.addTaints(member.taints);
    for (const constraint of member.constraints ?? []) this.addConstraint(constraint);
    for (const consultation of member.consultations ?? []) this.addConsultation(consultation, -1);
    if (this.trace !== undefined && member.trace !== undefined) this.trace.push(...member.trace);
  }

  addTaint(taint: Taint): void {
    this.addTaints([taint]);
  }

  /** `added` stays as it is, so that a rule can give the same array each time. */
  addTaints(added: readonly Taint[]): void {
    this.taints = this.taints === undefined ? added : union(this.taints, added);
  }

  addDelegatedToken(token: DelegatedToken): void {
    (this.#rare.delegatedTokens ??= []).push(token);
  }

  forgetConstraints(): void {
    if (this.#rarities !== undefined) this.#rarities.constraints = undefined;
  }

  addConstraint(constraint: Constraint): void {
    (this.#rare.constraints ??= []).push(constraint);
  }

  /** `at` is the index of the asking step in the trace, -1 when it stands there already or nothing is traced. */
  addConsultation(consultation: Consultation, at: number): void {
    (this.#rare.consultations ??= []).push(consultation);
    const step = this.trace?.[at];
    if (this.trace === undefined || step === undefined || consultation.diagnostics.length === 0) return;
    this.trace[at] = { ...step, diagnostics: consultation.diagnostics };
  }

  record(place: string, span: Span, outcome: TraceStep['outcome'], inputs?: Readonly<Record<string, JsonValue>>): void {
    this.trace?.push({ place, span, outcome, ...(inputs === undefined ? {} : { inputs }) });
  }
}

/** A frame with the facts of the operation. `post` decides on those of `pre`. Throws what reading them throws. */
export function frameOf(
  tenure: Tenure,
  operation: Operation,
  phase: Phase,
  givenResult: JsonValue | undefined,
  earlier: Frame | undefined,
): Frame {
  const { extensions, attributes } = operation;
  const args = earlier === undefined ? operation.args : earlier.decision?.args;
  const frame = new Frame(tenure, operation, phase, givenResult, earlier, extensions ?? NO_EXTENSIONS, args);
  if (attributes !== undefined) frame.overlay = overlayOf(attributes);
  if (earlier?.isPlain === false) frame.inherit(earlier);
  return frame;
}

/** `known` itself when it has all that is added. */
function union(known: readonly Taint[], added: readonly Taint[]): readonly Taint[] {
  const missing = added.filter((taint) => !hasTaint(known, taint));
  return missing.length === 0 ? known : [...known, ...missing];
}

function hasTaint(known: readonly Taint[], { label, scopes }: Taint): boolean {
  return known.some((each) => each.label === label && sameScopes(each.scopes, scopes));
}

function sameScopes(a: readonly TaintScope[], b: readonly TaintScope[]): boolean {
  return a.length === b.length && a.every((scope) => b.includes(scope));
}

/** Where the session of a decided operation comes from; undefined without one. */
export function sessionSource(operation: Operation): string | undefined {
  const mark = operation[PROGRESS];
  return mark instanceof Frame ? mark.session?.source : undefined;
}

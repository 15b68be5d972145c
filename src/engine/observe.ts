import type { Alarm } from '../session/label-store.ts';
import type { Bundle } from './bundle.ts';
import type { Decision, Violation } from './decision.ts';
import { positionAt } from '../text/source.ts';
import type { Consultation } from './decision.ts';
import { approvalsOf } from './elicitation/elicited.ts';
import type { Frame } from './frame.ts';
import type { DecidingRule } from './halt.ts';
import type { Entity, Extensions, Operation } from './operation.ts';
import type { DecisionRecord, IdentityInput } from './plugin.ts';
import type { UncutRecord } from './plugin-handle.ts';
import { hookOf } from './plugin-input.ts';
import type { Program } from './program.ts';

const NO_EXTENSIONS: Extensions = Object.freeze({});
const NO_LABELS: ReadonlySet<string> = new Set();
const NO_HEADERS: readonly string[] = Object.freeze([]);
const NO_APPROVALS: DecisionRecord['approvals'] = Object.freeze([]);
const NO_CONSULTATIONS: readonly Consultation[] = Object.freeze([]);
const UNMODIFIED: Decision['modified'] = Object.freeze({ args: false, result: false });

/** Where observers hear from. */
export interface Observation {
  readonly bundle: Bundle;
  /** What was run; undefined when the decision fell before it was chosen. */
  readonly program: Program | undefined;
  /** Where the steps ended the phase. */
  readonly rule: DecidingRule | undefined;
  /** `startTime` of the phase, as `performance.now` has it. */
  readonly startedAt: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly alarm: (alarm: Alarm) => void;
}

/** The time that `observeDecision` measures from; 0 when nobody in `bundle` wants to know. */
export function observationStart(bundle: Bundle): number {
  return bundle.observed ? performance.now() : 0;
}

/** Tells the plugins that observe a phase what was decided; for bundles where some do. Never throws. */
export function observeDecision(
  observation: Observation,
  operation: Operation,
  decision: Decision,
  frame: Frame | undefined,
): void {
  const { entity } = operation;
  const { phase } = decision;
  tell(observation, entity, phase, () => ({
    time: observation.now(),
    duration: performance.now() - observation.startedAt,
    operationId: operation.id,
    bundleDigest: observation.bundle.digest,
    phase,
    hook: hookOf(entity.type, phase),
    entity,
    route: decision.route,
    decision: decision.decision,
    violation: decision.violation,
    rule: placeOf(observation.rule),
    consultations: frame?.consultations ?? NO_CONSULTATIONS,
    approvals: decision.decision === 'allow' ? approvalsOf(frame?.elicitation) : NO_APPROVALS,
    traceparent: traceparentOf(operation.extensions?.http?.request_headers?.['traceparent']),
    modified: decision.modified,
    args: decision.args,
    extensions: operation.extensions ?? NO_EXTENSIONS,
    session: frame?.session,
    labels: labelsOf(decision, frame),
    delegatedHeaders: headersOf(decision),
  }));
}

/** Tells the plugins that observe `pre` that the caller was refused before it. Never throws. */
export function observeRefusedIdentity(observation: Observation, input: IdentityInput, violation: Violation): void {
  const { entity } = input;
  tell(observation, entity, 'pre', () => ({
    time: observation.now(),
    duration: performance.now() - observation.startedAt,
    operationId: input.id,
    bundleDigest: observation.bundle.digest,
    phase: 'identify',
    hook: hookOf(entity.type, 'pre'),
    entity,
    route: undefined,
    decision: 'deny',
    violation,
    rule: undefined,
    consultations: NO_CONSULTATIONS,
    approvals: NO_APPROVALS,
    traceparent: traceparentOf(input.headers['traceparent']),
    modified: UNMODIFIED,
    args: undefined,
    extensions: NO_EXTENSIONS,
    session: undefined,
    labels: { before: NO_LABELS, after: NO_LABELS },
    delegatedHeaders: NO_HEADERS,
  }));
}

function tell(observation: Observation, entity: Entity, phase: Decision['phase'], record: () => UncutRecord): void {
  const { bundle, alarm } = observation;
  try {
    const program = observation.program ?? bundle.unmatched[entity.type](undefined);
    const observers = program.observers[phase];
    if (observers.length === 0) return;
    const told = record();
    for (const { observe } of observers) observe?.(told);
  } catch {
    alarm({ alarm: 'audit_write_failed', failure: 'record' });
  }
}

function labelsOf(decision: Decision, frame: Frame | undefined): UncutRecord['labels'] {
  const before = frame?.labels ?? NO_LABELS;
  if (decision.taints.length === 0) return { before, after: before };
  const after = new Set([...before, ...decision.labels]);
  for (const { label } of decision.taints) after.add(label);
  return { before, after };
}

function placeOf(rule: DecidingRule | undefined): DecisionRecord['rule'] {
  if (rule === undefined) return undefined;
  const { source, start } = rule.span();
  return { place: rule.place, file: source.name, ...positionAt(source, start) };
}

/** W3C Trace Context, version 00. Text of another form may be anything, so it is not passed on. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

function traceparentOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : undefined;
}

function headersOf({ delegatedTokens }: Decision): readonly string[] {
  return delegatedTokens === undefined ? NO_HEADERS : Object.freeze(delegatedTokens.map(({ header }) => header));
}

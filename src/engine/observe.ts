import type { Alarm } from '../session/label-store.ts';
import type { Bundle } from './bundle.ts';
import type { Decision, Violation } from './decision.ts';
import type { Frame } from './frame.ts';
import type { Entity, Extensions, Operation } from './operation.ts';
import type { DecisionRecord } from './plugin.ts';
import { hookOf } from './plugin-input.ts';
import type { Program } from './program.ts';
import { isObject } from './values.ts';

const NO_EXTENSIONS: Extensions = Object.freeze({});
const NO_LABELS: ReadonlySet<string> = new Set();
const NO_HEADERS: readonly string[] = Object.freeze([]);
const UNMODIFIED: Decision['modified'] = Object.freeze({ args: false, result: false });

/** Where observers hear from. */
export interface Observation {
  readonly bundle: Bundle;
  /** What was run; undefined when the decision fell before it was chosen. */
  readonly program: Program | undefined;
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
  tell(observation, operation.entity, decision.phase, (base) => ({
    ...base,
    operationId: operation.id,
    phase: decision.phase,
    route: decision.route,
    decision: decision.decision,
    violation: decision.violation,
    modified: decision.modified,
    args: decision.args,
    get argumentNames() {
      return isObject(decision.args) ? Object.keys(decision.args) : undefined;
    },
    extensions: operation.extensions ?? NO_EXTENSIONS,
    session: frame?.session,
    labels: labelsOf(decision, frame),
    delegatedHeaders: decision.delegatedTokens?.map(({ header }) => header) ?? NO_HEADERS,
  }));
}

/** Tells the plugins that observe `pre` that the caller was refused before it. Never throws. */
export function observeRefusedIdentity(observation: Observation, entity: Entity, violation: Violation): void {
  tell(observation, entity, 'pre', (base) => ({
    ...base,
    operationId: undefined,
    phase: 'identify',
    route: undefined,
    decision: 'deny',
    violation,
    modified: UNMODIFIED,
    args: undefined,
    argumentNames: undefined,
    extensions: NO_EXTENSIONS,
    session: undefined,
    labels: { before: NO_LABELS, after: NO_LABELS },
    delegatedHeaders: NO_HEADERS,
  }));
}

type Base = Pick<DecisionRecord, 'time' | 'duration' | 'bundleDigest' | 'hook' | 'entity'>;

function tell(
  observation: Observation,
  entity: Entity,
  phase: Decision['phase'],
  complete: (base: Base) => DecisionRecord,
): void {
  const { bundle, startedAt, now, alarm } = observation;
  try {
    const program = observation.program ?? bundle.unmatched[entity.type](undefined);
    const observers = program.observers[phase];
    if (observers.length === 0) return;
    const record = complete({
      time: now(),
      duration: performance.now() - startedAt,
      bundleDigest: bundle.digest,
      hook: hookOf(entity.type, phase),
      entity,
    });
    for (const { observe } of observers) observe?.(record);
  } catch {
    alarm({ alarm: 'audit_write_failed', failure: 'record' });
  }
}

function labelsOf(decision: Decision, frame: Frame | undefined): NonNullable<DecisionRecord['labels']> {
  const before = frame?.labels ?? NO_LABELS;
  if (decision.taints.length === 0) return { before, after: before };
  const after = new Set([...before, ...decision.labels]);
  for (const { label } of decision.taints) after.add(label);
  return { before, after };
}

import type { Alarm } from '../session/label-store.ts';
import type { Decision, Violation } from './decision.ts';
import { positionAt } from '../text/source.ts';
import type { Consultation } from './decision.ts';
import { approvalsOf } from './elicitation/elicited.ts';
import type { Frame } from './frame.ts';
import { spanOf, type DecidingRule } from './halt.ts';
import type { Extensions } from './operation.ts';
import type { DecisionRecord, IdentityInput } from './plugin.ts';
import type { UncutRecord } from './plugin-handle.ts';
import { hookOf } from './plugin-input.ts';

const NO_EXTENSIONS: Extensions = Object.freeze({});
const NO_LABELS: ReadonlySet<string> = new Set();
const NO_HEADERS: readonly string[] = Object.freeze([]);
const NO_APPROVALS: DecisionRecord['approvals'] = Object.freeze([]);
const NO_CONSULTATIONS: readonly Consultation[] = Object.freeze([]);
const UNMODIFIED: Decision['modified'] = Object.freeze({ args: false, result: false });

/** Tells the plugins that observe a phase what was decided; for bundles where some do. Never throws. */
export function observeDecision(frame: Frame, decision: Decision, alarm: (alarm: Alarm) => void): void {
  const { operation, phase } = frame;
  tell(frame, alarm, () => ({
    time: frame.tenure.now(),
    duration: performance.now() - frame.startedAt,
    operationId: operation.id,
    bundleDigest: frame.tenure.bundle.digest,
    phase,
    hook: hookOf(operation.entity.type, phase),
    entity: operation.entity,
    route: decision.route,
    decision: decision.decision,
    violation: decision.violation,
    rule: placeOf(frame.rule),
    consultations: frame.consultations ?? NO_CONSULTATIONS,
    approvals: decision.decision === 'allow' ? approvalsOf(frame.elicitation) : NO_APPROVALS,
    traceparent: traceparentOf(operation.extensions?.http?.request_headers?.['traceparent']),
    modified: decision.modified,
    args: decision.args,
    extensions: operation.extensions ?? NO_EXTENSIONS,
    session: frame.session,
    labels: labelsOf(decision, frame),
    delegatedHeaders: headersOf(decision),
  }));
}

/** Tells the plugins that observe `pre` that the caller was refused before it. Never throws. */
export function observeRefusedIdentity(
  frame: Frame,
  input: IdentityInput,
  violation: Violation,
  alarm: (alarm: Alarm) => void,
): void {
  const { entity } = input;
  tell(frame, alarm, () => ({
    time: frame.tenure.now(),
    duration: performance.now() - frame.startedAt,
    operationId: input.id,
    bundleDigest: frame.tenure.bundle.digest,
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

function tell(frame: Frame, alarm: (alarm: Alarm) => void, record: () => UncutRecord): void {
  try {
    const program = frame.program ?? frame.tenure.bundle.unmatched[frame.operation.entity.type].plain;
    const observers = program[frame.phase].listeners?.observers;
    if (observers === undefined || observers.length === 0) return;
    const told = record();
    for (const { observe } of observers) observe?.(told);
  } catch {
    alarm({ alarm: 'audit_write_failed', failure: 'record' });
  }
}

function labelsOf(decision: Decision, frame: Frame): UncutRecord['labels'] {
  const before = frame.labels;
  if (decision.taints.length === 0) return { before, after: before };
  const after = new Set([...before, ...decision.labels]);
  for (const { label } of decision.taints) after.add(label);
  return { before, after };
}

function placeOf(rule: DecidingRule | undefined): DecisionRecord['rule'] {
  if (rule === undefined) return undefined;
  const { source, start } = spanOf(rule);
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

import { sessionIdentity, type SessionFacts, type SessionIdentity } from '../session/session-identity.ts';
import type { Operation, Subject, Workload } from './operation.ts';
import { readOverlay, type Overlay } from './overlay.ts';

/** The label session of an operation; what raw attributes say counts first. */
export function sessionOf(operation: Operation, overlay: Overlay | undefined): SessionIdentity | undefined {
  const { extensions } = operation;
  const subject = extensions?.subject;
  const subjectId = rawText(overlay, SUBJECT_ID) ?? subject?.id;
  if (!subjectId) return undefined;
  const issuer = subject?.issuer;
  const hostValue = rawText(overlay, HOST_VALUE) ?? extensions?.agent?.session_id;
  const claim = rawText(overlay, CLAIM) ?? subject?.claims?.['session_id'];
  const callerWorkload = workloadName(extensions?.caller_workload);
  const thisWorkload = workloadName(extensions?.this_workload);
  const known = subject === undefined ? undefined : latest.get(subject);
  if (
    known !== undefined &&
    known.facts.subjectId === subjectId &&
    known.facts.hostValue === hostValue &&
    known.facts.claim === claim &&
    known.facts.issuer === issuer &&
    known.facts.callerWorkload === callerWorkload &&
    known.facts.thisWorkload === thisWorkload
  ) {
    return known.session;
  }
  const facts: SessionFacts = { issuer, subjectId, hostValue, claim, callerWorkload, thisWorkload };
  const session = sessionIdentity(facts);
  if (subject !== undefined) latest.set(subject, { facts, session });
  return session;
}

/** The latest session of each subject object: a verified token's subject comes with many operations. */
const latest = new WeakMap<Subject, { readonly facts: SessionFacts; readonly session: SessionIdentity | undefined }>();

function workloadName(workload: Workload | undefined): string | undefined {
  return workload?.client_id ?? workload?.spiffe_id;
}

const SUBJECT_ID = ['subject', 'id'];
const HOST_VALUE = ['agent', 'session_id'];
const CLAIM = ['claim', 'session_id'];

function rawText(overlay: Overlay | undefined, path: readonly string[]): string | undefined {
  const value = overlay === undefined ? undefined : readOverlay(overlay, path);
  return typeof value === 'string' ? value : undefined;
}

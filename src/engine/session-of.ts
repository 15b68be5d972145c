import { sessionIdentity, type SessionFacts, type SessionIdentity } from '../session/session-identity.ts';
import type { Operation, Subject } from './operation.ts';
import { readOverlay, type Overlay } from './overlay.ts';

/** The label session of an operation; what raw attributes say counts first. */
export function sessionOf(operation: Operation, overlay: Overlay | undefined): SessionIdentity | undefined {
  const { extensions } = operation;
  const subject = extensions?.subject;
  const subjectId = rawText(overlay, SUBJECT_ID) ?? subject?.id;
  if (!subjectId) return undefined;
  const facts: SessionFacts = {
    issuer: subject?.issuer,
    subjectId,
    hostValue: rawText(overlay, HOST_VALUE) ?? extensions?.agent?.session_id,
    claim: rawText(overlay, CLAIM) ?? subject?.claims?.['session_id'],
    callerWorkload: extensions?.caller_workload?.client_id ?? extensions?.caller_workload?.spiffe_id,
    thisWorkload: extensions?.this_workload?.client_id ?? extensions?.this_workload?.spiffe_id,
  };
  if (subject === undefined) return sessionIdentity(facts);
  const known = latest.get(subject);
  if (known !== undefined && isSame(known.facts, facts)) return known.session;
  const session = sessionIdentity(facts);
  latest.set(subject, { facts, session });
  return session;
}

/** The latest session of each subject object: a verified token's subject comes with many operations. */
const latest = new WeakMap<Subject, { readonly facts: SessionFacts; readonly session: SessionIdentity | undefined }>();

function isSame(a: SessionFacts, b: SessionFacts): boolean {
  return (
    a.subjectId === b.subjectId &&
    a.hostValue === b.hostValue &&
    a.claim === b.claim &&
    a.issuer === b.issuer &&
    a.callerWorkload === b.callerWorkload &&
    a.thisWorkload === b.thisWorkload
  );
}

const SUBJECT_ID = ['subject', 'id'];
const HOST_VALUE = ['agent', 'session_id'];
const CLAIM = ['claim', 'session_id'];

function rawText(overlay: Overlay | undefined, path: readonly string[]): string | undefined {
  const value = overlay === undefined ? undefined : readOverlay(overlay, path);
  return typeof value === 'string' ? value : undefined;
}

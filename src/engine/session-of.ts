import { sessionIdentity, type SessionIdentity } from '../session/session-identity.ts';
import type { Operation } from './operation.ts';
import { readOverlay, type Overlay } from './overlay.ts';

/** The label session of an operation; what raw attributes say counts first. */
export function sessionOf(operation: Operation, overlay: Overlay | undefined): SessionIdentity | undefined {
  const { extensions } = operation;
  const subject = extensions?.subject;
  const subjectId = rawText(overlay, SUBJECT_ID) ?? subject?.id;
  if (!subjectId) return undefined;
  return sessionIdentity({
    issuer: subject?.issuer,
    subjectId,
    hostValue: rawText(overlay, HOST_VALUE) ?? extensions?.agent?.session_id,
    claim: rawText(overlay, CLAIM) ?? subject?.claims?.['session_id'],
    callerWorkload: extensions?.caller_workload?.client_id ?? extensions?.caller_workload?.spiffe_id,
    thisWorkload: extensions?.this_workload?.client_id ?? extensions?.this_workload?.spiffe_id,
  });
}

const SUBJECT_ID = ['subject', 'id'];
const HOST_VALUE = ['agent', 'session_id'];
const CLAIM = ['claim', 'session_id'];

function rawText(overlay: Overlay | undefined, path: readonly string[]): string | undefined {
  const value = overlay === undefined ? undefined : readOverlay(overlay, path);
  return typeof value === 'string' ? value : undefined;
}

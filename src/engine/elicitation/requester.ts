import { createHash } from 'node:crypto';
import { canonicalJson } from '../../text/json.ts';
import type { Frame } from '../frame.ts';
import type { JsonValue } from '../operation.ts';
import { readOverlay } from '../overlay.ts';

/** Who asks to be allowed something. */
export interface Requester {
  /** Digest of subject, client and workload: another agent of the same user is another caller. */
  readonly caller: string;
  /** For people to read. */
  readonly name: string;
  /** What the person behind the request is called; empty when there is none. */
  readonly names: readonly string[];
  readonly subject: { readonly issuer: string; readonly id: string } | undefined;
}

/** Claims by which people are called, besides the subject's id. */
const NAME_CLAIMS = ['preferred_username', 'email', 'upn'];

/** Undefined when nobody in particular calls: an answer would be anybody's. */
export function requesterOf(frame: Frame): Requester | undefined {
  const { subject, client, caller_workload: workload } = frame.extensions;
  const raw = frame.overlay === undefined ? undefined : readOverlay(frame.overlay, ['subject', 'id']);
  const id = typeof raw === 'string' ? raw : subject?.id;
  const clientId = client?.client_id;
  const workloadId = workload?.spiffe_id ?? workload?.client_id;
  const name = id ?? clientId ?? workloadId;
  if (!name) return undefined;
  const claims = NAME_CLAIMS.flatMap((claim) => {
    const value = subject?.claims?.[claim];
    return typeof value === 'string' && value !== '' ? [value] : [];
  });
  return {
    caller: digestOf([subject?.issuer ?? null, id ?? null, clientId ?? null, workloadId ?? null]),
    name,
    names: id ? [id, ...claims] : [],
    subject: id ? { issuer: subject?.issuer ?? '', id } : undefined,
  };
}

/** SHA-256 over the canonical JSON, hex. */
export function digestOf(value: JsonValue | undefined): string {
  return createHash('sha256')
    .update(canonicalJson(value ?? null))
    .digest('hex');
}

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Where a label session's identity came from. */
export type SessionSource = 'host' | 'claim' | 'meta' | 'a2a_context' | 'trace' | 'identity' | 'handle';

/** A label session. `id` is 64 hex digits, bound to the authenticated subject. */
export interface SessionIdentity {
  readonly id: string;
  readonly source: SessionSource;
}

/** Whom a session is bound to. */
export interface SessionSubject {
  readonly issuer: string | undefined;
  readonly id: string;
}

/** What a session can be told by. Empty strings count as missing. */
export interface SessionFacts {
  readonly issuer: string | undefined;
  readonly subjectId: string | undefined;
  /** `agent.session_id`, for MCP the transport session id. */
  readonly hostValue: string | undefined;
  /** The `session_id` claim of the verified token. */
  readonly claim: string | undefined;
  readonly callerWorkload: string | undefined;
  readonly thisWorkload: string | undefined;
}

/** The claim that names a session unless a bundle says otherwise. */
export const SESSION_CLAIM = 'session_id';

const MAX_REMEMBERED = 10_000;
const remembered = new LRUCache<string, SessionIdentity>({ max: MAX_REMEMBERED });

/**
 * The session of a request: the host's value, else the token's claim, else the triple of subject, calling workload and
 * this gateway. Undefined without a subject. The id is SHA-256 over length-prefixed parts, so no two different
 * sets of parts share one. Source: session state specification, "Session identity".
 */
export function sessionIdentity(facts: SessionFacts): SessionIdentity | undefined {
  const { issuer, subjectId, hostValue, claim } = facts;
  if (!subjectId) return undefined;
  const subject = { issuer, id: subjectId };
  if (hostValue) return namedSession('host', subject, hostValue);
  if (claim) return namedSession('claim', subject, claim);
  return workloadSession(subject, facts.callerWorkload, facts.thisWorkload);
}

/**
 * The session that `value` tells from the others of `subject`. `name` is the claim or key that the value stands under,
 * so that equal values of two of them are two sessions; left out for sources that have one value only.
 */
export function namedSession(
  source: Exclude<SessionSource, 'identity' | 'handle'>,
  subject: SessionSubject,
  value: string,
  name?: string,
): SessionIdentity {
  return identityOf(source, subject, part(value) + (name === undefined ? '' : part(name)));
}

/** The session of a subject that uses one workload to reach this one; either may be unknown. */
export function workloadSession(
  subject: SessionSubject,
  callerWorkload: string | undefined,
  thisWorkload: string | undefined,
): SessionIdentity {
  return identityOf('identity', subject, part(callerWorkload) + part(thisWorkload));
}

/** A subject as text that no other subject has. */
export function subjectBinding({ issuer, id }: SessionSubject): string {
  return part(issuer) + part(id);
}

function identityOf(source: SessionSource, subject: SessionSubject, value: string): SessionIdentity {
  const binding = `${source};${subjectBinding(subject)}${value}`;
  const known = remembered.get(binding);
  if (known) return known;
  const identity = { id: createHash('sha256').update(binding).digest('hex'), source };
  remembered.set(binding, identity);
  return identity;
}

function part(text: string | undefined): string {
  return text === undefined ? '-' : `${text.length}:${text}`;
}

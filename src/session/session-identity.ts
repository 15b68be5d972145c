import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Where a label session's identity came from, strongest first. */
export type SessionSource = 'host' | 'claim' | 'identity';

/** A label session. `id` is 64 hex digits, bound to the authenticated subject. */
export interface SessionIdentity {
  readonly id: string;
  readonly source: SessionSource;
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

const MAX_REMEMBERED = 10_000;
const remembered = new LRUCache<string, SessionIdentity>({ max: MAX_REMEMBERED });

/**
 * The session of a request: the host's value, else the token's claim, else the triple of subject, calling workload and
 * this gateway. Undefined without a subject. The id is SHA-256 over length-prefixed parts, so no two different
 * sets of parts share one. Source: session state specification, "Session identity".
 */
export function sessionIdentity(facts: SessionFacts): SessionIdentity | undefined {
  const { subjectId } = facts;
  if (!subjectId) return undefined;
  const source: SessionSource = facts.hostValue ? 'host' : facts.claim ? 'claim' : 'identity';
  const value =
    source === 'host'
      ? part(facts.hostValue)
      : source === 'claim'
        ? part(facts.claim)
        : part(facts.callerWorkload) + part(facts.thisWorkload);
  const binding = `${source};${part(facts.issuer)}${part(subjectId)}${value}`;
  const known = remembered.get(binding);
  if (known) return known;
  const identity = { id: createHash('sha256').update(binding).digest('hex'), source };
  remembered.set(binding, identity);
  return identity;
}

function part(text: string | undefined): string {
  return text === undefined ? '-' : `${text.length}:${text}`;
}

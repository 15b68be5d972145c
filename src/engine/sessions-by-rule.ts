import {
  namedSession,
  SESSION_CLAIM,
  workloadSession,
  type SessionIdentity,
  type SessionSubject,
} from '../session/session-identity.ts';
import type { SessionHandle } from '../session/session-handle.ts';
import type { SessionRules, SessionSourceRule } from '../session/session-rules.ts';
import { LabelSession } from './label-session.ts';
import type { Operation, Workload } from './operation.ts';
import { readOverlay, type Overlay } from './overlay.ts';

/** What the sources of one operation are read from. */
interface Facts {
  readonly operation: Operation;
  readonly overlay: Overlay | undefined;
  readonly subject: SessionSubject;
  readonly handle: SessionHandle | undefined;
}

/**
 * The session of an operation under the rules of a bundle; undefined without a subject, or when no source has a value.
 * What raw attributes say counts first. A handle that has expired counts as none.
 */
export function sessionByRule(
  operation: Operation,
  overlay: Overlay | undefined,
  rules: SessionRules,
  now: () => number,
): SessionIdentity | undefined {
  const given = operation.extensions?.subject;
  const id = textAt(overlay, ['subject', 'id']) ?? given?.id;
  if (!id) return undefined;
  const subject: SessionSubject = { issuer: given?.issuer, id };
  const presented = presentedHandle(operation, rules, subject, now);
  const handle = presented === 'invalid' ? undefined : presented;
  const facts: Facts = { operation, overlay, subject, handle };
  const sessions = new Map<string, SessionIdentity>();
  for (const source of rules.sources) {
    const session = sessionFrom(source, facts);
    if (session === undefined || sessions.has(session.id)) continue;
    sessions.set(session.id, session);
    if (rules.mode === 'first') break;
  }
  // What is refused is recorded as of the caller, whatever it came with.
  if (presented === 'invalid' && sessions.size === 0) {
    const session = sessionFrom({ kind: 'identity' }, facts);
    if (session !== undefined) sessions.set(session.id, session);
  }
  const [identity, ...others] = sessions.values();
  if (identity === undefined || (others.length === 0 && rules.handles === undefined)) return identity;
  return new LabelSession({
    identity,
    others: others.map((session) => session.id),
    subject,
    handles: rules.handles,
    presented,
    now,
  });
}

function presentedHandle(
  { sessionHints }: Operation,
  { handles }: SessionRules,
  subject: SessionSubject,
  now: () => number,
): SessionHandle | 'invalid' | undefined {
  if (handles === undefined || sessionHints?.handle === undefined) return undefined;
  const read = handles.read(sessionHints.handle, subject, now());
  return read === 'expired' ? undefined : read;
}

function sessionFrom(source: SessionSourceRule, facts: Facts): SessionIdentity | undefined {
  const { operation, overlay, subject, handle } = facts;
  const { extensions, sessionHints } = operation;
  switch (source.kind) {
    case 'host': {
      const value = textAt(overlay, ['agent', 'session_id']) ?? extensions?.agent?.session_id;
      return value ? namedSession('host', subject, value) : undefined;
    }
    case 'claim': {
      const { name } = source;
      const claims = extensions?.subject?.claims;
      const value = textAt(overlay, ['claim', ...name.split('.')]) ?? ownText(claims, name);
      if (!value) return undefined;
      return namedSession('claim', subject, value, name === SESSION_CLAIM ? undefined : name);
    }
    case 'meta': {
      const value = ownText(sessionHints?.meta, source.key);
      return value ? namedSession('meta', subject, value, source.key) : undefined;
    }
    case 'a2a_context': {
      const value = sessionHints?.a2aContextId;
      return value ? namedSession('a2a_context', subject, value) : undefined;
    }
    case 'trace': {
      const value = traceIdOf(sessionHints?.traceparent);
      return value ? namedSession('trace', subject, value) : undefined;
    }
    case 'identity':
      return workloadSession(subject, nameOf(extensions?.caller_workload), nameOf(extensions?.this_workload));
    case 'handle':
      return handle && { id: handle.sessionId, source: 'handle' };
  }
}

/** Source: W3C Trace Context, `traceparent`. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/;

function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
}

function nameOf(workload: Workload | undefined): string | undefined {
  return workload?.client_id ?? workload?.spiffe_id;
}

function ownText(object: Readonly<Record<string, unknown>> | undefined, key: string): string | undefined {
  const value = object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function textAt(overlay: Overlay | undefined, path: readonly string[]): string | undefined {
  const value = overlay === undefined ? undefined : readOverlay(overlay, path);
  return typeof value === 'string' ? value : undefined;
}

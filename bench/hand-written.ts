import type { JsonObject, JsonValue, Operation } from '../src/engine/operation.ts';

/** What a hand-written policy answers. */
export interface Answer {
  readonly allowed: boolean;
  readonly code: string | undefined;
}

const ALLOWED: Answer = { allowed: true, code: undefined };
const NO_ROLE: Answer = { allowed: false, code: 'role' };
const TOO_DEEP: Answer = { allowed: false, code: 'delegation' };
const SECRET: Answer = { allowed: false, code: 'secret' };

/** A flat map of attributes, as engines that evaluate expressions want it. */
export type Attributes = ReadonlyMap<string, JsonValue | ReadonlySet<string>>;

/** The attributes of the standard request. */
export function attributesOf({ extensions }: Operation, session: ReadonlySet<string>): Attributes {
  const attributes = new Map<string, JsonValue | ReadonlySet<string>>();
  const subject = extensions?.subject;
  attributes.set('subject.id', subject?.id ?? '');
  for (const role of subject?.roles ?? []) attributes.set(`role.${role}`, true);
  for (const permission of subject?.permissions ?? []) attributes.set(`perm.${permission}`, true);
  for (const team of subject?.teams ?? []) attributes.set(`team.${team}`, true);
  for (const [name, value] of Object.entries(subject?.claims ?? {})) attributes.set(`claim.${name}`, value);
  attributes.set('delegation.depth', extensions?.delegation?.depth ?? 0);
  attributes.set('security.labels', new Set([...session, ...(extensions?.labels ?? [])]));
  return attributes;
}

/** The standard request's policy before the call, over a map of attributes. */
export function decideOverMap(attributes: Attributes): Answer {
  if (attributes.get('role.hr') !== true) return NO_ROLE;
  const depth = attributes.get('delegation.depth');
  if (typeof depth === 'number' && depth > 2) return TOO_DEEP;
  const labels = attributes.get('security.labels');
  if (labels instanceof Set && labels.has('secret') && attributes.get('perm.override') !== true) return SECRET;
  return ALLOWED;
}

/** What a hand-written operation leaves behind. */
export interface Outcome extends Answer {
  readonly result: JsonValue | undefined;
  readonly labels: ReadonlySet<string>;
}

const NO_LABELS: ReadonlySet<string> = new Set();

/** The whole standard request by hand: decision, labels of the session in process, copy of what changes. */
export class HandWritten {
  readonly sessions = new Map<string, ReadonlySet<string>>();

  decide({ extensions }: Operation): Answer {
    const subject = extensions?.subject;
    if (subject?.roles?.includes('hr') !== true) return NO_ROLE;
    const depth = extensions?.delegation?.depth;
    if (depth !== undefined && depth > 2) return TOO_DEEP;
    const session = extensions?.agent?.session_id ?? '';
    const labels = this.sessions.get(session) ?? NO_LABELS;
    const secret = labels.has('secret');
    if ((secret || extensions?.labels?.includes('secret') === true) && !subject.permissions?.includes('override')) {
      return SECRET;
    }
    if (!secret) this.sessions.set(session, new Set([...labels, 'secret']));
    return ALLOWED;
  }

  finish(operation: Operation, result: JsonObject): Outcome {
    const subject = operation.extensions?.subject;
    const labels = this.sessions.get(operation.extensions?.agent?.session_id ?? '') ?? NO_LABELS;
    if (!Number.isInteger(result['salary']) || typeof result['employee_id'] !== 'string') {
      return { allowed: false, code: 'result', result: undefined, labels };
    }
    const copy: Record<string, JsonValue> = { ...result };
    if (!subject?.permissions?.includes('view_ssn')) copy['ssn'] = '[REDACTED]';
    if (!subject?.roles?.includes('hr')) copy['salary'] = '[REDACTED]';
    copy['employee_id'] = '*'.repeat(result['employee_id'].length - 4) + result['employee_id'].slice(-4);
    return { allowed: true, code: undefined, result: copy, labels };
  }
}

import { didYouMean } from '../../diagnostics/nearest.ts';
import type { ArgumentMap, ArgumentValue } from '../../language/ast.ts';

export type DelegateSubject = 'user' | 'client' | 'caller_workload' | 'this_workload';
export type DelegateActor = Exclude<DelegateSubject, 'this_workload'>;

/** What a `delegate` step asks for. Source: reference facts on the built-in kinds, the `delegate` step. */
export interface DelegateStep {
  readonly subject: DelegateSubject;
  readonly actor: DelegateActor | undefined;
  readonly audience: string;
  /** In the order written, each once. */
  readonly permissions: readonly string[];
  /** Source: RFC 8707. */
  readonly resource: string | undefined;
  /** What alarms call the upstream. */
  readonly target: string | undefined;
}

const KEYS = ['subject', 'actor', 'audience', 'permissions', 'resource', 'target'];
/** Keys that existing bundles have and that change nothing here. */
export const INERT_KEYS = ['target_type', 'auth_enforced_by'];

const SUBJECTS: Readonly<Record<string, DelegateSubject>> = {
  user: 'user',
  client: 'client',
  caller_workload: 'caller_workload',
  workload: 'caller_workload',
  this_workload: 'this_workload',
  gateway: 'this_workload',
};

/** Reads the keys of a step. Throws an `Error` for the author when it asks for something that cannot be had. */
export function readDelegateStep(config: ArgumentMap): DelegateStep {
  const unknown = Object.keys(config).find((key) => !KEYS.includes(key) && !INERT_KEYS.includes(key));
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, KEYS);
    throw new Error(`\`delegate\` has no key \`${unknown}\`${hint === undefined ? '' : `; ${hint}`}`);
  }
  const subject = principalOf(config['subject'] ?? 'user', 'subject');
  const actor = config['actor'] === undefined ? undefined : principalOf(config['actor'], 'actor');
  if (actor === 'this_workload') throw new Error('`actor` is one of `user`, `client`, `caller_workload`');
  if (actor !== undefined && subject !== 'user' && subject !== 'client') {
    throw new Error('`actor` goes with the subjects `user` and `client` only');
  }
  const audience = textOf(config, 'audience');
  if (audience === undefined) throw new Error('`delegate` needs an `audience`: whom the token is for');
  const resource = textOf(config, 'resource');
  if (resource !== undefined && (!URL.canParse(resource) || resource.includes('#'))) {
    throw new Error('`resource` is not an absolute URI without fragment');
  }
  return {
    subject,
    actor,
    audience,
    permissions: permissionsOf(config['permissions'] ?? []),
    resource,
    target: textOf(config, 'target'),
  };
}

function principalOf(value: ArgumentValue, key: string): DelegateSubject {
  const known = typeof value === 'string' && Object.hasOwn(SUBJECTS, value) ? SUBJECTS[value] : undefined;
  if (known === undefined) {
    throw new Error(
      `\`${key}\` is one of \`user\`, \`client\`, \`caller_workload\`${key === 'subject' ? ', `this_workload`' : ''}`,
    );
  }
  return known;
}

function textOf(config: ArgumentMap, key: string): string | undefined {
  const value = config[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.trim() === '') throw new Error(`\`${key}\` is not a text`);
  return value;
}

/** A scope token of RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

function permissionsOf(value: ArgumentValue): readonly string[] {
  if (!Array.isArray(value)) throw new Error('`permissions` is not a list');
  const permissions = new Set<string>();
  for (const permission of value) {
    if (typeof permission !== 'string' || !SCOPE.test(permission)) {
      throw new Error('`permissions` holds something that cannot be a scope');
    }
    permissions.add(permission);
  }
  return [...permissions];
}

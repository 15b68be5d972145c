import type { Constraint } from '../engine/constraint.ts';
import { isHeaderToken, mayCarryCredential } from '../engine/credential-header.ts';
import type { Capability, PluginChanges, PluginInput } from '../engine/plugin.ts';
import { isJson, isObject } from '../engine/values.ts';
import { isRecord, isStrings } from '../text/shape.ts';

/** What decides whether a plugin may change something. */
export interface ChangePermission {
  /** False for modes whose changes come to nothing. */
  readonly mayChange: boolean;
  readonly capabilities: ReadonlySet<Capability>;
}

type Change = keyof PluginChanges;
type Checks = { readonly [Name in Change]-?: (value: unknown, input: PluginInput) => boolean };

/** Capability that a change takes besides the mode. */
const NEEDED: Readonly<Partial<Record<Change, Capability>>> = {
  labels: 'append_labels',
  headers: 'write_headers',
  custom: 'write_custom',
  delegatedTokens: 'write_delegated_tokens',
  delegation: 'append_delegation',
  constraint: 'write_candidate_constraint',
};

/** No line breaks and other control characters. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a value has the shape of its change, and there is such a thing to change at this call. */
const CHECKS: Checks = {
  args: (value, { field, phase }) => field === undefined && phase === 'pre' && isJson(value),
  result: (value, { field, phase }) => field === undefined && phase === 'post' && isJson(value),
  field: (value, { field }) => field !== undefined && isJson(value),
  labels: isStrings,
  headers: (value, { phase }) =>
    phase === 'pre' &&
    isRecord(value) &&
    Object.entries(value).every(
      ([name, text]) =>
        mayCarryCredential(name) && (text === null || (typeof text === 'string' && FIELD_VALUE.test(text))),
    ),
  custom: (value) => isJson(value) && isObject(value) && isData(value),
  delegatedTokens: (value, { phase }) => phase === 'pre' && Array.isArray(value) && value.every(isDelegatedToken),
  delegation: (value) =>
    isRecord(value) &&
    hasOnly(value, ['origin_subject_id', 'actor_subject_id', 'age_seconds']) &&
    isOptionalText(value['origin_subject_id']) &&
    isOptionalText(value['actor_subject_id']) &&
    isAge(value['age_seconds']),
  constraint: isConstraint,
};

/** Whether an answer changes only what there is to change at this call, and what the entry may change. */
export function changesPermitted(
  answer: Readonly<Record<string, unknown>>,
  input: PluginInput,
  { mayChange, capabilities }: ChangePermission,
): boolean {
  return Object.entries(answer).every(([name, value]) => {
    if (name === 'outcome' || value === undefined) return true;
    if (!mayChange || !isChange(name)) return false;
    const needed = NEEDED[name];
    return (needed === undefined || capabilities.has(needed)) && CHECKS[name](value, input);
  });
}

function isChange(name: string): name is Change {
  return Object.hasOwn(CHECKS, name);
}

/** Whether there is nothing in it, at any depth, that is no data: a function, a symbol, a promise. */
function isData(value: object): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

function isDelegatedToken(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { token, header } = value;
  return typeof token === 'string' && isHeaderToken(token) && typeof header === 'string' && mayCarryCredential(header);
}

const CONSTRAINT_SETS = ['allow_models', 'deny_models', 'allow_regions', 'allow_sites', 'max_cost_tiers'] as const;

function isConstraint(value: unknown): value is Constraint {
  if (!isRecord(value) || !hasOnly(value, [...CONSTRAINT_SETS, 'allow_models_each', 'custom', 'on_empty']))
    return false;
  const { allow_models_each: each, custom, on_empty: onEmpty } = value;
  return (
    CONSTRAINT_SETS.every((name) => value[name] === undefined || isStrings(value[name])) &&
    (each === undefined || (Array.isArray(each) && each.every(isStrings))) &&
    (custom === undefined || (isRecord(custom) && isStrings(Object.values(custom)))) &&
    (onEmpty === 'deny' || onEmpty === 'fallback')
  );
}

function hasOnly(value: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name));
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isAge(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0);
}

/** Words that may not begin a path; after a dot they are ordinary names. Source: policy language, section 1. */
export const RESERVED_WORDS: ReadonlySet<string> = new Set(['contains', 'in', 'exists', 'require', 'true', 'false']);

export const COMPARISON_OPERATORS = ['==', '!=', '>', '>=', '<', '<='] as const;

export const ELICITATION_VERBS = [
  'require_approval',
  'confirm',
  'require_step_up',
  'require_attestation',
  'request_info',
  'require_review',
] as const;

/** What may stand on the right of `predicate:`, besides field operations. */
export const EFFECT_WORDS: readonly string[] = [
  'deny',
  'allow',
  'taint',
  'plugin',
  'run',
  'delegate',
  ...ELICITATION_VERBS,
];

/** Effects that are nothing without their arguments. */
export const CALLED_WORDS: readonly string[] = ['require', ...EFFECT_WORDS.slice(2)];

/** Decision point dialects that are known before any host registers one. */
export const DIALECTS: readonly string[] = ['cedar', 'cel', 'opa', 'authzen', 'nemo'];

/** Steps written only as maps. */
export const MAP_STEPS: readonly string[] = ['restrict', 'sequential', 'parallel'];

export const TAINT_SCOPES = ['session', 'message'] as const;

export const TYPE_STAGES = ['str', 'int', 'bool', 'float'] as const;
export const FORMAT_STAGES = ['email', 'url', 'uuid'] as const;
export const SCAN_STAGES = ['pii.detect', 'pii.redact', 'injection.scan'] as const;

export const STAGE_WORDS: readonly string[] = [
  ...TYPE_STAGES,
  ...FORMAT_STAGES,
  ...SCAN_STAGES,
  'len',
  'enum',
  'regex',
  'mask',
  'redact',
  'omit',
  'hash',
  'taint',
  'plugin',
  'run',
];

/** The member of `words` that equals `word`, with its literal type. */
export function memberOf<Word extends string>(words: readonly Word[], word: string): Word | undefined {
  return words.find((each) => each === word);
}

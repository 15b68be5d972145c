import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import { nestingOf } from '../nesting.ts';
import { callCedar, CedarCrash } from './library.ts';

export const MAX_POLICY_TEXT = 1024 * 1024;
/** Brackets inside one another. The library's parser recurses. */
export const MAX_POLICY_NESTING = 40;
/** Operators inside one another, in levels of the policy's JSON form. The library's evaluator recurses. */
export const MAX_POLICY_DEPTH = 200;
const MAX_LISTED = 5;

/** Policies as the library takes them, and what their authors call them. */
export interface Policies {
  /** By id. */
  readonly texts: Readonly<Record<string, string>>;
  /** The `@id` of a policy, else its id, by id. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Reads and, with a schema, validates policies. Throws an `Error` for the author, with line and column where known.
 * Source: Cedar policy language 4.5; reference facts on `cedar-direct`.
 */
export function readPolicies(text: string, schema: string | undefined, validate: boolean): Policies {
  if (text.length > MAX_POLICY_TEXT) throw new Error(`the policies have more than ${MAX_POLICY_TEXT} characters`);
  if (nestingOf(text) > MAX_POLICY_NESTING) {
    throw new Error(`the policies nest more than ${MAX_POLICY_NESTING} levels deep`);
  }
  try {
    const policies = split(text);
    if (schema !== undefined) checkSchema(schema);
    if (schema !== undefined && validate) checkTypes(policies, schema);
    return policies;
  } catch (error) {
    if (error instanceof CedarCrash) throw new Error('a policy is too complex', { cause: error });
    throw error;
  }
}

function split(text: string): Policies {
  const parts = callCedar((api) => api.policySetTextToParts(text));
  if (parts.type === 'failure') throw new Error(`the policies cannot be read: ${described(parts.errors, text)}`);
  if (parts.policy_templates.length > 0) throw new Error('a policy with a slot such as `?principal` cannot be decided');
  // The library numbers policies as written and gives them back ordered by the text of their ids.
  const ids = parts.policies.map((_, i) => `policy${i}`).toSorted();
  const texts: Record<string, string> = {};
  const names = new Map<string, string>();
  for (const [i, policy] of parts.policies.entries()) {
    const id = ids[i] ?? '';
    const json = callCedar((api) => api.policyToJson(policy));
    if (json.type === 'failure') throw new Error(`the policies cannot be read: ${described(json.errors, policy)}`);
    const name = json.json.annotations?.['id'] ?? id;
    if (depthOf(json.json) > MAX_POLICY_DEPTH) throw new Error(`the policy \`${name}\` nests too many operators`);
    texts[id] = policy;
    names.set(id, name);
  }
  return { texts, names };
}

function checkSchema(schema: string): void {
  if (nestingOf(schema) > MAX_POLICY_NESTING) throw new Error('the schema nests too deep');
  const answer = callCedar((api) => api.checkParseSchema(schema));
  if (answer.type === 'failure') throw new Error(`the schema cannot be read: ${described(answer.errors, schema)}`);
}

function checkTypes({ texts, names }: Policies, schema: string): void {
  const answer = callCedar((api) =>
    api.validate({ schema, policies: { staticPolicies: texts }, validationSettings: { mode: 'strict' } }),
  );
  if (answer.type === 'failure') throw new Error(`the policies cannot be validated: ${described(answer.errors, '')}`);
  if (answer.validationErrors.length === 0) return;
  const wrong = answer.validationErrors.map(({ policyId, error }) => {
    const message = error.message.replace(/^for policy `[^`]*`, /, '');
    return `\`${names.get(policyId) ?? policyId}\`: ${message}`;
  });
  const more = wrong.length > MAX_LISTED ? `; and ${wrong.length - MAX_LISTED} more` : '';
  throw new Error(`the policies do not fit the schema: ${wrong.slice(0, MAX_LISTED).join('; ')}${more}`);
}

/** What the library says, with the place in `text`; its offsets count UTF-8 bytes. */
function described(errors: readonly Cedar.DetailedError[], text: string): string {
  const [first] = errors;
  if (first === undefined) return 'the library gives no reason';
  const [location] = first.sourceLocations ?? [];
  const expected = location?.label ? `, ${location.label}` : '';
  const message = `${first.message.replace(/^failed to parse \w+ from string: /, '')}${expected}`;
  if (location === undefined || text === '') return message;
  const before = Buffer.from(text).subarray(0, location.start).toString();
  const line = before.split('\n');
  return `${message} (line ${line.length}, column ${(line.at(-1) ?? '').length + 1})`;
}

function depthOf(root: unknown): number {
  let deepest = 0;
  const open: (readonly [unknown, number])[] = [[root, 0]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next;
    if (depth > deepest) deepest = depth;
    if (typeof value !== 'object' || value === null) continue;
    for (const inner of Object.values(value)) open.push([inner, depth + 1]);
  }
  return deepest;
}

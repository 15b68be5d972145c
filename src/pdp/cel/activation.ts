import type { JsonValue } from '../../engine/operation.ts';
import { setMembers } from '../../engine/values.ts';
import type { Projection } from './projection.ts';

/** Longer lists make the library's own copies cost more than a decision may. */
export const MAX_LIST_LENGTH = 2000;
/** Values of one question, all variables together. */
export const MAX_VALUES = 20_000;
export const MAX_VALUE_DEPTH = 64;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** What the attributes of a request become: integers are bigint, objects are maps, sets are sorted lists. */
export type CelData = boolean | bigint | number | string | readonly CelData[] | ReadonlyMap<string, CelData>;

/** Thrown for attributes too large or too deep to decide on. */
export class OversizedError extends Error {
  override readonly name = 'OversizedError';
}

/**
 * Converts the parts of one variable that an expression reads; undefined when nothing of it is there. Whole numbers
 * within 64 bits become integers, other numbers doubles; lists of scalars become sorted lists of their string forms;
 * null, empty lists and empty objects are absent. Throws `OversizedError`.
 * Source: reference facts on the decision point `cel`, activation.
 */
export function activate(value: JsonValue | undefined, projection: Projection, budget: Budget): CelData | undefined {
  if (projection.whole || !isRecord(value)) return convert(value, budget, 0);
  if (projection.members.size === 0) return present(value, 0) ? true : undefined;
  const members = new Map<string, CelData>();
  let rest = false;
  for (const [name, inner] of projection.members) {
    if (!Object.hasOwn(value, name)) continue;
    const converted = activate(value[name], inner, budget);
    if (converted !== undefined) members.set(name, converted);
  }
  // A parent of absent members is there as long as it has any other.
  if (members.size === 0) rest = present(value, 0);
  return members.size > 0 || rest ? members : undefined;
}

/** How many values may still be converted for a question. */
export interface Budget {
  left: number;
}

function convert(value: JsonValue | undefined, budget: Budget, depth: number): CelData | undefined {
  budget.left -= 1;
  if (budget.left < 0 || depth > MAX_VALUE_DEPTH) throw new OversizedError('the attributes are too large');
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      return Number.isInteger(value) ? integer(BigInt(value)) : value;
    case 'bigint':
      return integer(value);
    default:
      if (value === undefined || value === null) return undefined;
      return isRecord(value) ? convertObject(value, budget, depth) : convertList(value, budget, depth);
  }
}

/** Beyond 64 bits a double still orders rightly against every integer there is. */
function integer(value: bigint): bigint | number {
  return value >= INT64_MIN && value <= INT64_MAX ? value : Number(value);
}

function convertObject(
  value: { readonly [key: string]: JsonValue },
  budget: Budget,
  depth: number,
): CelData | undefined {
  const members = new Map<string, CelData>();
  for (const key of Object.keys(value)) {
    const converted = convert(value[key], budget, depth + 1);
    if (converted !== undefined) members.set(key, converted);
  }
  return members.size === 0 ? undefined : members;
}

function convertList(values: readonly JsonValue[], budget: Budget, depth: number): CelData | undefined {
  if (values.length > MAX_LIST_LENGTH) throw new OversizedError('a list is too long');
  if (values.some((value) => typeof value === 'object' && value !== null)) {
    const list: CelData[] = [];
    for (const value of values) {
      const converted = convert(value, budget, depth + 1);
      if (converted !== undefined) list.push(converted);
    }
    return list.length === 0 ? undefined : list;
  }
  budget.left -= values.length;
  const texts = setMembers(values);
  return texts.length === 0 ? undefined : texts.toSorted();
}

/** Whether anything in `value` is an attribute. */
function present(value: JsonValue | undefined, depth: number): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'object') return true;
  if (depth > MAX_VALUE_DEPTH) throw new OversizedError('the attributes are nested too deeply');
  const inner = isRecord(value) ? Object.values(value) : value;
  return inner.some((member) => present(member, depth + 1));
}

function isRecord(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

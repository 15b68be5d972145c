import type { JsonValue } from '../engine/operation.ts';

const MAX_DEPTH = 128;

/**
 * Whether a value that a host parsed is JSON all through: what policy would see of a stream, a buffer or an object with
 * behaviour is not what its reader makes of it.
 */
export function isJsonData(value: unknown, depth = 0): value is JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object': {
      if (value === null) return true;
      if (depth === MAX_DEPTH) return false;
      if (Array.isArray(value)) return value.every((item) => isJsonData(item, depth + 1));
      if (!isPlain(value)) return false;
      return Object.values(value).every((member) => isJsonData(member, depth + 1));
    }
    default:
      return false;
  }
}

/** Without behaviour: query parsers make objects that inherit from an empty one, for want of `Object.prototype`. */
function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

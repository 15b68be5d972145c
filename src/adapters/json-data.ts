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
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) return false;
      return Object.values(value).every((member) => isJsonData(member, depth + 1));
    }
    default:
      return false;
  }
}

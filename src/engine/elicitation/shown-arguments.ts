import type { ArgumentMap } from '../../language/ast.ts';
import type { JsonValue } from '../operation.ts';
import { isObject } from '../values.ts';

/** What stands for a value that whoever is asked need not see. */
const MASKED = '***';
const MAX_SHOWN = 16_384;

/**
 * The arguments as whoever is asked sees them: all of them, or the ones that the step's `show` names with every other
 * value masked. Plain JSON, integers that a number would round as text. Undefined when they are too large to be shown.
 */
export function shownArguments(args: JsonValue | undefined, all: boolean, options: ArgumentMap): JsonValue | undefined {
  const plain = toPlain(args ?? null);
  const shown = all ? plain : maskedBut(plain, namesIn(options['show']));
  return JSON.stringify(shown).length > MAX_SHOWN ? (all ? undefined : MASKED) : shown;
}

function maskedBut(args: JsonValue, names: ReadonlySet<string>): JsonValue {
  if (!isObject(args)) return args === null ? null : MASKED;
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, names.has(name) ? value : MASKED] as const),
  );
}

function namesIn(show: ArgumentMap[string] | undefined): ReadonlySet<string> {
  if (typeof show === 'string') return new Set([show]);
  return new Set(Array.isArray(show) ? show.filter((name) => typeof name === 'string') : []);
}

function toPlain(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toPlain(member)] as const));
}

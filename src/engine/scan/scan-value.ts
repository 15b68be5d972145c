import type { JsonObject, JsonValue } from '../operation.ts';
import { isObject } from '../values.ts';
import type { Finder } from './finding.ts';

/**
 * Whether `find` finds something in a text of `value`: a string, a number as JavaScript writes it, or a member's name,
 * at any depth. Deep values cost memory, not stack.
 */
export function scanValue(value: JsonValue, find: Finder): boolean {
  const pending: JsonValue[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (next === undefined) continue;
    if (typeof next === 'string' || isNumber(next)) {
      if (find(String(next)).length > 0) return true;
    } else if (isArray(next)) {
      for (const item of next) pending.push(item);
    } else if (isObject(next)) {
      for (const [name, member] of Object.entries(next)) {
        if (find(name).length > 0) return true;
        pending.push(member);
      }
    }
  }
  return false;
}

/**
 * Replaces each finding in the strings and member names of `value` by `replacement`, and each number whose text has a
 * finding by `replacement` as a whole. A member name that is already taken gets a number: `[PII] (2)`. What has no
 * finding is not copied: the same value comes back when nothing changed. Afterwards `find` finds nothing more, except
 * in `replacement` itself: a text in which replacing keeps making new findings becomes `replacement` as a whole. Deep
 * values cost memory, not stack.
 */
export function redactFindings(value: JsonValue, find: Finder, replacement: string): JsonValue {
  const redact = (text: string): string => redactText(text, find, replacement);
  const scalar = (item: JsonValue): JsonValue => {
    if (typeof item === 'string') return redact(item);
    return isNumber(item) && find(String(item)).length > 0 ? replacement : item;
  };
  const outermost = open(value);
  if (outermost === undefined) return scalar(value);

  const levels: Level[] = [outermost];
  let result = value;
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (level.next < level.size) {
      const item = memberOf(level, level.next);
      const inner = open(item);
      if (inner !== undefined) {
        levels.push(inner);
        continue;
      }
      settle(level, item, scalar(item));
      continue;
    }
    levels.pop();
    const closed = close(level, redact);
    const outer = levels.at(-1);
    if (outer === undefined) result = closed;
    else settle(outer, level.source, closed);
  }
  return result;
}

/** After so many rounds a text still has findings only because the replacement makes new ones. */
const MAX_ROUNDS = 3;

function redactText(text: string, find: Finder, replacement: string): string {
  let redacted = text;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const findings = find(redacted);
    if (findings.length === 0) return redacted;
    const parts: string[] = [];
    let kept = 0;
    for (const { start, end } of findings) {
      parts.push(redacted.slice(kept, start), replacement);
      kept = end;
    }
    parts.push(redacted.slice(kept));
    redacted = parts.join('');
  }
  return find(redacted).length === 0 ? redacted : replacement;
}

/** An array or object under way; members before `next` are done. */
interface Level {
  readonly source: readonly JsonValue[] | JsonObject;
  /** Undefined for an array. */
  readonly names: readonly string[] | undefined;
  readonly size: number;
  next: number;
  /** All members, once one of them has changed. */
  copy: JsonValue[] | undefined;
}

function open(value: JsonValue): Level | undefined {
  if (isArray(value)) return { source: value, names: undefined, size: value.length, next: 0, copy: undefined };
  if (!isObject(value)) return undefined;
  const names = Object.keys(value);
  return { source: value, names, size: names.length, next: 0, copy: undefined };
}

function memberOf({ source, names }: Level, index: number): JsonValue {
  const member = isArray(source) ? source[index] : source[names?.[index] ?? ''];
  return member ?? null;
}

function settle(level: Level, before: JsonValue, after: JsonValue): void {
  if (after !== before) {
    level.copy ??= Array.from({ length: level.size }, (_, index) => memberOf(level, index));
    level.copy[level.next] = after;
  }
  level.next += 1;
}

function close({ source, names, copy }: Level, redact: (text: string) => string): JsonValue {
  if (names === undefined) return copy ?? source;
  const redacted = names.map(redact);
  const renamed = redacted.some((name, index) => name !== names[index]);
  if (copy === undefined && !renamed) return source;
  const members = copy ?? Object.values(source);
  const free = renamed ? distinct(redacted) : redacted;
  return Object.fromEntries(free.map((name, index) => [name, members[index] ?? null]));
}

/** The first of equal names stays, the others get numbers. */
function distinct(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const counts = new Map<string, number>();
  const used = new Set<string>();
  return names.map((name) => {
    let free = name;
    while (used.has(free) || (free !== name && taken.has(free))) {
      const count = (counts.get(name) ?? 1) + 1;
      counts.set(name, count);
      free = `${name} (${count})`;
    }
    used.add(free);
    return free;
  });
}

function isNumber(value: JsonValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

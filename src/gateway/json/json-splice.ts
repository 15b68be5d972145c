import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { arrayItems, objectMembers } from './json-scan.ts';
import type { JsonMember, JsonSpan } from './json-scan.ts';
import { isJsonArray, isJsonObject, jsonText, ownValue } from './json-value.ts';

/**
 * JSON of `after`, taking over the text of every part that equals its counterpart in `before`, which is what the text at
 * `span` parses to. Numbers that JavaScript cannot hold survive wherever nothing changed.
 */
export function spliceJson(text: string, span: JsonSpan, before: JsonValue, after: JsonValue): string {
  if (before === after) return text.slice(span.start, span.end);
  if (isJsonArray(before)) return isJsonArray(after) ? spliceArray(text, span, before, after) : jsonText(after);
  if (isJsonObject(before) && isJsonObject(after)) return spliceObject(text, span, before, after);
  return jsonText(after);
}

/**
 * The object at `span` with member `key` set to the JSON text `value`, or without it when that is undefined. Everything
 * else stays as written.
 */
export function replaceMember(text: string, span: JsonSpan, key: string, value: string | undefined): string {
  const members = objectMembers(text, span.start);
  const written = writeMembers(text, members, new Map([[key, value]]));
  if (value === undefined || members.some((member) => member.key === key)) return written;
  return `${written.slice(0, -1)}${members.length === 0 ? '' : ','}${JSON.stringify(key)}:${value}}`;
}

/**
 * The object of `members` with JSON texts of `changes` in place of values, and without the members that those make
 * undefined. Everything else stays as written.
 */
export function writeMembers(
  text: string,
  members: readonly JsonMember[],
  changes: ReadonlyMap<string, string | undefined>,
): string {
  let written = '{';
  for (const { key, keySpan, value } of members) {
    const changed = changes.get(key);
    if (changed === undefined && changes.has(key)) continue;
    if (written.length > 1) written += ',';
    if (changed === undefined) written += text.slice(keySpan.start, value.end);
    else written += `${text.slice(keySpan.start, keySpan.end)}:${changed}`;
  }
  return `${written}}`;
}

/** The array at `span` without the items at the places `removed`, each gone with one comma; all else stays as written. */
export function withoutItems(text: string, span: JsonSpan, removed: ReadonlySet<number>): string {
  const items = arrayItems(text, span.start);
  const [first] = items;
  if (first === undefined) return text.slice(span.start, span.end);
  const written = [text.slice(span.start, first.start)];
  let previous: JsonSpan | undefined;
  let kept = 0;
  for (const [place, item] of items.entries()) {
    if (!removed.has(place)) {
      if (kept > 0 && previous !== undefined) written.push(text.slice(previous.end, item.start));
      written.push(text.slice(item.start, item.end));
      kept++;
    }
    previous = item;
  }
  written.push(text.slice(previous?.end, span.end));
  return written.join('');
}

/** The text with the part at `span` replaced. */
export function replaceSpan(text: string, span: JsonSpan, replacement: string): string {
  return text.slice(0, span.start) + replacement + text.slice(span.end);
}

function spliceObject(text: string, span: JsonSpan, before: JsonObject, after: JsonObject): string {
  let written = '{';
  for (const { key, keySpan, value } of objectMembers(text, span.start)) {
    const then = ownValue(before, key);
    const now = ownValue(after, key);
    if (then === undefined || now === undefined) continue;
    if (written.length > 1) written += ',';
    written += `${text.slice(keySpan.start, keySpan.end)}:${spliceJson(text, value, then, now)}`;
  }
  for (const key of Object.keys(after)) {
    const value = after[key];
    if (value === undefined || ownValue(before, key) !== undefined) continue;
    if (written.length > 1) written += ',';
    written += `${JSON.stringify(key)}:${jsonText(value)}`;
  }
  return `${written}}`;
}

/** Items that a filter left are found again in order; what has no counterpart is written anew. */
function spliceArray(text: string, span: JsonSpan, before: readonly JsonValue[], after: readonly JsonValue[]): string {
  const items = arrayItems(text, span.start);
  const placeOf = before.length === after.length ? undefined : placesInOrder(before);
  const written = after.map((now, index) => {
    const place = placeOf === undefined ? index : placeOf(now);
    const item = place === undefined ? undefined : items[place];
    const then = place === undefined ? undefined : before[place];
    return item === undefined || then === undefined ? jsonText(now) : spliceJson(text, item, then, now);
  });
  return `[${written.join(',')}]`;
}

/** Gives the place of a value in `before`, each one later than the one given before; undefined when there is none. */
function placesInOrder(before: readonly JsonValue[]): (value: JsonValue) => number | undefined {
  const places = new Map<JsonValue, number[]>();
  for (let place = before.length - 1; place >= 0; place--) {
    const value = before[place] ?? null;
    const known = places.get(value);
    if (known === undefined) places.set(value, [place]);
    else known.push(place);
  }
  let next = 0;
  return (value) => {
    const known = places.get(value);
    let place = known?.pop();
    while (place !== undefined && place < next) place = known?.pop();
    if (place !== undefined) next = place + 1;
    return place;
  };
}

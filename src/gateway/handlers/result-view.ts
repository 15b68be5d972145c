import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { arrayItems, memberSpan, objectMembers, readJson, rootSpan } from '../json/json-scan.ts';
import type { JsonSpan } from '../json/json-scan.ts';
import { replaceMember, spliceJson, writeMembers } from '../json/json-splice.ts';
import { isJsonArray, isJsonObject, jsonText, ownValue } from '../json/json-value.ts';
import type { MediatedMethod } from '../protocol/mediation.ts';

/** Text inside a content item: of the item itself, or of the resource embedded in it. */
interface CarriedText {
  readonly index: number;
  readonly embedded: boolean;
  readonly text: string;
}

type Shape =
  | { readonly kind: 'structured'; readonly value: JsonValue }
  | { readonly kind: 'member'; readonly key: 'messages' | 'contents'; readonly value: JsonValue }
  | { readonly kind: 'json-text'; readonly carrier: CarriedText; readonly value: JsonValue }
  | { readonly kind: 'text'; readonly carriers: readonly CarriedText[]; readonly value: string }
  | { readonly kind: 'nothing'; readonly value: undefined }
  | { readonly kind: 'ambiguous'; readonly value: undefined };

/** A result as policy sees it (`value`), and how it came. */
export type ResultView = Shape;

/**
 * What policy sees of a result: `structuredContent` when present, else the object or array that is the only text's JSON,
 * else the texts joined by line feeds; for prompts the messages, for resources the contents. A text whose JSON repeats a
 * key is `ambiguous`: policy would see one value and its reader all of them.
 */
export function viewResult(method: MediatedMethod, result: JsonObject): ResultView {
  if (method !== 'tools/call') {
    const key = method === 'prompts/get' ? 'messages' : 'contents';
    const value = ownValue(result, key);
    return value === undefined ? { kind: 'nothing', value: undefined } : { kind: 'member', key, value };
  }
  const structured = ownValue(result, 'structuredContent');
  if (structured !== undefined && structured !== null) return { kind: 'structured', value: structured };
  const carriers = carriedTexts(result);
  const [only, second] = carriers;
  if (only === undefined) return { kind: 'nothing', value: undefined };
  if (second === undefined) {
    const value = parseContainer(only.text);
    if (value === undefined) return { kind: 'text', carriers, value: only.text };
    if (value === 'ambiguous') return { kind: 'ambiguous', value: undefined };
    return { kind: 'json-text', carrier: only, value };
  }
  return { kind: 'text', carriers, value: carriers.map((carrier) => carrier.text).join('\n') };
}

/**
 * The result at `span` with `after` in place of what policy saw, in the shape it came in. What policy did not see but may
 * repeat the old value (other texts, an outdated `toolResult`) is left out. Undefined when `after` does not fit the shape.
 */
export function writeResult(
  text: string,
  span: JsonSpan,
  result: JsonObject,
  view: ResultView,
  after: JsonValue | undefined,
): string | undefined {
  if (after === undefined) return undefined;
  const members = objectMembers(text, span.start);
  const spanOf = (key: string): JsonSpan | undefined => members.find((member) => member.key === key)?.value;
  const content = spanOf('content');
  const changes = new Map<string, string | undefined>([['toolResult', undefined]]);
  switch (view.kind) {
    case 'nothing':
    case 'ambiguous':
      return undefined;
    case 'member': {
      const place = spanOf(view.key);
      if (place === undefined || !Array.isArray(after)) return undefined;
      changes.set(view.key, spliceJson(text, place, view.value, after));
      break;
    }
    case 'json-text': {
      if (content === undefined) return undefined;
      const { carrier, value } = view;
      const written = spliceJson(carrier.text, rootSpan(carrier.text), value, after);
      changes.set('content', writeContent(text, content, carrier, [], written));
      break;
    }
    case 'text': {
      const [first, ...others] = view.carriers;
      if (content === undefined || first === undefined) return undefined;
      const written = typeof after === 'string' ? after : jsonText(after);
      changes.set('content', writeContent(text, content, first, others, written));
      break;
    }
    case 'structured': {
      const place = spanOf('structuredContent');
      if (place === undefined || !isJsonObject(after)) return undefined;
      const written = spliceJson(text, place, view.value, after);
      changes.set('structuredContent', written);
      const carriers = carriedTexts(result);
      const [first] = carriers;
      if (content === undefined || first === undefined) break;
      const source = text.slice(place.start, place.end);
      const mirror = carriers.find((carrier) => mirrors(carrier.text, source, view.value));
      const replaced = mirror ?? first;
      const others = carriers.filter((carrier) => carrier !== replaced);
      const mirrored =
        mirror === undefined ? jsonText(after) : respelled(mirror.text, source, written, view.value, after);
      changes.set('content', writeContent(text, content, replaced, others, mirrored));
      break;
    }
  }
  return writeMembers(text, members, changes);
}

/** Whether `text` says the same as the JSON `source`, which is `value`. */
function mirrors(text: string, source: string, value: JsonValue): boolean {
  return text === source || isDeepStrictEqual(parseContainer(text), value);
}

/** The mirror of `source` once that was `written` anew. */
function respelled(mirror: string, source: string, written: string, before: JsonValue, after: JsonValue): string {
  return mirror === source ? written : spliceJson(mirror, rootSpan(mirror), before, after);
}

/** The content with `replacement` in the item of `carrier`, and without the items of `others`. */
function writeContent(
  text: string,
  content: JsonSpan,
  carrier: CarriedText,
  others: readonly CarriedText[],
  replacement: string,
): string {
  const written: string[] = [];
  for (const [index, item] of arrayItems(text, content.start).entries()) {
    if (index === carrier.index) written.push(writeCarrier(text, item, carrier, replacement));
    else if (!others.some((other) => other.index === index)) written.push(text.slice(item.start, item.end));
  }
  return `[${written.join(',')}]`;
}

function writeCarrier(text: string, item: JsonSpan, carrier: CarriedText, replacement: string): string {
  const value = JSON.stringify(replacement);
  if (!carrier.embedded) return replaceMember(text, item, 'text', value);
  const resource = memberSpan(text, item.start, 'resource');
  if (resource === undefined) return text.slice(item.start, item.end);
  return replaceMember(text, item, 'resource', replaceMember(text, resource, 'text', value));
}

function carriedTexts(result: JsonObject): CarriedText[] {
  const content = ownValue(result, 'content');
  if (!Array.isArray(content)) return [];
  const carriers: CarriedText[] = [];
  for (const [index, item] of content.entries()) {
    if (!isJsonObject(item)) continue;
    const resource = ownValue(item, 'resource');
    const text = ownValue(item, 'text');
    const embeddedText = isJsonObject(resource) ? ownValue(resource, 'text') : undefined;
    if (typeof text === 'string') carriers.push({ index, embedded: false, text });
    else if (typeof embeddedText === 'string') carriers.push({ index, embedded: true, text: embeddedText });
  }
  return carriers;
}

/**
 * The JSON object or array that a text is; undefined for other texts, a bare number or word among them. `ambiguous` when
 * not all parsers would read it alike.
 */
export function parseContainer(text: string): JsonObject | readonly JsonValue[] | 'ambiguous' | undefined {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') return undefined;
  try {
    const { value, fault } = readJson(text);
    if (fault === 'too-deep') return 'ambiguous';
    if (!isJsonObject(value) && !isJsonArray(value)) return undefined;
    return fault === undefined ? value : 'ambiguous';
  } catch {
    return undefined;
  }
}

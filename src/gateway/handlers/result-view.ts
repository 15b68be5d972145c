import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { parseJson } from '../../text/json.ts';
import { arrayItems, findJsonFault, memberSpan, rootSpan } from '../json/json-scan.ts';
import type { JsonSpan } from '../json/json-scan.ts';
import { replaceMember, spliceJson } from '../json/json-splice.ts';
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
  const source = withoutMember(text, span, result, 'toolResult');
  switch (view.kind) {
    case 'nothing':
    case 'ambiguous':
      return undefined;
    case 'member':
      return Array.isArray(after) ? spliceMember(source, view.key, view.value, after) : undefined;
    case 'json-text':
      return writeContent(
        source,
        [view.carrier],
        spliceJson(view.carrier.text, rootSpan(view.carrier.text), view.value, after),
      );
    case 'text':
      return writeContent(source, view.carriers, typeof after === 'string' ? after : jsonText(after));
    case 'structured':
      return isJsonObject(after) ? writeStructured(source, result, view.value, after) : undefined;
  }
}

function writeStructured(source: string, result: JsonObject, before: JsonValue, after: JsonValue): string | undefined {
  const written = spliceMember(source, 'structuredContent', before, after);
  const carriers = carriedTexts(result);
  if (written === undefined || carriers.length === 0) return written;
  const mirror = carriers.find((carrier) => isDeepStrictEqual(parseContainer(carrier.text), before));
  const mirrored =
    mirror === undefined ? jsonText(after) : spliceJson(mirror.text, rootSpan(mirror.text), before, after);
  const first = mirror ?? carriers[0];
  const others = carriers.filter((carrier) => carrier !== first);
  return writeContent(written, first === undefined ? others : [first, ...others], mirrored);
}

/** Puts `replacement` into the first carrier's item and leaves the items of the other carriers out. */
function writeContent(source: string, carriers: readonly CarriedText[], replacement: string): string | undefined {
  const [first, ...others] = carriers;
  const content = memberSpan(source, 0, 'content');
  if (first === undefined || content === undefined) return undefined;
  const left = new Set(others.map((carrier) => carrier.index));
  const written: string[] = [];
  for (const [index, item] of arrayItems(source, content.start).entries()) {
    if (left.has(index)) continue;
    const itemText = source.slice(item.start, item.end);
    written.push(index === first.index ? writeCarrier(itemText, first, replacement) : itemText);
  }
  return replaceMember(source, rootSpan(source), 'content', `[${written.join(',')}]`);
}

function writeCarrier(item: string, carrier: CarriedText, replacement: string): string {
  const value = JSON.stringify(replacement);
  if (!carrier.embedded) return replaceMember(item, rootSpan(item), 'text', value);
  const resource = memberSpan(item, 0, 'resource');
  if (resource === undefined) return item;
  return replaceMember(item, rootSpan(item), 'resource', replaceMember(item, resource, 'text', value));
}

function spliceMember(source: string, key: string, before: JsonValue, after: JsonValue): string | undefined {
  const span = memberSpan(source, 0, key);
  return span === undefined
    ? undefined
    : replaceMember(source, rootSpan(source), key, spliceJson(source, span, before, after));
}

function withoutMember(text: string, span: JsonSpan, result: JsonObject, key: string): string {
  return Object.hasOwn(result, key) ? replaceMember(text, span, key, undefined) : text.slice(span.start, span.end);
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
    const fault = findJsonFault(text);
    if (fault === 'too-deep') return 'ambiguous';
    const value = parseJson(text);
    if (!isJsonObject(value) && !isJsonArray(value)) return undefined;
    return fault === undefined ? value : 'ambiguous';
  } catch {
    return undefined;
  }
}

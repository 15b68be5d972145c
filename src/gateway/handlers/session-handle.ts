import type { JsonObject, SessionHints } from '../../engine/operation.ts';
import type { IdentityInput } from '../../engine/plugin.ts';
import type { HandleNames } from '../../session/session-handle.ts';
import type { Exchange } from '../http/exchange.ts';
import { memberSpan, objectMembers, rootSpan } from '../json/json-scan.ts';
import { replaceMember, replaceSpan } from '../json/json-splice.ts';
import { isJsonObject, ownValue } from '../json/json-value.ts';

/** The HTTP request that a message came with; header names in lower case. */
interface Carrier {
  readonly request: { readonly headers: IdentityInput['headers'] };
}

/**
 * What a request says of its session: its `_meta`, its trace, and its handle, which stands in `_meta` or else in a
 * header. Undefined when that is nothing. `params` are those of the message, if it is one.
 */
export function sessionHintsOf(
  names: HandleNames | undefined,
  { request }: Carrier,
  params: JsonObject | undefined,
): SessionHints | undefined {
  const given = ownValue(params, '_meta');
  const meta = isJsonObject(given) ? given : undefined;
  const traceparent = ownValue(meta, 'traceparent') ?? request.headers['traceparent'];
  const handle = names && handleOf(names, request.headers, meta);
  if (meta === undefined && traceparent === undefined && handle === undefined) return undefined;
  return {
    ...(meta === undefined ? {} : { meta }),
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(handle === undefined ? {} : { handle }),
  };
}

function handleOf(
  { header, meta: key }: HandleNames,
  headers: Carrier['request']['headers'],
  meta: JsonObject | undefined,
): string | undefined {
  const given = (key === undefined ? undefined : ownValue(meta, key)) ?? headers[header.toLowerCase()];
  // Whatever else stands in its place is not a handle that anybody was given.
  return given === undefined || typeof given === 'string' ? given : '';
}

/** Hands the client a handle with the answer to its request, unless that is on its way already. */
export function offerHandle(names: HandleNames | undefined, { response }: Exchange, handle: string | undefined): void {
  if (names === undefined || handle === undefined || response.headersSent || response.destroyed) return;
  response.setHeader(names.header, handle);
}

/** A message of a client without the handle in its `_meta`. Everything else stays as written. */
export function withoutHandle(text: string, key: string): string {
  const { start } = rootSpan(text);
  for (const holder of ['params', 'result']) {
    const body = memberSpan(text, start, holder);
    const meta = body === undefined || text[body.start] !== '{' ? undefined : memberSpan(text, body.start, '_meta');
    if (meta === undefined || memberSpan(text, meta.start, key) === undefined) continue;
    return replaceSpan(text, meta, replaceMember(text, meta, key, undefined));
  }
  return text;
}

/** A response with the handle in the `_meta` of its result, which has to be an object. Everything else stays as written. */
export function withHandle(text: string, key: string, handle: string): string {
  const result = memberSpan(text, rootSpan(text).start, 'result');
  if (result === undefined || text[result.start] !== '{') return text;
  const meta = memberSpan(text, result.start, '_meta');
  const value = JSON.stringify(handle);
  if (meta === undefined) return withMember(text, result.start, '_meta', `{${JSON.stringify(key)}:${value}}`);
  if (text[meta.start] !== '{') return text;
  const given = memberSpan(text, meta.start, key);
  return given === undefined ? withMember(text, meta.start, key, value) : replaceSpan(text, given, value);
}

/** The text with one more member in front in the object at `start`. */
function withMember(text: string, start: number, key: string, value: string): string {
  const separator = objectMembers(text, start).length === 0 ? '' : ',';
  return `${text.slice(0, start + 1)}${JSON.stringify(key)}:${value}${separator}${text.slice(start + 1)}`;
}

/** A field name of RFC 9110 section 5.1. */
export const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Headers that say how a message is read, where it goes, or who the gateway takes its sender for. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
]);
const RESERVED_PREFIX = /^(?:mcp-|x-forwarded-|x-policy-)/;

/** Whether a minted credential may go upstream in the header `name`. */
export function mayCarryCredential(name: string): boolean {
  const lower = name.toLowerCase();
  return FIELD_NAME.test(name) && !RESERVED.has(lower) && !RESERVED_PREFIX.test(lower);
}

/** Whether a header can hold `token` as one word. */
export function isHeaderToken(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

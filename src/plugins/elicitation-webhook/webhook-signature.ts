import { createHmac, timingSafeEqual } from 'node:crypto';

/** How old a signed message may be, and how far ahead its clock, in seconds. */
const TOLERANCE = 300;
const VERSION = 'v1,';
const MAX_ID = 256;

/** Header names of Standard Webhooks 1.0. */
export const SIGNATURE_HEADERS = { id: 'webhook-id', timestamp: 'webhook-timestamp', signature: 'webhook-signature' };

/** The headers of a signed message; `seconds` is its Unix time. Source: Standard Webhooks 1.0, signature scheme. */
export function signatureHeaders(
  secret: string,
  id: string,
  seconds: number,
  body: string,
): Readonly<Record<string, string>> {
  return {
    [SIGNATURE_HEADERS.id]: id,
    [SIGNATURE_HEADERS.timestamp]: String(seconds),
    [SIGNATURE_HEADERS.signature]: `${VERSION}${sign(secret, `${id}.${seconds}.${body}`).toString('base64')}`,
  };
}

/** Whether a message was signed with the secret, lately; one of several signatures is enough. `now`: Unix milliseconds. */
export function isSigned(
  secret: string,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: Buffer,
  now: number,
): boolean {
  const id = headers[SIGNATURE_HEADERS.id];
  const timestamp = headers[SIGNATURE_HEADERS.timestamp];
  const signatures = headers[SIGNATURE_HEADERS.signature];
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID || typeof signatures !== 'string') return false;
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const expected = sign(secret, Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]));
  return signatures.split(' ').some((signature) => {
    if (!signature.startsWith(VERSION)) return false;
    const given = Buffer.from(signature.slice(VERSION.length), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function sign(secret: string, message: string | Buffer): Buffer {
  return createHmac('sha256', keyOf(secret)).update(message).digest();
}

/** A secret with the prefix `whsec_` is base64 of the key, any other the key itself. */
function keyOf(secret: string): Buffer {
  const prefix = 'whsec_';
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret, 'utf8');
}

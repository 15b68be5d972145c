import { request } from 'undici';
import { KeyError, keyFromJwk } from './verification-key.ts';
import type { VerificationKey } from './verification-key.ts';
import { boundedBody } from '../bounded-body.ts';

/** Most bytes of a key set; sets in the field have a few kilobytes. */
export const MAX_KEY_SET_BYTES = 256 * 1024;

/** Whole time of a fetch, in milliseconds. */
export const KEY_SET_TIMEOUT_MS = 5000;

export type KeySetFailure = 'timeout' | 'network' | 'status' | 'too_large' | 'malformed' | 'no_usable_key';

/** Why a key set could not be had. Holds nothing of the response besides its status. */
export class KeySetError extends Error {
  override readonly name = 'KeySetError';
  readonly failure: KeySetFailure;
  readonly status: number | undefined;

  constructor(failure: KeySetFailure, status?: number) {
    super(`key set not available: ${failure}`);
    this.failure = failure;
    this.status = status;
  }
}

/**
 * The public keys for signatures in a JSON Web Key Set (RFC 7517 section 5); members that are something else are left
 * out. Throws `KeySetError` when nothing is left or `value` is no key set.
 */
export function readKeySet(value: unknown): readonly VerificationKey[] {
  const members: unknown = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
  if (!Array.isArray(members)) throw new KeySetError('malformed');
  const keys: VerificationKey[] = [];
  for (const member of members) {
    try {
      const key = keyFromJwk(member);
      // A published secret is none: whoever reads the set could sign with it.
      if (key.key.type === 'public') keys.push(key);
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
    }
  }
  if (keys.length === 0) throw new KeySetError('no_usable_key');
  return keys;
}

async function readBody(url: string, signal: AbortSignal): Promise<Buffer> {
  const headers = { accept: 'application/jwk-set+json, application/json' };
  // Key sets are fetched minutes apart: the connection is not kept.
  const { statusCode, body } = await request(url, { headers, signal, reset: true });
  if (statusCode < 200 || statusCode > 299) {
    // Destroying a body that was not read raises an error on it.
    body.on('error', () => undefined).destroy();
    throw new KeySetError('status', statusCode);
  }
  const bytes = await boundedBody(body, MAX_KEY_SET_BYTES);
  if (bytes === undefined) throw new KeySetError('too_large');
  return bytes;
}

/**
 * Fetches the key set at `url`; redirects are not followed. Rejects with `KeySetError` within the time limit or when
 * `closed` aborts.
 */
export async function fetchKeySet(url: string, closed: AbortSignal): Promise<readonly VerificationKey[]> {
  const timeout = AbortSignal.timeout(KEY_SET_TIMEOUT_MS);
  let body: Buffer;
  try {
    body = await readBody(url, AbortSignal.any([timeout, closed]));
  } catch (error) {
    if (error instanceof KeySetError) throw error;
    throw new KeySetError(timeout.aborted ? 'timeout' : 'network');
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new KeySetError('malformed');
  }
  return readKeySet(value);
}

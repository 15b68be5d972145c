import { isAlgorithm } from './algorithms.ts';
import type { Algorithm } from './algorithms.ts';

/** Longest token in characters; a longer one is refused unread. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/** Three base64url parts. Source: RFC 7515 section 7.1. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** The scheme in any case and the space after it, as RFC 9110 section 11 has them. */
const SCHEME = /^bearer +/i;

/** Room for the scheme and its spaces. */
const MAX_HEADER_LENGTH = MAX_TOKEN_LENGTH + 64;

/**
 * What stands for the token in a header's value, with or without the `Bearer` scheme (RFC 6750 section 2.1); undefined
 * when the header is missing, empty, too long or was sent more than once. Whether it is a token, `peek` tells.
 */
export function tokenOf(value: string | readonly string[] | undefined): string | undefined {
  const only = typeof value === 'object' && value.length === 1 ? value[0] : value;
  if (typeof only !== 'string' || only.length > MAX_HEADER_LENGTH) return undefined;
  const scheme = SCHEME.exec(only);
  const token = scheme ? only.slice(scheme[0].length) : only;
  return token !== '' && token.length <= MAX_TOKEN_LENGTH ? token : undefined;
}

/** What a token says of itself before anything is verified: good for finding a key, for nothing else. */
export interface UnverifiedToken {
  readonly issuer: string;
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
}

function decode(part: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (part === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads header and payload of a token; undefined when it is none in compact form, when either cannot be read, or when the
 * algorithm is none that we know.
 */
export function peek(token: string): UnverifiedToken | undefined {
  if (!COMPACT.test(token)) return undefined;
  const [first, second] = token.split('.');
  const header = decode(first);
  const payload = decode(second);
  if (!header || !payload) return undefined;
  const { alg, kid } = header;
  const { iss } = payload;
  if (typeof iss !== 'string' || !isAlgorithm(alg) || (kid !== undefined && typeof kid !== 'string')) return undefined;
  return { issuer: iss, algorithm: alg, kid };
}

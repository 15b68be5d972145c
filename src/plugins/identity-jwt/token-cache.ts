import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Identity } from '../../engine/plugin.ts';
import type { KeySource } from './key-source.ts';

/** How long a verification is remembered at most, in milliseconds: what a withdrawn key or a changed clock may cost. */
export const MAX_AGE_MS = 60_000;

const MAX_ENTRIES = 10_000;
/** Characters of the tokens whose identities are held; an identity takes about as much as its token. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

interface Entry {
  readonly identity: Identity;
  readonly verifiedAt: number;
  readonly expiresAt: number;
  readonly keys: KeySource;
  readonly generation: object;
}

/** What a token proved, to be remembered. Times are Unix milliseconds; `expiresAt` is the token's own `exp`. */
export interface VerifiedToken extends Entry {
  readonly token: string;
}

/**
 * Identities of verified tokens, by the SHA-256 of the token; the tokens themselves are not kept. Answers only before the
 * token's `exp`, within `MAX_AGE_MS`, and while the keys that it was verified with are still in use.
 */
export interface TokenCache {
  find(token: string, now: number): Identity | undefined;
  add(verified: VerifiedToken): void;
}

const keyOf = (token: string): string => hash('sha256', token, 'base64');

export function tokenCache(): TokenCache {
  const entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES, maxSize: MAX_CHARACTERS });
  return {
    find: (token, now) => {
      const key = keyOf(token);
      const entry = entries.get(key);
      if (!entry) return undefined;
      const { identity, verifiedAt, expiresAt, keys, generation } = entry;
      const age = now - verifiedAt;
      if (age >= 0 && age < MAX_AGE_MS && now < expiresAt && keys.generation() === generation) return identity;
      entries.delete(key);
      return undefined;
    },
    add: ({ token, identity, verifiedAt, expiresAt, keys, generation }) => {
      if (expiresAt <= verifiedAt) return;
      entries.set(keyOf(token), { identity, verifiedAt, expiresAt, keys, generation }, { size: token.length });
    },
  };
}

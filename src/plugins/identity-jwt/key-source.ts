import type { Awaitable } from '../../session/label-store.ts';
import type { Algorithm } from './algorithms.ts';
import type { VerificationKey } from './verification-key.ts';

export type KeyLookup =
  | { readonly key: VerificationKey; readonly generation: object }
  | { readonly failure: 'auth.jwks_unavailable' | 'auth.unknown_kid' | 'auth.algorithm_mismatch' };

/** Where the keys of one issuer come from. */
export interface KeySource {
  /** The key for a token whose header has `algorithm` and `kid`. Never throws or rejects; answers when `signal` aborts. */
  find(algorithm: Algorithm, kid: string | undefined, signal: AbortSignal): Awaitable<KeyLookup>;
  /**
   * Stands for the keys that may be used now; undefined when there are none. A verification that is remembered counts
   * only while this is the object that the key was found with.
   */
  generation(): object | undefined;
  close(): void;
}

/** The one key that a bundle gives for an issuer. It has no id of its own, so a token's `kid` does not matter. */
export function inlineKey(key: VerificationKey): KeySource {
  const found = { key, generation: key };
  const mismatch = { failure: 'auth.algorithm_mismatch' } as const;
  return {
    find: (algorithm) => (key.algorithms.has(algorithm) ? found : mismatch),
    generation: () => key,
    close: () => undefined,
  };
}

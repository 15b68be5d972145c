import type { Algorithm } from './algorithms.ts';
import { fetchKeySet } from './fetch-key-set.ts';
import type { KeyLookup, KeySource } from './key-source.ts';
import type { VerificationKey } from './verification-key.ts';

/** Least time between two fetches that tokens with an unknown `kid` can cause, in milliseconds. */
export const UNKNOWN_KID_COOLDOWN_MS = 10_000;

/** Wait after a failed fetch before the next, in milliseconds; doubles from the first to the second with each failure. */
export const RETRY_MS = { first: 1000, most: 30_000 } as const;

export interface RemoteKeySetOptions {
  readonly url: string;
  /** Age in milliseconds at which the set is fetched again. */
  readonly refreshMs: number;
  /** Milliseconds past `refreshMs` for which the set still counts while it cannot be fetched. */
  readonly maxStaleMs: number;
  readonly now: () => number;
  /** Told of each failed fetch (a `KeySetError`), with the number of failures in a row. */
  readonly onFailure: (error: unknown, failures: number) => void;
}

interface Generation {
  readonly keys: readonly VerificationKey[];
  readonly fetchedAt: number;
}

function choose(generation: Generation, algorithm: Algorithm, kid: string | undefined): KeyLookup {
  const named = kid === undefined ? generation.keys : generation.keys.filter((key) => key.kid === kid);
  if (named.length === 0) return { failure: 'auth.unknown_kid' };
  const fitting = named.filter((key) => key.algorithms.has(algorithm));
  const key = fitting.at(-1);
  if (!key) return { failure: kid === undefined ? 'auth.unknown_kid' : 'auth.algorithm_mismatch' };
  // Without a `kid` only a set that leaves no choice can answer.
  if (kid === undefined && fitting.length > 1) return { failure: 'auth.unknown_kid' };
  return { key, generation };
}

/** `now` without its steps back, so that a clock that is set back adds nothing to the life of a key. */
function forwardOnly(now: () => number): () => number {
  let latest = -Infinity;
  let stepsBack = 0;
  return () => {
    const reading = now();
    if (reading < latest) stepsBack += latest - reading;
    latest = reading;
    return reading + stepsBack;
  };
}

/** Resolves when `work` does or `signal` aborts. */
async function settled(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { signal: over.signal });
  });
  await Promise.race([work, aborted]);
  over.abort();
}

/**
 * Keys of the key set at a URL. Nothing is fetched before the first look-up. One fetch at a time serves all callers. A
 * set that has grown old is fetched before it is used again, unless the last fetch failed: then it goes on to be used
 * within its limit while fetches are tried beside the requests.
 */
export function remoteKeySet(options: RemoteKeySetOptions): KeySource {
  const { url, refreshMs, maxStaleMs, onFailure } = options;
  const now = forwardOnly(options.now);
  const closed = new AbortController();
  let current: Generation | undefined;
  let failures = 0;
  let attemptedAt = -Infinity;
  let pending: Promise<void> | undefined;

  const passed = (since: number, milliseconds: number): boolean => now() - since >= milliseconds;
  const usable = (): Generation | undefined =>
    current && !passed(current.fetchedAt, refreshMs + maxStaleMs) ? current : undefined;
  const mayFetch = (): boolean =>
    failures === 0 || passed(attemptedAt, Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.most));

  const fetchNow = async (): Promise<void> => {
    attemptedAt = now();
    try {
      current = { keys: await fetchKeySet(url, closed.signal), fetchedAt: now() };
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!closed.signal.aborted) onFailure(error, failures);
    } finally {
      pending = undefined;
    }
  };
  const refresh = (): Promise<void> => (pending ??= fetchNow());

  const find = async (algorithm: Algorithm, kid: string | undefined, signal: AbortSignal): Promise<KeyLookup> => {
    const before = usable();
    if (!before) {
      if (pending || mayFetch()) await settled(refresh(), signal);
    } else if (passed(before.fetchedAt, refreshMs)) {
      if (failures === 0) await settled(refresh(), signal);
      else if (mayFetch()) void refresh();
    }
    const generation = usable();
    if (!generation) return { failure: 'auth.jwks_unavailable' };
    const chosen = choose(generation, algorithm, kid);
    if (!('failure' in chosen) || chosen.failure !== 'auth.unknown_kid') return chosen;
    if (!pending && !passed(attemptedAt, UNKNOWN_KID_COOLDOWN_MS)) return chosen;
    await settled(refresh(), signal);
    const renewed = usable();
    return renewed && renewed !== generation ? choose(renewed, algorithm, kid) : chosen;
  };

  return {
    find: (algorithm, kid, signal) => {
      if (closed.signal.aborted) return { failure: 'auth.jwks_unavailable' };
      return find(algorithm, kid, signal);
    },
    generation: usable,
    close: () => closed.abort(),
  };
}

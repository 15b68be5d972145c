import { LRUCache } from 'lru-cache';
import type { Grant } from './grant.ts';

/** How long before its end a token is no longer handed out: it still has to get upstream and be used there. */
export const EXPIRY_MARGIN_MS = 30_000;

const MAX_ENTRIES = 10_000;
/** Characters of the tokens held. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

interface Entry {
  readonly grant: Grant;
  /** Unix milliseconds. */
  readonly mintedAt: number;
  readonly until: number;
}

/** A token being minted, and how many wait for it. */
interface Flight {
  readonly grant: Promise<Grant>;
  readonly giveUp: AbortController;
  waiting: number;
}

export interface GrantCacheOptions {
  /** 0: nothing is kept; those who ask at the same time still share one answer. */
  readonly maxAgeMs: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Minted tokens by what they were minted for. Failures are not kept. */
export class GrantCache {
  readonly #options: GrantCacheOptions;
  readonly #entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES, maxSize: MAX_CHARACTERS });
  readonly #flights = new Map<string, Flight>();

  constructor(options: GrantCacheOptions) {
    this.#options = options;
  }

  /**
   * The token under `key`, or the one that `mint` gets; `mint` runs once for all who ask meanwhile, and is given up when
   * none of them waits any more. Rejects as `mint` does, or with the reason of `signal`.
   */
  async get(key: string, mint: (signal: AbortSignal) => Promise<Grant>, signal: AbortSignal): Promise<Grant> {
    const known = this.#find(key);
    if (known !== undefined) return known;
    signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, mint);
    flight.waiting += 1;
    try {
      return await unlessAborted(flight.grant, signal);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.giveUp.abort();
      }
    }
  }

  clear(): void {
    this.#entries.clear();
    for (const { giveUp } of this.#flights.values()) giveUp.abort();
    this.#flights.clear();
  }

  #find(key: string): Grant | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const now = this.#options.now();
    if (now >= entry.mintedAt && now < entry.until) return entry.grant;
    this.#entries.delete(key);
    return undefined;
  }

  #start(key: string, mint: (signal: AbortSignal) => Promise<Grant>): Flight {
    const giveUp = new AbortController();
    const run = async (): Promise<Grant> => {
      const mintedAt = this.#options.now();
      const grant = await mint(giveUp.signal);
      if (!giveUp.signal.aborted) this.#keep(key, grant, mintedAt);
      return grant;
    };
    const flight: Flight = { grant: run(), giveUp, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #keep(key: string, grant: Grant, mintedAt: number): void {
    const until = Math.min(mintedAt + this.#options.maxAgeMs, grant.expiresAt - EXPIRY_MARGIN_MS);
    if (until > mintedAt) this.#entries.set(key, { grant, mintedAt, until }, { size: grant.token.length });
  }
}

async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let abandon: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abandon = () => reject(signal.reason);
    signal.addEventListener('abort', abandon, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (abandon !== undefined) signal.removeEventListener('abort', abandon);
  }
}

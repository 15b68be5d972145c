import { LRUCache } from 'lru-cache';

/** Sessions whose labels one process remembers at most. */
export const MAX_FLOOR_SESSIONS = 100_000;

const NONE: ReadonlySet<string> = new Set();

/** What this process knows of a session. */
export interface FloorEntry {
  readonly labels: ReadonlySet<string>;
  /** Those whose append was confirmed to this process as durable. */
  readonly confirmed: ReadonlySet<string>;
  /** The labels cannot have expired before this moment of the floor's clock, in milliseconds. */
  readonly expiresAt: number;
}

/**
 * The labels that this process itself has seen a store hold, bounded. A later load that lacks one of them, though it
 * cannot have expired, shows that the store lost it. It never replaces a load.
 */
export class LabelFloor {
  readonly #entries = new LRUCache<string, FloorEntry>({ max: MAX_FLOOR_SESSIONS });
  readonly #clock: () => number;

  /** `clock` gives milliseconds and never steps back. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is known and cannot have expired; undefined when that is nothing. */
  get(sessionId: string): FloorEntry | undefined {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined || this.#clock() < entry.expiresAt) return entry;
    this.#entries.delete(sessionId);
    return undefined;
  }

  /** Labels of `known` that `loaded` lacks and that cannot have expired; undefined when there are none. */
  lost(known: FloorEntry | undefined, loaded: ReadonlySet<string>): readonly string[] | undefined {
    if (known === undefined) return undefined;
    let lost: string[] | undefined;
    for (const label of known.labels) {
      if (loaded.has(label)) continue;
      lost ??= [];
      lost.push(label);
    }
    return lost !== undefined && this.#clock() < known.expiresAt ? lost : undefined;
  }

  /** Adds labels that the store holds now. `confirmed`: the store said that they are durable. */
  learn(sessionId: string, labels: ReadonlySet<string>, expiresAt: number, confirmed: boolean): void {
    if (labels.size === 0) return;
    const known = this.get(sessionId);
    this.#entries.set(sessionId, {
      labels: union(known?.labels, labels),
      confirmed: confirmed ? union(known?.confirmed, labels) : (known?.confirmed ?? NONE),
      expiresAt: known === undefined ? expiresAt : Math.max(known.expiresAt, expiresAt),
    });
  }

  clear(): void {
    this.#entries.clear();
  }
}

function union(known: ReadonlySet<string> | undefined, added: ReadonlySet<string>): ReadonlySet<string> {
  if (known === undefined || known.size === 0) return added;
  for (const label of added) if (!known.has(label)) return new Set([...known, ...added]);
  return known;
}

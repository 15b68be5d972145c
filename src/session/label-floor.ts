import { LRUCache } from 'lru-cache';

/** Sessions whose labels one process remembers at most. */
export const MAX_FLOOR_SESSIONS = 100_000;

const NONE: ReadonlySet<string> = new Set();

/** What this process knew of a session at one moment. */
export interface FloorEntry {
  readonly labels: ReadonlySet<string>;
  /** Those whose append was confirmed to this process as durable. */
  readonly confirmed: ReadonlySet<string>;
  /** The labels cannot have expired before this moment of the floor's clock, in milliseconds. */
  readonly expiresAt: number;
}

type Growing = { -readonly [Key in keyof FloorEntry]: FloorEntry[Key] };

/**
 * The labels that this process itself has seen a store hold, bounded. A later load that lacks one of them, though it
 * cannot have expired, shows that the store lost it. It never replaces a load.
 */
export class LabelFloor {
  readonly #entries = new LRUCache<string, Growing>({ max: MAX_FLOOR_SESSIONS });
  readonly #clock: () => number;

  /** `clock` gives milliseconds and never steps back. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is known now and cannot have expired; undefined when that is nothing. Later changes do not show in it. */
  get(sessionId: string): FloorEntry | undefined {
    const entry = this.#live(sessionId, this.#entries.peek(sessionId));
    return entry && { labels: entry.labels, confirmed: entry.confirmed, expiresAt: entry.expiresAt };
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
  learn(sessionId: string, labels: Iterable<string>, expiresAt: number, confirmed: boolean): void {
    const [first] = labels;
    if (first === undefined) return;
    const known = this.#live(sessionId, this.#entries.get(sessionId));
    if (known === undefined) {
      const learned = union(NONE, labels);
      this.#entries.set(sessionId, { labels: learned, confirmed: confirmed ? learned : NONE, expiresAt });
      return;
    }
    known.labels = union(known.labels, labels);
    if (confirmed) known.confirmed = union(known.confirmed, labels);
    known.expiresAt = Math.max(known.expiresAt, expiresAt);
  }

  clear(): void {
    this.#entries.clear();
  }

  #live(sessionId: string, entry: Growing | undefined): Growing | undefined {
    if (entry === undefined || this.#clock() < entry.expiresAt) return entry;
    this.#entries.delete(sessionId);
    return undefined;
  }
}

/** `known` itself when it has all that is added. */
function union(known: ReadonlySet<string>, added: Iterable<string>): ReadonlySet<string> {
  if (known.size === 0 && added instanceof Set) return added;
  for (const label of added) if (!known.has(label)) return new Set([...known, ...added]);
  return known;
}

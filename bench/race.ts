/** One way to do the work: does it `turns` times. Each has a loop of its own, so that none slows another's calls. */
export interface Contender {
  readonly name: string;
  readonly run: (turns: number) => void | Promise<void>;
}

/** Nanoseconds of processor time for one turn, round by round. */
export type Timings = ReadonlyMap<string, readonly number[]>;

export interface RaceOptions {
  readonly rounds?: number;
  /** Processor time of one contender in one round, in milliseconds. */
  readonly roundMilliseconds?: number;
  readonly warmupMilliseconds?: number;
}

/**
 * Lets contenders take turns in rounds, so that what else the machine does falls on all alike. Counts processor time,
 * threads of the collector included, since another process can stop the clock on the wall but not this one.
 */
export async function race(contenders: readonly Contender[], options: RaceOptions = {}): Promise<Timings> {
  const { rounds = 31, roundMilliseconds = 20, warmupMilliseconds = 300 } = options;
  const turns = new Map<string, number>();
  for (const { name, run } of contenders) {
    let count = 1;
    let spent = 0;
    for (let total = 0; total < warmupMilliseconds; total += spent) {
      spent = (await processorTime(() => run(count))) / 1e6;
      if (spent < roundMilliseconds / 2) count *= 2;
    }
    turns.set(name, Math.max(1, Math.round((count * roundMilliseconds) / spent)));
  }
  const timings = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index] of contenders.entries()) {
      const contender = contenders[(index + round) % contenders.length];
      if (contender === undefined) continue;
      const count = turns.get(contender.name) ?? 1;
      timings.get(contender.name)?.push((await processorTime(() => contender.run(count))) / count);
    }
  }
  return timings;
}

/** Milliseconds of processor time that `work` takes after a full collection. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  globalThis.gc?.();
  return (await processorTime(async () => void (await work()))) / 1e6;
}

/** Nanoseconds that this process spends in `work`. */
async function processorTime(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  const ended = work();
  if (ended !== undefined) await ended;
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Nanoseconds for one turn of `name`. */
export function timeOf(timings: Timings, name: string): number {
  return median(timings.get(name) ?? []);
}

/** How many times as long as `base` one turn of `name` takes: the median of the ratios of the rounds. */
export function ratioOf(timings: Timings, name: string, base: string): number {
  const bases = timings.get(base) ?? [];
  return median((timings.get(name) ?? []).map((time, round) => time / (bases[round] ?? Number.NaN)));
}

import { median } from './race.ts';

/** One round of operations that wait for others: the clock on the wall counts, unlike in `race`. */
export interface Round {
  readonly perSecond: number;
  /** Microseconds. */
  readonly p50: number;
  /** Microseconds. */
  readonly p99: number;
  /** Processor time of the measured process for each operation, in microseconds. */
  readonly processor: number;
}

export interface Candidate {
  readonly name: string;
  readonly measure: () => Promise<Round>;
}

export type Rounds = ReadonlyMap<string, readonly Round[]>;

type Figure = keyof Round;

/** Lets candidates take turns, after one round each that does not count, so that what else runs falls on all alike. */
export async function takeTurns(candidates: readonly Candidate[], rounds: number): Promise<Rounds> {
  const measured = new Map(candidates.map(({ name }) => [name, [] as Round[]]));
  for (const { measure } of candidates) await measure();
  for (let round = 0; round < rounds; round += 1) {
    for (const [index] of candidates.entries()) {
      const candidate = candidates[(index + round) % candidates.length];
      if (candidate !== undefined) measured.get(candidate.name)?.push(await candidate.measure());
    }
  }
  return measured;
}

/** `times` and `elapsed` in milliseconds, `processor` in microseconds for all of them. */
export function roundOf(times: readonly number[], elapsed: number, processor: number): Round {
  const sorted = Float64Array.from(times).toSorted();
  const at = (share: number): number => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN) * 1000;
  return {
    perSecond: (sorted.length / elapsed) * 1000,
    p50: at(0.5),
    p99: at(0.99),
    processor: processor / sorted.length,
  };
}

/** Median of a figure of `name`. */
export function figureOf(rounds: Rounds, name: string, figure: Figure): number {
  return median((rounds.get(name) ?? []).map((round) => round[figure]));
}

/** How many times that of `base` a figure of `name` is: the median of the ratios of the rounds. */
export function timesOf(rounds: Rounds, name: string, base: string, figure: Figure): number {
  return median(compared(rounds, name, base, (own, other) => own[figure] / other[figure]));
}

/** How much more than that of `base` a figure of `name` is: the median of the differences of the rounds. */
export function moreThan(rounds: Rounds, name: string, base: string, figure: Figure): number {
  return median(compared(rounds, name, base, (own, other) => own[figure] - other[figure]));
}

function compared(
  rounds: Rounds,
  name: string,
  base: string,
  compare: (own: Round, other: Round) => number,
): readonly number[] {
  const others = rounds.get(base) ?? [];
  return (rounds.get(name) ?? []).flatMap((own, index) => {
    const other = others[index];
    return other === undefined ? [] : [compare(own, other)];
  });
}

import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds of work at once, and at least as many for everything else behind it. */
const SLICE_MS = 1;

/** Keeps long work from holding up the thread that it is done in: `if (pace.due) await pace.rest()`. */
export interface Pace {
  /** Whether what else waits should have its turn first. */
  readonly due: boolean;
  /** Settles after every other callback that is due by then. */
  rest(): Promise<unknown>;
}

/** Work that nothing waits beside. */
export const UNHURRIED: Pace = { due: false, rest: () => Promise.resolve() };

/** Work beside requests. */
export function inSlices(): Pace {
  let until = performance.now() + SLICE_MS;
  return {
    get due() {
      return performance.now() >= until;
    },
    async rest() {
      await sleep(SLICE_MS);
      until = performance.now() + SLICE_MS;
    },
  };
}

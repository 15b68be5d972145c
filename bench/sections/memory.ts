import { allowed, engineOf } from '../engine-of.ts';
import { atMost, Lines, type SectionResult } from '../result.ts';
import { operationOf, RESULTS, standardBundle } from '../standard-request.ts';

const OPERATIONS = 10_000_000;
const WARM_UP = 500_000;

/** Resident memory and heap before and after many operations, `pre` and `post` each, on a bounded number of sessions. */
export async function memorySection(): Promise<SectionResult> {
  const lines = new Lines('memory');
  const engine = await engineOf(standardBundle());
  const run = (from: number, to: number): void => {
    for (let turn = from; turn < to; turn += 1) {
      const operation = operationOf(turn);
      allowed(engine.pre(operation));
      allowed(engine.post(operation, RESULTS[turn % RESULTS.length]));
    }
  };
  run(0, WARM_UP);
  globalThis.gc?.();
  const before = process.memoryUsage();
  run(WARM_UP, WARM_UP + OPERATIONS);
  globalThis.gc?.();
  const after = process.memoryUsage();
  const megabytes = (bytes: number): number => bytes / 1024 / 1024;
  lines.add('heap before', megabytes(before.heapUsed), 'MB');
  lines.add('heap grown over 10 million operations', megabytes(after.heapUsed - before.heapUsed), 'MB');
  lines.add('resident before', megabytes(before.rss), 'MB');
  lines.add('resident grown over 10 million operations', megabytes(after.rss - before.rss), 'MB');
  lines.check(atMost('heap grown over 10 million operations, MB', megabytes(after.heapUsed - before.heapUsed), 1));
  lines.check(atMost('resident grown over 10 million operations, MB', megabytes(after.rss - before.rss), 8));
  return lines;
}

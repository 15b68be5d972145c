import { cpus } from 'node:os';
import { Redis } from 'iovalkey';
import { APPEND_SCRIPT, LOAD_SCRIPT, loadScripts } from '../src/session/label-scripts.ts';
import { valkeyStoreFactory } from '../src/session/valkey-store-factory.ts';
import { ValkeyServer } from '../test/support/valkey-server.ts';

/** Runs of each measurement; the median of them is printed. */
const RUNS = 5;
const RUN_MS = 400;
const IN_FLIGHT = [1, 16, 256];
const SESSIONS = 1000;
const TTL_SECONDS = 3600;

interface Measured {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Processor time of this process for each operation, in microseconds. */
  readonly processor: number;
}

type Operation = (turn: number) => Promise<unknown>;

/** Medians of runs that take turns, so that what else the machine does falls on all operations alike. */
async function measure(list: readonly Operation[], inFlight: number): Promise<readonly Measured[]> {
  const runs: Measured[][] = list.map(() => []);
  for (const operation of list) await measureOnce(operation, inFlight);
  for (let run = 0; run < RUNS; run++) {
    for (const [index, operation] of list.entries()) runs[index]?.push(await measureOnce(operation, inFlight));
  }
  return runs.map((each) => {
    const median = (pick: (run: Measured) => number): number =>
      each.map(pick).toSorted((a, b) => a - b)[RUNS >> 1] ?? 0;
    return {
      perSecond: median((run) => run.perSecond),
      p50: median((run) => run.p50),
      p99: median((run) => run.p99),
      processor: median((run) => run.processor),
    };
  });
}

async function measureOnce(operation: Operation, inFlight: number): Promise<Measured> {
  const times: number[] = [];
  let turn = 0;
  const processor = process.cpuUsage();
  const started = performance.now();
  const end = started + RUN_MS;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const begun = performance.now();
      await operation((turn += 1));
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(processor);
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return {
    perSecond: (times.length / elapsed) * 1000,
    p50: at(0.5),
    p99: at(0.99),
    processor: (user + system) / times.length,
  };
}

function row(name: string, inFlight: number, { perSecond, p50, p99, processor }: Measured): string {
  return line(
    name,
    String(inFlight),
    Math.round(perSecond).toLocaleString('en'),
    p50.toFixed(3),
    p99.toFixed(3),
    processor.toFixed(1),
  );
}

function line(name: string, ...cells: readonly string[]): string {
  return name.padEnd(34) + cells.map((cell) => cell.padStart(12)).join('');
}

const server = await ValkeyServer.start();
const context = { now: Date.now, baseDirectory: '/', environment: {}, alarm: () => undefined };
const block = { kind: 'valkey', endpoint: server.endpoint, ttl_seconds: TTL_SECONDS, command_timeout_ms: 5000 };
const store = valkeyStoreFactory.build(block, context);
const client = new Redis({ host: '127.0.0.1', port: server.port, commandTimeout: 5000 });
await loadScripts(client);

const sessionOf = (turn: number): string => `session-${turn % SESSIONS}-`.padEnd(64, '0');
const keyOf = (turn: number): string => `bare:${sessionOf(turn)}`;
const labelOf = (turn: number): string => `label-${turn % 7}`;
const ttl = TTL_SECONDS * 1000;
const operations: readonly (readonly [string, Operation])[] = [
  ['load: store', async (turn) => store.loadLabels(sessionOf(turn))],
  ['load: bare client, same script', (turn) => client.evalsha(LOAD_SCRIPT.digest, 1, keyOf(turn), ttl)],
  ['load: bare client, SMEMBERS', (turn) => client.smembers(keyOf(turn))],
  ['append: store', async (turn) => store.appendLabels(sessionOf(turn), [labelOf(turn)])],
  [
    'append: bare client, same script',
    (turn) => client.evalsha(APPEND_SCRIPT.digest, 1, keyOf(turn), ttl, 0, labelOf(turn)),
  ],
  [
    'append: bare client, SADD + EXPIRE',
    (turn) => client.multi().sadd(keyOf(turn), labelOf(turn)).expire(keyOf(turn), TTL_SECONDS).exec(),
  ],
];

for (let turn = 0; turn < SESSIONS; turn++) {
  await store.appendLabels(sessionOf(turn), ['label-0', 'label-1', 'label-2']);
  await client.sadd(keyOf(turn), 'label-0', 'label-1', 'label-2');
  await client.expire(keyOf(turn), TTL_SECONDS);
}
const print = (text: string): void => void process.stdout.write(`${text}\n`);
print(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, medians of ${RUNS} runs`);
print(line('operation', 'in flight', 'per second', 'p50 ms', 'p99 ms', 'CPU µs'));
for (const inFlight of IN_FLIGHT) {
  const measured = await measure(
    operations.map(([, operation]) => operation),
    inFlight,
  );
  for (const [index, each] of measured.entries()) print(row(operations[index]?.[0] ?? '', inFlight, each));
}
await store.close();
client.disconnect();
await server.stop();

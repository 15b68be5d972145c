import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { LineCounter, parseDocument } from 'yaml';
import { loadBundle } from '../../src/config/load-bundle.ts';
import { CALL, callHeaders } from '../gateway-call.ts';
import { Child } from '../processes/child.ts';
import type { ReloadFigures } from '../processes/reloading-gateway.ts';
import { median, timed } from '../race.ts';
import { atMost, Lines, type SectionResult } from '../result.ts';
import { manyRoutes, route, TOOL } from '../standard-request.ts';

const ROUNDS = 5;
const RELOADS = 5;
const ROUTES = 10_000;
/** Calls a second, far from what the gateway can do: what is measured is the wait that reloading adds. */
const RATE = 500;
const CONNECTIONS = 8;
const PARSING = '`yaml` with positions';

/** Loads of a bundle that was loaded before, and what requests feel of a reload. */
export async function reloadSection(): Promise<SectionResult> {
  const lines = new Lines('reload');
  const folder = mkdtempSync(join(tmpdir(), 'indelible-bench-'));
  try {
    const path = join(folder, 'bundle.yaml');
    // One that anybody may call, for the load.
    writeFileSync(path, `${manyRoutes(ROUTES - 1)}${route(TOOL, ['require(args.amount < 1000)'])}`);
    lines.add('size of the bundle', statSync(path).size / 2 ** 20, 'MB');
    await cached(lines, path, join(folder, 'cache'));
    await reloads(lines, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return lines;
}

async function cached(lines: Lines, path: string, cache: string): Promise<void> {
  const text = manyRoutes(ROUTES);
  const load = async (): Promise<void> => {
    const loaded = await loadBundle(path, { cache, alarm: refuse });
    if (!loaded.ok) throw new Error(loaded.diagnostics[0]?.message);
  };
  const first = await timed(load);
  const parser: number[] = [];
  const loader: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    parser.push(await timed(async () => void parseDocument(text, { lineCounter: new LineCounter() })));
    loader.push(await timed(load));
  }
  const ratio = median(loader.map((time, round) => time / (parser[round] ?? Number.NaN)));
  lines.add(`${ROUTES} routes, ${PARSING}`, median(parser), 'ms');
  lines.add(`${ROUTES} routes, into the cache`, first, 'ms', { ratio: first / median(parser), of: PARSING });
  lines.add(`${ROUTES} routes, from the cache`, median(loader), 'ms', { ratio, of: PARSING });
  lines.check(atMost(`load of ${ROUTES} routes from the cache, × ${PARSING}`, ratio, 0.2));
}

async function reloads(lines: Lines, path: string): Promise<void> {
  const upstream = await Child.start('upstream', { upstream: '', bundle: '' });
  const gateway = await Child.start('reloading-gateway', { upstream: upstream.url, bundle: path });
  const request = { url: gateway.url, method: 'POST', headers: callHeaders(''), body: CALL } as const;
  let failures = 0;
  const load = autocannon(
    { ...request, connections: CONNECTIONS, overallRate: RATE, duration: 600 },
    (error, result) => {
      failures = error === null ? result.errors + result.non2xx : Number.NaN;
    },
  );
  try {
    const figures: ReloadFigures[] = [];
    // The first one runs code that nothing has run before.
    for (let turn = 0; turn <= RELOADS; turn += 1) figures.push((await gateway.ask('reload')) as ReloadFigures);
    const measured = figures.slice(1);
    const of = (name: keyof ReloadFigures): number => median(measured.map((each) => each[name]));
    lines.add('event-loop delay without a reload, p99', of('idleP99'), 'ms');
    lines.add('event-loop delay while reloading, p99', of('p99'), 'ms');
    lines.add('event-loop delay while reloading, longest', of('longest'), 'ms');
    lines.add('a reload', of('took'), 'ms');
    const p99 = Math.max(...measured.map((each) => each.p99));
    lines.check(atMost('event-loop delay p99 while a 3 MB bundle is reloaded under load, ms', p99, 5));
  } finally {
    const ended = once(load, 'done');
    load.stop();
    await ended;
    await gateway.stop();
    await upstream.stop();
  }
  if (failures !== 0) throw new Error(`${failures} calls were not answered 200`);
}

function refuse(alarm: object): never {
  throw new Error(JSON.stringify(alarm));
}

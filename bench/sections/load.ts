import { LineCounter, parseDocument } from 'yaml';
import { loadBundle, type LoadResult } from '../../src/config/load-bundle.ts';
import { median, timed } from '../race.ts';
import { atMost, Lines, type SectionResult } from '../result.ts';
import { differentRoutes, manyRoutes, preRules } from '../standard-request.ts';

const ROUNDS = 5;
const ROUTES = 10_000;
/** Times as long as a tenth of them may take, so that the time does not grow faster than the bundle. */
const GROWTH = 12;

/** Reading, checking and compiling a bundle, beside the parser alone. */
export async function loadSection(): Promise<SectionResult> {
  const lines = new Lines('load');
  const text = manyRoutes(ROUTES);
  const parser: number[] = [];
  const loader: number[] = [];
  const tenth: number[] = [];
  const few = manyRoutes(ROUTES / 10);
  await load(manyRoutes(200));
  for (let round = 0; round < ROUNDS; round += 1) {
    parser.push(await timed(async () => void parseDocument(text, { lineCounter: new LineCounter() })));
    loader.push(await timed(() => load(text)));
    tenth.push(await timed(() => load(few)));
  }
  const ratio = median(loader.map((time, round) => time / (parser[round] ?? Number.NaN)));
  const parsing = '`yaml` with positions';
  lines.add(`${ROUTES} routes, ${parsing}`, median(parser), 'ms');
  lines.add(`${ROUTES} routes, loadBundle`, median(loader), 'ms', { ratio, of: parsing });
  lines.check(atMost(`load of ${ROUTES} routes, × ${parsing}`, ratio, 1.5));

  const growth = median(loader) / median(tenth);
  lines.add(`${ROUTES / 10} routes, loadBundle`, median(tenth), 'ms', { ratio: 1 / growth, of: `${ROUTES} routes` });
  lines.check(atMost(`load of ${ROUTES} routes, × ${ROUTES / 10} routes`, growth, GROWTH));

  const bytes = await heapOfRule(manyRoutes);
  lines.add('heap of a rule or field', bytes, 'bytes');
  lines.check(atMost('heap of a rule, KB', bytes / 1024, 1.2));

  const different = differentRoutes(ROUTES);
  const beside = await timed(async () => void parseDocument(different, { lineCounter: new LineCounter() }));
  const time = await timed(() => load(different));
  lines.add(`${ROUTES} routes, no rule twice, loadBundle`, time, 'ms', { ratio: time / beside, of: parsing });
  const fewDifferent = await timed(() => load(differentRoutes(ROUTES / 10)));
  lines.check(atMost(`load of ${ROUTES} routes, no rule twice, × ${ROUTES / 10} routes`, time / fewDifferent, GROWTH));
  lines.add('heap of a rule or field, none of them twice', await heapOfRule(differentRoutes), 'bytes');
  return lines;
}

const HELD = 2000;

/** Of a load whose whole result is kept, in bytes. */
async function heapOfRule(routes: (count: number) => string): Promise<number> {
  const before = await heap();
  const kept = await load(routes(HELD));
  const bytes = (await heap()) - before;
  if (!kept.ok || kept.outline().length !== HELD) throw new Error('rejected');
  return bytes / (HELD * (preRules().length + 3));
}

async function load(text: string): Promise<LoadResult> {
  const loaded = await loadBundle({ name: 'bench.yaml', text });
  if (!loaded.ok) throw new Error(loaded.diagnostics[0]?.message);
  return loaded;
}

async function heap(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

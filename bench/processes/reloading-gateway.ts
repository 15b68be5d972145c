import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { loadBundle, type LoadResult } from '../../src/config/load-bundle.ts';
import type { Bundle } from '../../src/engine/bundle.ts';
import { createEngine } from '../../src/engine/policy-engine.ts';
import { createGateway } from '../../src/gateway/gateway.ts';
import { createTelemetry } from '../../src/gateway/telemetry/telemetry.ts';
import { serveParent } from './serve-parent.ts';

/** In milliseconds. */
export interface ReloadFigures {
  /** Of as long a time without a reload. */
  readonly idleP99: number;
  readonly p99: number;
  readonly longest: number;
  /** From the start to the new bundle in force. */
  readonly took: number;
}

/** Time after a reload in which the old bundle goes. */
const AFTERMATH_MS = 1000;

/** A gateway that loads its bundle once more when told to, and answers with what that did to its event loop. */
serveParent(async ({ upstream, bundle: path }) => {
  const telemetry = createTelemetry({ destination: pino.destination({ dest: '/dev/null', sync: false }) });
  const engine = await createEngine(bundleOf(await loadBundle(path)));
  const gateway = createGateway({ engine, upstream, telemetry, listen: { host: '127.0.0.1', port: 0 } });
  const { url } = await gateway.listen();
  const reload = async (): Promise<ReloadFigures> => {
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    const start = performance.now();
    await engine.reload(bundleOf(await loadBundle(path, { worker: true })));
    const took = performance.now() - start;
    await sleep(AFTERMATH_MS);
    delays.disable();
    const idle = monitorEventLoopDelay({ resolution: 1 });
    idle.enable();
    await sleep(took);
    idle.disable();
    return { idleP99: p99Of(idle), p99: p99Of(delays), longest: delays.max / 1e6, took };
  };
  return { url, answer: reload };
});

function bundleOf(loaded: LoadResult): Bundle {
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'));
  return loaded.bundle;
}

function p99Of(delays: IntervalHistogram): number {
  return delays.percentile(99) / 1e6;
}

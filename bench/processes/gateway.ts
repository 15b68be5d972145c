import { loadBundle } from '../../src/config/load-bundle.ts';
import { createEngine } from '../../src/engine/policy-engine.ts';
import { createGateway } from '../../src/gateway/gateway.ts';
import { storeMetrics } from '../../src/gateway/telemetry/store-metrics.ts';
import { createTelemetry, logDestination } from '../../src/gateway/telemetry/telemetry.ts';
import { traceStore } from '../../src/gateway/telemetry/trace-store.ts';
import type { Alarm } from '../../src/session/label-store.ts';
import { serveParent } from './serve-parent.ts';

/** The gateway as `indelible serve` runs it, metrics and a log line for each request included. */
serveParent(async ({ upstream, bundle }) => {
  const telemetry = createTelemetry({ destination: logDestination('/dev/null') });
  // Nothing may fail while it is measured; the self-check of the store only warns.
  const alarm = (raised: Alarm): void => {
    if (raised.alarm !== 'session_store_self_check') throw new Error(JSON.stringify(raised));
  };
  const storeObserver = traceStore(storeMetrics(telemetry.registry));
  const loaded = await loadBundle({ name: 'bench.yaml', text: bundle }, { alarm, storeObserver });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'));
  const engine = await createEngine(loaded.bundle, { alarm });
  const gateway = createGateway({ engine, upstream, telemetry, listen: { host: '127.0.0.1', port: 0 } });
  return (await gateway.listen()).url;
});

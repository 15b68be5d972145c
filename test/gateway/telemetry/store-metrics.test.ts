import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { storeMetrics } from '../../../src/gateway/telemetry/store-metrics.ts';
import { freshSession } from '../../session/contract.ts';
import { until } from '../../support/sentinel.ts';
import { closeStores, keyOf, storeOf } from '../../support/store-under-test.ts';
import { ValkeyServer } from '../../support/valkey-server.ts';

test('what the store does is counted', async (t) => {
  const server = await ValkeyServer.start();
  t.after(async () => {
    await closeStores();
    await server.stop();
  });
  const registry = new Registry();
  const { store } = storeOf({ endpoint: server.endpoint, command_timeout_ms: 300 }, storeMetrics(registry));
  const session = freshSession();
  await store.appendLabels(session, ['a']);
  await store.loadLabels(session);
  await server.admin((client) => client.del(keyOf(session)));
  await store.loadLabels(session);
  const lines = async (): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').map((line) => line.replace('indelible_session_store_', ''));
  const counted = await lines();
  for (const line of [
    'operations_total{op="load"} 2',
    'operations_total{op="append"} 2',
    'duration_seconds_count{op="load"} 2',
    'regressions_total 1',
    'ttl_refresh_failures_total 0',
    'floor_sessions 1',
    'breaker_state{state="closed"} 1',
    'breaker_state{state="open"} 0',
  ]) {
    assert.ok(counted.includes(line), `${line} is not in\n${counted.join('\n')}`);
  }
  await server.kill();
  await until('the breaker opens', async () => {
    await Promise.resolve(store.loadLabels(session)).catch(() => undefined);
    return (await lines()).includes('breaker_state{state="open"} 1');
  });
  assert.match((await lines()).join('\n'), /failures_total\{op="load",failure="(?:unavailable|timeout)"\} \d/);
});

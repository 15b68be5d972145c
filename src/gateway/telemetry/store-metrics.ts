import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { StoreObserver } from '../../session/label-store.ts';
import { Tally } from './tally.ts';

const BREAKER_STATES = ['closed', 'half_open', 'open'] as const;

/** Counts what the label store of a bundle does; give the result to the bundle's loader. Once for each registry. */
export function storeMetrics(registry: Registry): StoreObserver {
  const registers = [registry];
  const operations = new Tally(registry, {
    name: 'indelible_session_store_operations_total',
    help: 'Loads and appends of session labels.',
    labelNames: ['op'],
  });
  const failures = new Counter({
    name: 'indelible_session_store_failures_total',
    help: 'Failed loads and appends of session labels by kind.',
    labelNames: ['op', 'failure'],
    registers,
  });
  const durations = new Histogram({
    name: 'indelible_session_store_duration_seconds',
    help: 'Time of a load or append, retries included.',
    labelNames: ['op'],
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  });
  const breaker = new Gauge({
    name: 'indelible_session_store_breaker_state',
    help: '1 for the state that the circuit breaker of the store is in.',
    labelNames: ['state'],
    registers,
  });
  const regressions = new Counter({
    name: 'indelible_session_store_regressions_total',
    help: 'Loads that lacked labels this process had seen.',
    registers,
  });
  const refreshFailures = new Counter({
    name: 'indelible_session_store_ttl_refresh_failures_total',
    help: 'Lifetimes of labels that could not be extended.',
    registers,
  });
  const floor = new Gauge({
    name: 'indelible_session_store_floor_sessions',
    help: 'Sessions whose labels this process remembers.',
    registers,
  });
  const enter = (current: (typeof BREAKER_STATES)[number]): void => {
    for (const state of BREAKER_STATES) breaker.set({ state }, state === current ? 1 : 0);
  };
  enter('closed');
  return {
    operation(op, milliseconds, failure) {
      operations.add(op, { op });
      durations.observe({ op }, milliseconds / 1000);
      if (failure !== undefined) failures.inc({ op, failure });
    },
    breaker: enter,
    regression: () => regressions.inc(),
    refreshFailure: () => refreshFailures.inc(),
    floorSize: (sessions) => floor.set(sessions),
  };
}

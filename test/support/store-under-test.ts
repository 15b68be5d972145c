import { createHash } from 'node:crypto';
import type { Alarm, LabelStore, SessionStoreContext, StoreObserver } from '../../src/session/label-store.ts';
import { valkeyStoreFactory } from '../../src/session/valkey-store-factory.ts';

/** A store built as a bundle would, and what it said. */
export interface StoreUnderTest {
  readonly store: LabelStore;
  readonly alarms: Alarm[];
}

export function storeContext(alarms: Alarm[], observer?: StoreObserver): SessionStoreContext {
  return {
    now: Date.now,
    baseDirectory: '/',
    environment: {},
    alarm: (alarm) => void alarms.push(alarm),
    ...(observer === undefined ? {} : { observer }),
  };
}

const opened = new Set<LabelStore>();

/** Closes every store made so far, also those of tests that failed half way. */
export async function closeStores(): Promise<void> {
  const stores = [...opened];
  opened.clear();
  await Promise.all(stores.map(async (store) => store.close()));
}

/** A `valkey` store of the block's other keys. Limits are generous unless given, since the machine is shared. */
export function storeOf(block: Readonly<Record<string, unknown>>, observer?: StoreObserver): StoreUnderTest {
  const alarms: Alarm[] = [];
  const limits = { connect_timeout_ms: 2000, command_timeout_ms: 4000 };
  const store = valkeyStoreFactory.build({ kind: 'valkey', ...limits, ...block }, storeContext(alarms, observer));
  opened.add(store);
  return { store, alarms };
}

/** Key under which a store keeps the labels of `session`. */
export function keyOf(session: string, prefix = 'taint:v1'): string {
  return `${prefix}:${createHash('sha256').update(session).digest('hex')}`;
}

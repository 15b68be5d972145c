import { test } from 'node:test';
import assert from 'node:assert/strict';
import { SessionStoreError } from '../../src/session/label-store.ts';
import { memoryStore } from '../../src/session/memory-store.ts';
import { engineOf } from '../support/store-engine.ts';
import { labelStoreContract } from './contract.ts';

labelStoreContract('memory', () => memoryStore());
labelStoreContract('memory with an idle time', () => memoryStore({ idleMilliseconds: 60_000 }));

const full = (error: unknown): boolean => error instanceof SessionStoreError && error.failure === 'full';

test('at its bound the store refuses new sessions and keeps the live ones', async () => {
  const store = memoryStore({ maxSessions: 2 });
  await store.appendLabels('a', ['x']);
  await store.appendLabels('b', ['x']);
  assert.throws(() => store.appendLabels('c', ['x']), full);
  await store.appendLabels('a', ['y']);
  assert.deepEqual([...(await store.loadLabels('a'))], ['x', 'y']);
  assert.deepEqual([...(await store.loadLabels('b'))], ['x']);
  assert.deepEqual([...(await store.loadLabels('c'))], []);
});

test('a session untouched for the idle time is forgotten, and makes room', async () => {
  let now = 1000;
  const store = memoryStore({ maxSessions: 2, idleMilliseconds: 100, clock: () => now });
  await store.appendLabels('a', ['x']);
  await store.appendLabels('b', ['x']);
  now += 99;
  assert.equal((await store.loadLabels('a')).size, 1);
  assert.throws(() => store.appendLabels('c', ['x']), full);
  now += 1;
  await store.appendLabels('c', ['x']);
  assert.equal((await store.loadLabels('b')).size, 0, 'it was untouched for 100 ms');
  assert.equal((await store.loadLabels('a')).size, 1, 'its load was a touch');
  now += 100;
  assert.equal((await store.loadLabels('a')).size, 0);
});

test('a session that was forgotten begins anew', async () => {
  let now = 0;
  const store = memoryStore({ idleMilliseconds: 10, clock: () => now });
  await store.appendLabels('a', ['x']);
  now = 10;
  await store.appendLabels('a', ['y']);
  assert.deepEqual([...(await store.loadLabels('a'))], ['y']);
});

test('the denial at the bound is alarmed', async () => {
  const under = await engineOf({ kind: 'memory', max_sessions: 1 });
  assert.equal((await under.decide('taint', 'one')).decision, 'allow');
  const refused = await under.decide('taint', 'two');
  assert.equal(refused.violation?.code, 'session.persist_failed');
  assert.equal((await under.decide('look', 'one')).violation?.code, 'test.tainted');
  const [alarm] = under.alarms;
  assert.deepEqual(alarm, {
    alarm: 'session_store_failure',
    op: 'append',
    route: 'tool:taint',
    decision_was_allow: true,
    failure: 'full',
    detail: 'no room beyond 1 sessions',
  });
  await under.engine.close();
});

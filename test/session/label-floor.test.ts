import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { LabelFloor } from '../../src/session/label-floor.ts';
import { closeStores, keyOf, storeOf } from '../support/store-under-test.ts';
import { ValkeyServer } from '../support/valkey-server.ts';
import { freshSession } from './contract.ts';

afterEach(closeStores);

describe('label floor', () => {
  test('labels that are gone before they can have expired are lost', () => {
    let now = 0;
    const floor = new LabelFloor(() => now);
    floor.learn('s', new Set(['a', 'b']), 1000, false);
    const known = floor.get('s');
    now = 999;
    assert.deepEqual(floor.lost(known, new Set(['b'])), ['a']);
    assert.equal(floor.lost(known, new Set(['a', 'b', 'c'])), undefined);
    now = 1000;
    assert.equal(floor.lost(known, new Set(['b'])), undefined, 'they may have expired');
    assert.equal(floor.get('s'), undefined);
  });

  test('what is learned adds up, and nothing is learned of nothing', () => {
    const floor = new LabelFloor(() => 0);
    floor.learn('s', new Set(['a']), Infinity, false);
    floor.learn('s', new Set(['b']), 5, true);
    assert.deepEqual([...(floor.get('s')?.labels ?? [])], ['a', 'b']);
    assert.deepEqual([...(floor.get('s')?.confirmed ?? [])], ['b']);
    assert.equal(floor.get('s')?.expiresAt, Infinity);
    floor.learn('t', new Set(), Infinity, false);
    assert.equal(floor.size, 1);
  });

  test('a load that began before an append is not held against it', () => {
    const floor = new LabelFloor(() => 0);
    const known = floor.get('s');
    floor.learn('s', new Set(['a']), Infinity, false);
    assert.equal(floor.lost(known, new Set()), undefined);
  });
});

describe('labels that the server lost', () => {
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start();
  });
  after(() => server.stop());

  test('count for the node that saw them, are put back, and raise the alarm', async () => {
    const node = storeOf({ endpoint: server.endpoint });
    const session = freshSession();
    await node.store.appendLabels(session, ['a', 'b']);
    await server.admin((client) => client.srem(keyOf(session), 'a'));
    assert.deepEqual([...(await node.store.loadLabels(session))].toSorted(), ['a', 'b']);
    assert.deepEqual((await server.admin((client) => client.smembers(keyOf(session)))).toSorted(), ['a', 'b']);
    const [alarm] = node.alarms.filter((raised) => raised.alarm === 'session_store_regression');
    assert.deepEqual(alarm, { alarm: 'session_store_regression', key: keyOf(session), lost: 1, restored: true });
  });

  test('count also for labels that the node only read', async () => {
    const [writer, reader] = [storeOf({ endpoint: server.endpoint }), storeOf({ endpoint: server.endpoint })];
    const session = freshSession();
    await writer.store.appendLabels(session, ['a']);
    await reader.store.loadLabels(session);
    await server.admin((client) => client.flushall());
    assert.deepEqual([...(await reader.store.loadLabels(session))], ['a']);
    assert.ok(reader.alarms.some(({ alarm }) => alarm === 'session_store_regression'));
  });

  test('are not missed when they expired', async () => {
    const { store, alarms } = storeOf({ endpoint: server.endpoint, ttl_seconds: 1 });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    const gone = async (): Promise<boolean> => (await server.admin((client) => client.exists(keyOf(session)))) === 0;
    while (!(await gone()));
    // The store counts from before it asked, so it has let go of them by now.
    assert.deepEqual([...(await store.loadLabels(session))], []);
    assert.ok(!alarms.some(({ alarm }) => alarm === 'session_store_regression'));
  });

  test('concurrent loads and appends raise no false alarm', async () => {
    const { store, alarms } = storeOf({ endpoint: server.endpoint, durability: { ack: 'memory' } });
    const session = freshSession();
    await Promise.all(
      Array.from({ length: 500 }, async (_, index) =>
        index % 2 === 0 ? store.appendLabels(session, [`label-${index}`]) : store.loadLabels(session),
      ),
    );
    assert.ok(!alarms.some(({ alarm }) => alarm === 'session_store_regression'));
  });
});

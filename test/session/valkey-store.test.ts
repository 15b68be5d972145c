import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { SessionStoreError, type LabelStore } from '../../src/session/label-store.ts';
import { closeStores, keyOf, storeOf } from '../support/store-under-test.ts';
import { ValkeyServer } from '../support/valkey-server.ts';
import { freshSession, labelStoreContract } from './contract.ts';

const sorted = async (store: LabelStore, session: string): Promise<readonly string[]> =>
  [...(await store.loadLabels(session))].toSorted();

const connectionsIn = (info: string): number => Number(/total_connections_received:(\d+)/.exec(info)?.[1]);

const ignore = (): void => undefined;

const failure =
  (wanted: SessionStoreError['failure'], text?: RegExp) =>
  (error: unknown): boolean =>
    error instanceof SessionStoreError && error.failure === wanted && (text === undefined || text.test(error.message));

afterEach(closeStores);

describe('valkey store on one server', () => {
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start();
  });
  after(() => server.stop());

  labelStoreContract('valkey', () => storeOf({ endpoint: server.endpoint }).store);
  labelStoreContract('valkey with a lifetime', () => storeOf({ endpoint: server.endpoint, ttl_seconds: 60 }).store);

  test('two nodes see the labels of each other', async () => {
    const [one, other] = [storeOf({ endpoint: server.endpoint }).store, storeOf({ endpoint: server.endpoint }).store];
    const session = freshSession();
    await one.appendLabels(session, ['a']);
    await other.appendLabels(session, ['b']);
    assert.deepEqual(await sorted(one, session), ['a', 'b']);
    assert.deepEqual(await sorted(other, session), ['a', 'b']);
    await Promise.all([one.close(), other.close()]);
  });

  test('labels are a set under the prefix and the hash of the session', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, key_prefix: 'other:v2' });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    await server.admin(async (client) => {
      assert.deepEqual(await client.smembers(keyOf(session, 'other:v2')), ['a']);
      assert.equal(await client.ttl(keyOf(session, 'other:v2')), -1);
    });
    await store.close();
  });

  test('a load and an append are one round trip each', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, ttl_seconds: 60 });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    const calls = (): Promise<number> =>
      server.admin(async (client) => {
        const stats = await client.info('commandstats');
        return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]);
      });
    const total = (): Promise<number> =>
      server.admin(async (client) => Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]));
    const [calledBefore, totalBefore] = [await calls(), await total()];
    await store.loadLabels(session);
    await store.appendLabels(session, ['b']);
    const [calledAfter, totalAfter] = [await calls(), await total()];
    assert.equal(calledAfter - calledBefore, 2);
    // The two scripts and their commands inside, and the questions of the test itself.
    assert.ok(totalAfter - totalBefore <= 2 + 4 + 8, `${totalAfter - totalBefore} commands`);
    await store.close();
  });

  test('a key of another type is an error, not an empty set', async () => {
    const { store } = storeOf({ endpoint: server.endpoint });
    const session = freshSession();
    await server.admin((client) => client.set(keyOf(session), 'text'));
    await assert.rejects(async () => store.loadLabels(session), failure('corrupt'));
    await assert.rejects(async () => store.appendLabels(session, ['a']), failure('corrupt'));
    await store.close();
  });

  test('a member that is not UTF-8 is an error, not a wrong label', async () => {
    const { store } = storeOf({ endpoint: server.endpoint });
    const session = freshSession();
    await server.admin((client) => client.sadd(keyOf(session), Buffer.from([0x61, 0xff])));
    await assert.rejects(async () => store.loadLabels(session), failure('corrupt', /UTF-8/));
    await store.close();
  });

  test('a label that would not come back as it is, is refused', async () => {
    const { store } = storeOf({ endpoint: server.endpoint });
    const session = freshSession();
    for (const label of ['\uD800', 'a\uFFFD', 'hmac-sha256:v1:x']) {
      await assert.rejects(async () => store.appendLabels(session, [label]), failure('corrupt'));
    }
    assert.deepEqual(await sorted(store, session), []);
    await store.close();
  });

  test('the scripts are sent again when the server has forgotten them', async () => {
    const { store } = storeOf({ endpoint: server.endpoint });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    await server.admin((client) => client.script('FLUSH'));
    assert.deepEqual(await sorted(store, session), ['a']);
    await server.admin((client) => client.script('FLUSH'));
    await store.appendLabels(session, ['b']);
    assert.deepEqual(await sorted(store, session), ['a', 'b']);
    await store.close();
  });

  test('a lifetime slides, and is written only when a tenth of it has gone', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, ttl_seconds: 1000 });
    const session = freshSession();
    const left = (): Promise<number> => server.admin((client) => client.pttl(keyOf(session)));
    await store.appendLabels(session, ['a']);
    assert.ok((await left()) > 999_000 - 30_000);
    await server.admin((client) => client.pexpire(keyOf(session), 950_000));
    await store.loadLabels(session);
    assert.ok((await left()) <= 950_000, 'extended too early');
    await server.admin((client) => client.pexpire(keyOf(session), 890_000));
    await store.loadLabels(session);
    assert.ok((await left()) > 950_000, 'not extended by a load');
    await server.admin((client) => client.pexpire(keyOf(session), 10_000));
    await store.appendLabels(session, ['b']);
    assert.ok((await left()) > 950_000, 'not extended by an append');
    await server.admin((client) => client.persist(keyOf(session)));
    await store.loadLabels(session);
    assert.ok((await left()) > 950_000, 'labels without a lifetime were given none');
    await store.close();
  });

  test('a load of an unknown session leaves no key behind', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, ttl_seconds: 1000 });
    const session = freshSession();
    await store.loadLabels(session);
    assert.equal(await server.admin((client) => client.exists(keyOf(session))), 0);
    await store.close();
  });

  test('loading a bundle does not dial', async () => {
    const earlier = await server.admin((client) => client.info('stats'));
    const { store } = storeOf({ endpoint: server.endpoint });
    await store.close();
    const afterwards = await server.admin((client) => client.info('stats'));
    assert.equal(connectionsIn(afterwards) - connectionsIn(earlier), 1, 'more than the connection of the test itself');
  });
});

describe('valkey store and permissions', () => {
  const permissions = [
    '~taint:v1:*',
    '-@all',
    '+evalsha',
    '+eval',
    '+script|load',
    '+smembers',
    '+sadd',
    '+pttl',
    '+pexpire',
  ];
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start();
    await server.admin(async (client) => {
      await client.call('ACL', 'SETUSER', 'gateway', 'on', '>s3cret-gateway', ...permissions);
      await client.call('ACL', 'SETUSER', 'frugal', 'on', '>s3cret-frugal', ...permissions, '-pexpire');
      await client.call('ACL', 'SETUSER', 'reader', 'on', '>s3cret-reader', ...permissions, '-sadd');
    });
  });
  after(() => server.stop());

  labelStoreContract(
    'valkey with the least permissions',
    () => storeOf({ endpoint: server.endpoint, username: 'gateway', password: 's3cret-gateway' }).store,
  );

  test('a lifetime that cannot be extended leaves the read valid and raises its alarm', async () => {
    const session = freshSession();
    const writer = storeOf({ endpoint: server.endpoint, ttl_seconds: 1000 });
    await writer.store.appendLabels(session, ['a']);
    await server.admin((client) => client.pexpire(keyOf(session), 100_000));
    let refreshFailures = 0;
    const observer = {
      operation: ignore,
      breaker: ignore,
      regression: ignore,
      floorSize: ignore,
      refreshFailure: () => (refreshFailures += 1),
    };
    const block = { endpoint: server.endpoint, ttl_seconds: 1000, username: 'frugal', password: 's3cret-frugal' };
    const { store, alarms } = storeOf(block, observer);
    assert.deepEqual(await sorted(store, session), ['a']);
    assert.ok(alarms.some(({ alarm }) => alarm === 'session_store_ttl_refresh_failed'));
    assert.equal(refreshFailures, 1);
    await Promise.all([store.close(), writer.store.close()]);
  });

  test('a missing permission is an error that ends nothing else', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, username: 'reader', password: 's3cret-reader' });
    const session = freshSession();
    for (let i = 0; i < 8; i++) {
      await assert.rejects(
        async () => store.appendLabels(session, ['a']),
        failure('unavailable', /access control list/),
      );
    }
    assert.deepEqual(await sorted(store, session), []);
    await store.close();
  });

  test('a password that the server does not ask for is an error', async () => {
    const open = await ValkeyServer.start();
    const { store } = storeOf({ endpoint: open.endpoint, password: 's3cret-nobody-asked' });
    await assert.rejects(async () => store.loadLabels(freshSession()), failure('unavailable', /does not ask/));
    await store.close();
    await open.stop();
  });
});

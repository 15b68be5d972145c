import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { SessionStoreError } from '../../src/session/label-store.ts';
import { engineOf } from '../support/store-engine.ts';
import { closeStores, keyOf, storeOf } from '../support/store-under-test.ts';
import { ValkeyServer } from '../support/valkey-server.ts';
import { freshSession, labelStoreContract } from './contract.ts';

afterEach(closeStores);

const unconfirmed = (error: unknown): boolean =>
  error instanceof SessionStoreError && error.failure === 'timeout' && /not confirmed/.test(error.message);

describe('appends confirmed by the append only file', () => {
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start({ config: ['appendonly yes', 'appendfsync always'] });
  });
  after(() => server.stop());
  const durability = { ack: 'aof', timeout_ms: 2000 };

  labelStoreContract('valkey with ack aof', () => storeOf({ endpoint: server.endpoint, durability }).store);

  test('appends that come together share a confirmation', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability });
    const session = freshSession();
    await store.appendLabels(session, ['first']);
    const confirmations = (): Promise<number> =>
      server.admin(async (client) =>
        Number(/cmdstat_waitaof:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0),
      );
    const earlier = await confirmations();
    await Promise.all(Array.from({ length: 300 }, async (_, index) => store.appendLabels(session, [`label-${index}`])));
    const used = (await confirmations()) - earlier;
    assert.ok(used >= 1 && used < 100, `${used} confirmations for 300 appends`);
    assert.equal((await store.loadLabels(session)).size, 301);
  });

  test('a label that another connection wrote is confirmed, not taken for granted', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability });
    const session = freshSession();
    await store.appendLabels(freshSession(), ['warm-up']);
    await server.admin((client) => client.sadd(keyOf(session), 'a'));
    const offset = (): Promise<number> =>
      server.admin(async (client) => Number(/master_repl_offset:(\d+)/.exec(await client.info('replication'))?.[1]));
    const earlier = await offset();
    await store.appendLabels(session, ['a']);
    assert.ok((await server.admin((client) => client.pttl(keyOf(session)))) > 0, 'the append wrote nothing');
    assert.ok((await offset()) >= earlier);
  });

  test('a label whose append was confirmed is not written again', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    const calls = (): Promise<string | undefined> =>
      server.admin(async (client) => /cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]);
    const earlier = await calls();
    await store.appendLabels(session, ['a']);
    assert.equal(await calls(), earlier);
  });

  test('the engine appends labels again that a load showed', async () => {
    const block = { kind: 'valkey', endpoint: server.endpoint, durability, command_timeout_ms: 4000 };
    const [one, other] = [await engineOf(block), await engineOf(block)];
    const session = freshSession();
    assert.equal((await one.decide('taint', session)).decision, 'allow');
    const writes = (): Promise<number> =>
      server.admin(async (client) =>
        Number(/cmdstat_sadd:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0),
      );
    const earlier = await writes();
    assert.equal((await other.decide('taint', session)).decision, 'allow');
    assert.equal((await writes()) - earlier, 1);
    await Promise.all([one.engine.close(), other.engine.close()]);
  });

  test('the scripts are sent again, and confirmed, when the server has forgotten them', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    await server.admin((client) => client.script('FLUSH'));
    await Promise.all([store.appendLabels(session, ['b']), store.appendLabels(session, ['c'])]);
    assert.equal((await store.loadLabels(session)).size, 3);
  });
});

describe('appends that cannot be confirmed fail', () => {
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start({ config: ['appendonly yes', 'appendfsync no'] });
  });
  after(() => server.stop());

  test('the file is not synced', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability: { ack: 'aof', timeout_ms: 100 } });
    await assert.rejects(async () => store.appendLabels(freshSession(), ['a']), unconfirmed);
  });

  test('there is no file', async () => {
    const without = await ValkeyServer.start();
    const { store } = storeOf({ endpoint: without.endpoint, durability: { ack: 'aof', timeout_ms: 100 } });
    await assert.rejects(
      async () => store.appendLabels(freshSession(), ['a']),
      (error) => error instanceof SessionStoreError && /append only file/.test(error.message),
    );
    await closeStores();
    await without.stop();
  });

  test('there is no replica', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability: { ack: 'replicas', timeout_ms: 100 } });
    await assert.rejects(async () => store.appendLabels(freshSession(), ['a']), unconfirmed);
  });

  test('loads go on meanwhile', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, durability: { ack: 'replicas', timeout_ms: 3000 } });
    const session = freshSession();
    const append = Promise.resolve(store.appendLabels(session, ['a']));
    append.catch(() => undefined);
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    append.then(mark, mark);
    for (let i = 0; i < 20; i++) await store.loadLabels(session);
    assert.equal(settled, false, 'the loads waited for the append');
    await assert.rejects(append, unconfirmed);
  });
});

test('appends confirmed by a replica have reached it', async () => {
  const primary = await ValkeyServer.start();
  const replica = await ValkeyServer.start({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
  const { store } = storeOf({ endpoint: primary.endpoint, durability: { ack: 'replicas', timeout_ms: 3000 } });
  const session = freshSession();
  for (let tries = 0; ; tries++) {
    const confirmed = await Promise.resolve(store.appendLabels(session, ['a'])).then(
      () => true,
      () => false,
    );
    if (confirmed) break;
    assert.ok(tries < 10, 'the replica never followed');
  }
  assert.deepEqual(await replica.admin((client) => client.smembers(keyOf(session))), ['a']);
  await closeStores();
  await replica.stop();
  await primary.stop();
});

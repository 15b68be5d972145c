import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  SessionNotFoundError,
  TRANSPORT_SESSION_TYPES,
  TransportStorageError,
  type TransportSession,
  type TransportStorage,
} from '../../src/transport/transport-storage.ts';

let sessions = 0;

/** A session of an id that no other test uses. */
export function freshSession(rest: Partial<TransportSession> = {}): TransportSession {
  sessions += 1;
  const now = Date.now();
  const id = `${process.pid}-${sessions}-session`;
  return { id, type: 'mcp', createdAt: now, updatedAt: now, metadata: { subject: 'ann' }, ...rest };
}

export const notFound = (error: unknown): boolean => error instanceof SessionNotFoundError;
const failedAs =
  (failure: TransportStorageError['failure']) =>
  (error: unknown): boolean =>
    error instanceof TransportStorageError && error.failure === failure;

/** What every transport storage promises. `make` gives a storage on the same data each time it is called, if data are kept. */
export function transportStorageContract(name: string, make: () => TransportStorage | Promise<TransportStorage>): void {
  const each = (what: string, check: (storage: TransportStorage) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const storage = await make();
      await check(storage);
      await storage.close();
    });
  };

  each('Store and Load round-trip: id, type, times, metadata and data are preserved', async (storage) => {
    const metadata = { subject: 'ann', 'ü€😀': 'line\nbreak', __proto__x: '' };
    const session = freshSession({ metadata, data: { list: [1, null, 'two'], deep: { a: true } } });
    await storage.store(session);
    assert.deepEqual(await storage.load(session.id), session);
    const bare = freshSession({ metadata: {} });
    await storage.store(bare);
    assert.deepEqual(await storage.load(bare.id), bare);
  });

  each('all session types round-trip correctly through serialization', async (storage) => {
    for (const type of TRANSPORT_SESSION_TYPES) {
      const session = freshSession({ type });
      await storage.store(session);
      assert.equal((await storage.load(session.id)).type, type);
    }
  });

  each('Store with nil session returns an error', async (storage) => {
    const nothing = undefined as unknown as TransportSession;
    await assert.rejects(async () => storage.store(nothing), TypeError);
    await assert.rejects(async () => storage.create(nothing), TypeError);
    await assert.rejects(async () => storage.update(nothing), TypeError);
  });

  each('Store with empty session id returns an error', async (storage) => {
    const session = freshSession({ id: '' });
    await assert.rejects(async () => storage.store(session), TypeError);
    await assert.rejects(async () => storage.create(session), TypeError);
    await assert.rejects(async () => storage.update(session), TypeError);
  });

  each('Load for a non-existent key is not found', async (storage) => {
    await assert.rejects(async () => storage.load(freshSession().id), notFound);
  });

  each('Load and Delete with empty id return an error', async (storage) => {
    await assert.rejects(async () => storage.load(''), TypeError);
    await assert.rejects(async () => storage.delete(''), TypeError);
  });

  each('Delete removes the key; subsequent Load is not found', async (storage) => {
    const session = freshSession();
    await storage.store(session);
    await storage.delete(session.id);
    await assert.rejects(async () => storage.load(session.id), notFound);
  });

  each('Delete on a non-existent key is no error', async (storage) => {
    await storage.delete(freshSession().id);
  });

  each('Store for a session that already exists overwrites it', async (storage) => {
    const session = freshSession();
    await storage.store(session);
    const again = { ...session, updatedAt: session.updatedAt + 1, metadata: { subject: 'bob' } };
    await storage.store(again);
    await storage.store(again);
    assert.deepEqual(await storage.load(session.id), again);
  });

  each('what was stored is not changed by changing the object', async (storage) => {
    const data = { count: 1 };
    const session = freshSession({ data });
    await storage.store(session);
    data.count = 2;
    assert.deepEqual((await storage.load(session.id)).data, { count: 1 });
  });

  each('create inserts once', async (storage) => {
    const session = freshSession();
    assert.equal(await storage.create(session), true);
    assert.equal(await storage.create({ ...session, metadata: {} }), false);
    assert.deepEqual(await storage.load(session.id), session);
    await storage.delete(session.id);
    assert.equal(await storage.create(session), true);
  });

  each('of many who create the same session one succeeds', async (storage) => {
    const session = freshSession();
    const answers = await Promise.all(Array.from({ length: 100 }, async () => storage.create(session)));
    assert.equal(answers.filter(Boolean).length, 1);
  });

  each('update replaces and never resurrects', async (storage) => {
    const session = freshSession();
    assert.equal(await storage.update(session), false);
    await assert.rejects(async () => storage.load(session.id), notFound);
    await storage.store(session);
    const changed = { ...session, metadata: { subject: 'bob' } };
    assert.equal(await storage.update(changed), true);
    assert.deepEqual(await storage.load(session.id), changed);
    await storage.delete(session.id);
    assert.equal(await storage.update(changed), false);
    await assert.rejects(async () => storage.load(session.id), notFound);
  });

  each('what is no session is refused before it is stored', async (storage) => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const wrong: readonly object[] = [
      { type: 'websocket' },
      { createdAt: Number.NaN },
      { updatedAt: 'now' },
      { metadata: { count: 1 } },
      { metadata: null },
      { data: cyclic },
      { data: 1n },
    ];
    for (const part of wrong) {
      const session = freshSession(part);
      await assert.rejects(async () => storage.store(session), TypeError);
      await assert.rejects(async () => storage.load(session.id), notFound);
    }
  });

  each('a storage that answers is healthy, and says its kind', async (storage) => {
    assert.equal((await storage.health()).healthy, true);
    assert.match(storage.kind, /^[a-z]+$/);
  });

  test(`${name}: Close ends the storage; subsequent operations return an error`, async () => {
    const storage = await make();
    const session = freshSession();
    await storage.store(session);
    await storage.close();
    const calls: (() => unknown)[] = [
      () => storage.store(session),
      () => storage.create(session),
      () => storage.update(session),
      () => storage.load(session.id),
      () => storage.delete(session.id),
      () => storage.deleteExpired(0),
    ];
    for (const call of calls) await assert.rejects(async () => call(), failedAs('closed'));
    assert.equal((await storage.health()).healthy, false);
    await storage.close();
  });
}

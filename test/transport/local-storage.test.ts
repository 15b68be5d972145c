import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { freshSession, notFound, transportStorageContract } from './contract.ts';

transportStorageContract('LocalStorage', () => new LocalStorage());

const full = (error: unknown): boolean => error instanceof TransportStorageError && error.failure === 'full';

/** A storage whose time is moved by hand. */
function timed(options: { maxSessions?: number; ttl?: number; maxLifetime?: number }): {
  readonly storage: LocalStorage;
  readonly time: { now: number };
} {
  const time = { now: 1_000_000 };
  const read = (): number => time.now;
  return { storage: new LocalStorage({ ...options, now: read, clock: read }), time };
}

describe('LocalStorage', () => {
  test('a session untouched for the idle time is gone', () => {
    const { storage, time } = timed({ ttl: 100 });
    const session = freshSession();
    storage.store(session);
    time.now += 99;
    storage.load(session.id);
    time.now += 99;
    assert.equal(storage.update(session), true);
    time.now += 99;
    storage.store(session);
    time.now += 100;
    assert.throws(() => storage.load(session.id), notFound);
    assert.equal(storage.update(session), false);
    assert.equal(storage.create(session), true);
  });

  test('a session past its longest lifetime is gone, however much it is used', () => {
    const { storage, time } = timed({ ttl: 100, maxLifetime: 150 });
    const session = freshSession({ createdAt: time.now });
    storage.store(session);
    time.now += 80;
    storage.load(session.id);
    time.now += 69;
    storage.load(session.id);
    time.now += 1;
    assert.throws(() => storage.load(session.id), notFound);
    assert.equal(storage.update(session), false);
    assert.equal(storage.create(session), false);
    storage.store(session);
    assert.throws(() => storage.load(session.id), notFound);
    assert.equal(storage.size, 0);
  });

  test('at its bound it refuses new sessions and keeps the live ones', () => {
    const { storage, time } = timed({ maxSessions: 2, ttl: 100 });
    const [one, two, three] = [freshSession(), freshSession(), freshSession()];
    storage.store(one);
    time.now += 50;
    storage.store(two);
    assert.throws(() => storage.store(three), full);
    assert.throws(() => storage.create(three), full);
    assert.equal(storage.update(one), true);
    time.now += 99;
    storage.load(one.id);
    assert.throws(() => storage.create(three), full);
    time.now += 1;
    assert.equal(storage.create(three), true);
    assert.throws(() => storage.load(two.id), notFound);
    assert.deepEqual(storage.load(one.id), one);
  });

  test('DeleteExpired removes what was not touched since', () => {
    const { storage, time } = timed({});
    const [old, used, young] = [freshSession(), freshSession(), freshSession()];
    storage.store(old);
    storage.store(used);
    time.now += 100;
    storage.store(young);
    storage.load(used.id);
    storage.deleteExpired(time.now - 50);
    assert.throws(() => storage.load(old.id), notFound);
    assert.deepEqual(storage.load(used.id), used);
    assert.deepEqual(storage.load(young.id), young);
  });

  test('bounds must be positive', () => {
    for (const options of [{ maxSessions: 0 }, { ttl: -1 }, { maxLifetime: 0 }, { ttl: Number.NaN }]) {
      assert.throws(() => new LocalStorage(options), RangeError);
    }
  });
});

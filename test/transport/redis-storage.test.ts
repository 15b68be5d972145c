import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Alarm } from '../../src/session/label-store.ts';
import type { RedisConfig } from '../../src/transport/redis-config.ts';
import { RedisStorage, type RedisStorageOptions } from '../../src/transport/redis-storage.ts';
import { serializeSession } from '../../src/transport/serialize-session.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { MASTER_NAME, startSentinel, until, type SentinelDeployment } from '../support/sentinel.ts';
import { freePort, makeCertificates, ValkeyServer, type Certificates } from '../support/valkey-server.ts';
import { freshSession, notFound, transportStorageContract } from './contract.ts';

const PREFIX = 'thv:vmcp:session:';
const HOUR = 3_600_000;

const opened = new Set<RedisStorage>();
afterEach(async () => {
  await Promise.all([...opened].map((storage) => storage.close()));
  opened.clear();
});

/** A storage that is closed after the test. Limits are generous unless given, since the machine is shared. */
function storageOf(config: Partial<RedisConfig>, ttl = HOUR, options: RedisStorageOptions = {}): RedisStorage {
  const limits = { dialTimeout: 5000, readTimeout: 8000, writeTimeout: 8000 };
  const storage = new RedisStorage({ keyPrefix: PREFIX, ...limits, ...config }, ttl, options);
  opened.add(storage);
  return storage;
}

const failedAs =
  (failure: TransportStorageError['failure'], text = /./) =>
  (error: unknown): boolean =>
    error instanceof TransportStorageError && error.failure === failure && text.test(error.message);

describe('a standalone server', () => {
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start();
  });
  after(() => server.stop());
  const make = (ttl?: number, options?: RedisStorageOptions): RedisStorage =>
    storageOf({ addr: server.endpoint }, ttl, options);
  const ttlOf = (id: string): Promise<number> => server.admin((client) => client.pttl(PREFIX + id));

  transportStorageContract('RedisStorage', () => make());

  test('Key format is exactly {KeyPrefix}{sessionID}, holding what serializeSession gives', async () => {
    const session = freshSession();
    await make().store(session);
    const [keys, text] = await server.admin(async (client) => [
      await client.keys(`*${session.id}*`),
      await client.get(`${PREFIX}${session.id}`),
    ]);
    assert.deepEqual(keys, [`${PREFIX}${session.id}`]);
    assert.equal(text, serializeSession(session));
  });

  test('TTL refresh on Store, Load, Update: still alive past the original expiry', async () => {
    const storage = make(60_000);
    const session = freshSession();
    const uses = [() => storage.store(session), () => storage.load(session.id), () => storage.update(session)];
    await storage.store(session);
    for (const use of uses) {
      await server.admin((client) => client.pexpire(PREFIX + session.id, 5000));
      await use();
      assert.ok((await ttlOf(session.id)) > 50_000);
    }
  });

  test('a session is gone once its TTL has passed', async () => {
    const storage = make(40);
    const session = freshSession();
    await storage.store(session);
    await until('the key expires', async () =>
      server.admin(async (client) => (await client.exists(PREFIX + session.id)) === 0),
    );
    await assert.rejects(storage.load(session.id), notFound);
    assert.equal(await storage.update(session), false);
  });

  test('the server gets SET with EX, GETEX, SET NX and SET XX, each alone', async () => {
    const storage = make(60_000);
    const session = freshSession();
    await storage.health();
    const seen: string[] = [];
    await server.admin(async (client) => {
      const monitor = await client.monitor();
      const ended = new Promise<void>((resolve) => {
        monitor.on('monitor', (_time: string, args: readonly string[]) => {
          if (args[0] === 'echo') resolve();
          else seen.push(args.filter((arg) => !arg.startsWith('{')).join(' '));
        });
      });
      await storage.store(session);
      await storage.load(session.id);
      await storage.update(session);
      await storage.delete(session.id);
      await storage.create(session);
      await storage.deleteExpired();
      await client.echo('end');
      await ended;
      monitor.disconnect();
    });
    const key = PREFIX + session.id;
    assert.deepEqual(seen, [
      `SET ${key} EX 60`,
      `GETEX ${key} EX 60`,
      `SET ${key} EX 60 XX`,
      `DEL ${key}`,
      `SET ${key} EX 60 NX`,
    ]);
  });

  test('DeleteExpired is a no-op that leaves every key', async () => {
    const storage = make();
    const session = freshSession({ createdAt: 0, updatedAt: 0 });
    await storage.store(session);
    await storage.deleteExpired();
    assert.deepEqual(await storage.load(session.id), session);
  });

  test('a session past its longest lifetime is gone, however much it is used', async () => {
    const time = { now: 1_000_000 };
    const storage = make(60_000, { maxLifetime: 90_000, now: () => time.now });
    const session = freshSession({ createdAt: time.now });
    await storage.store(session);
    time.now += 50_000;
    await storage.store(session);
    assert.ok((await ttlOf(session.id)) <= 40_000, 'the key ends with the lifetime');
    await storage.load(session.id);
    time.now += 40_000;
    await assert.rejects(storage.load(session.id), notFound);
    assert.equal(await server.admin((client) => client.exists(PREFIX + session.id)), 0);
    assert.equal(await storage.create(session), false);
    assert.equal(await storage.update(session), false);
    await storage.store(session);
    await assert.rejects(storage.load(session.id), notFound);
  });

  test('a deleted session is not resurrected by a writer of another replica', async () => {
    const [one, other] = [make(), make()];
    const session = freshSession();
    await one.create(session);
    const held = await other.load(session.id);
    await one.delete(session.id);
    assert.equal(await other.update({ ...held, updatedAt: Date.now() }), false);
    await assert.rejects(one.load(session.id), notFound);
  });

  test('undecodable data is an error, not "not found"', async () => {
    const storage = make();
    const session = freshSession();
    const key = PREFIX + session.id;
    const put = (write: (client: Parameters<Parameters<ValkeyServer['admin']>[0]>[0]) => Promise<unknown>) =>
      server.admin(async (client) => {
        await client.del(key);
        await write(client);
      });
    await put((client) => client.set(key, 'garbage'));
    await assert.rejects(storage.load(session.id), failedAs('corrupt'));
    await put((client) => client.set(key, serializeSession(freshSession())));
    await assert.rejects(storage.load(session.id), failedAs('corrupt'));
    await put((client) => client.sadd(key, 'a'));
    await assert.rejects(storage.load(session.id), failedAs('corrupt'));
  });

  test('databases and prefixes are apart', async () => {
    const session = freshSession();
    const zero = make();
    const one = storageOf({ addr: server.endpoint, db: 1 });
    const prefixed = storageOf({ addr: server.endpoint, keyPrefix: 'other:' });
    await zero.store(session);
    await assert.rejects(one.load(session.id), notFound);
    await assert.rejects(prefixed.load(session.id), notFound);
    await one.store({ ...session, type: 'sse' });
    assert.equal((await zero.load(session.id)).type, 'mcp');
  });

  test('a user with the commands of the runbook on its keys alone is enough', async () => {
    const rules = ['on', '>s3cret-word', 'resetkeys', `~${PREFIX}*`, '-@all', '+set', '+getex', '+del', '+select'];
    await server.admin((client) => client.call('ACL', 'SETUSER', 'gateway', ...rules));
    const storage = storageOf({ addr: server.endpoint, username: 'gateway', password: 's3cret-word' });
    const session = freshSession();
    assert.equal(await storage.create(session), true);
    assert.equal(await storage.update(session), true);
    assert.deepEqual(await storage.load(session.id), session);
    assert.equal((await storage.health()).healthy, true);
    await storage.delete(session.id);
    const outside = storageOf({ addr: server.endpoint, username: 'gateway', password: 's3cret-word', keyPrefix: 'x:' });
    await assert.rejects(outside.load(session.id), failedAs('unavailable', /access control list/));
  });

  test('a full server refuses new sessions and still gives the old ones', async () => {
    const small = await ValkeyServer.start({ config: ['maxmemory-policy noeviction'] });
    const storage = storageOf({ addr: small.endpoint });
    const session = freshSession();
    await storage.store(session);
    await small.admin((client) => client.config('SET', 'maxmemory', '1'));
    await assert.rejects(storage.create(freshSession()), failedAs('full'));
    assert.deepEqual(await storage.load(session.id), session);
    await storage.delete(session.id);
    await small.stop();
  });

  test('nothing is dialled before the first use', async () => {
    const listening = await server.admin(
      async (client) => (await client.info('clients')).match(/connected_clients:(\d+)/)?.[1],
    );
    const storage = make();
    const then = await server.admin(
      async (client) => (await client.info('clients')).match(/connected_clients:(\d+)/)?.[1],
    );
    assert.equal(then, listening);
    await storage.close();
  });
});

describe('TLS', () => {
  let folder: string;
  let files: Certificates;
  let server: ValkeyServer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tls-'));
    files = await makeCertificates(folder);
    server = await ValkeyServer.start({
      tls: true,
      config: [
        `tls-cert-file ${files.certFile}`,
        `tls-key-file ${files.keyFile}`,
        `tls-ca-cert-file ${files.caFile}`,
        'tls-auth-clients no',
      ],
    });
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  test('caCert as text, caFile and insecureSkipVerify connect', async () => {
    const caCert = await readFile(files.caFile, 'utf8');
    for (const tls of [{ caCert }, { caFile: files.caFile }, { insecureSkipVerify: true }]) {
      const storage = storageOf({ addr: server.endpoint, tls });
      const session = freshSession();
      await storage.store(session);
      assert.deepEqual(await storage.load(session.id), session);
    }
  });

  test('without caCert the system roots count, and refuse a private authority', async () => {
    const storage = storageOf({ addr: server.endpoint, tls: {} });
    await assert.rejects(storage.load('s'), failedAs('unavailable', /TLS fails/));
  });
});

describe('Sentinel', () => {
  let deployment: SentinelDeployment;
  before(async () => {
    deployment = await startSentinel();
  });
  after(() => deployment.stop());
  const make = (alarms: Alarm[] = []): RedisStorage =>
    storageOf({ sentinel: { masterName: MASTER_NAME, addrs: deployment.addresses } }, HOUR, {
      alarm: (alarm) => void alarms.push(alarm),
    });

  transportStorageContract('RedisStorage by Sentinel', () => make());

  test('sessions go on after a fail-over in the middle, and a closed breaker is told', async () => {
    const storage = make();
    const session = freshSession();
    assert.equal(await storage.create(session), true);
    const primary = await deployment.primary();
    await primary.admin((client) => client.wait(1, 5000));
    await primary.kill();
    await until('another primary serves', async () => (await deployment.primary()) !== primary);
    await until('the storage writes again', () => storage.update({ ...session, type: 'streamable' }));
    assert.equal((await storage.load(session.id)).type, 'streamable');
    await storage.delete(session.id);
    assert.equal(await storage.update(session), false);
  });
});

describe('failures', () => {
  test('a server that is away is an error, never "not found", and an alarm', async () => {
    const alarms: Alarm[] = [];
    const server = await ValkeyServer.start();
    const storage = storageOf({ addr: server.endpoint, readTimeout: 300, writeTimeout: 300 }, HOUR, {
      alarm: (alarm) => void alarms.push(alarm),
    });
    const session = freshSession();
    await storage.store(session);
    await server.kill();
    await until('the breaker opens', async () => {
      await assert.rejects(storage.load(session.id), TransportStorageError);
      await assert.rejects(storage.create(freshSession()), TransportStorageError);
      return alarms.some(({ alarm, state }) => alarm === 'transport_storage_breaker' && state === 'open');
    });
    assert.equal((await storage.health()).healthy, false);
    assert.equal((await storage.selfCheck()).at(-1)?.outcome, 'problem');
    await server.run();
    await until('it serves again', () => storage.create(freshSession()));
    await storage.close();
    await server.stop();
  });

  test('a stalled server is a timeout within the limit of the call', async () => {
    const server = await ValkeyServer.start();
    const storage = storageOf({ addr: server.endpoint, readTimeout: 200, writeTimeout: 300 });
    await storage.store(freshSession());
    server.signal('SIGSTOP');
    await assert.rejects(storage.load('s'), failedAs('timeout', /200 ms/));
    await assert.rejects(storage.create(freshSession()), failedAs('timeout', /300 ms/));
    server.signal('SIGCONT');
    await storage.close();
    await server.stop();
  });

  test('no credential and no session id shows in an error, whatever failed, however it is printed', async () => {
    const secret = 'Pa55-w0rd-s3cret';
    const id = 'session-id-that-must-not-show';
    const server = await ValkeyServer.start({ config: ['requirepass other'], client: { password: 'other' } });
    const nobody = await freePort();
    const configs: Partial<RedisConfig>[] = [
      { addr: server.endpoint, password: secret },
      { addr: server.endpoint, username: 'gw', password: secret },
      { addr: server.endpoint, password: secret, tls: {} },
      { addr: `127.0.0.1:${nobody}`, password: secret },
      { sentinel: { masterName: 'm', addrs: [server.endpoint], username: 'gw', password: secret }, password: secret },
      { sentinel: { masterName: 'm', addrs: [`127.0.0.1:${nobody}`], password: secret } },
      { addr: server.endpoint, passwordSource: { kind: 'value', value: () => secret } },
    ];
    const printed: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (chunk: unknown): boolean => printed.push(String(chunk)) > 0;
    try {
      for (const config of configs) {
        const alarms: Alarm[] = [];
        const storage = storageOf({ ...config, dialTimeout: 300, readTimeout: 300, writeTimeout: 300 }, HOUR, {
          alarm: (alarm) => void alarms.push(alarm),
        });
        const session = freshSession({ id });
        for (const call of [() => storage.load(id), () => storage.store(session), () => storage.create(session)]) {
          const error: unknown = await Promise.resolve(call()).catch((thrown: unknown) => thrown);
          assert.ok(error instanceof TransportStorageError);
          printed.push(inspect(error, { depth: Infinity, showHidden: true, getters: true }), JSON.stringify(error));
          printed.push(error.stack ?? '', String(error.cause));
        }
        printed.push(inspect(await storage.health()), inspect(await storage.selfCheck()), inspect(alarms));
        printed.push(inspect(storage, { depth: Infinity, showHidden: true }));
      }
    } finally {
      process.stderr.write = write;
    }
    const text = printed.join('\n');
    assert.ok(!text.includes(secret), text.slice(Math.max(0, text.indexOf(secret) - 300), text.indexOf(secret) + 40));
    assert.ok(!text.includes(id));
    await server.stop();
  });
});

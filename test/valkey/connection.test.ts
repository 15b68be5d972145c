import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { SessionStoreError } from '../../src/session/label-store.ts';
import { MASTER_NAME, startCluster, startSentinel, until, type SentinelDeployment } from '../support/sentinel.ts';
import { closeStores, keyOf, storeOf } from '../support/store-under-test.ts';
import { freePort, makeCertificates, ValkeyServer, type Certificates } from '../support/valkey-server.ts';
import { freshSession, labelStoreContract } from '../session/contract.ts';

afterEach(closeStores);

const unavailable =
  (text: RegExp) =>
  (error: unknown): boolean =>
    error instanceof SessionStoreError && error.failure === 'unavailable' && text.test(error.message);

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
        'tls-auth-clients yes',
      ],
    });
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  const mutual = (): Record<string, string> => ({
    ca_file: files.caFile,
    cert_file: files.certFile,
    key_file: files.keyFile,
  });

  labelStoreContract('valkey over mutual TLS', () => storeOf({ endpoint: server.endpoint, tls: mutual() }).store);

  test('a name that the certificate carries can stand for the address', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, tls: { ...mutual(), server_name: 'valkey.test' } });
    assert.equal((await store.loadLabels(freshSession())).size, 0);
  });

  test('another name, another authority and a missing certificate are refused', async () => {
    const refusals = [
      { tls: { ...mutual(), server_name: 'another.test' }, why: /ALTNAME/ },
      { tls: { cert_file: files.certFile, key_file: files.keyFile }, why: /TLS fails/ },
      { tls: { ca_file: files.caFile }, why: /./ },
    ];
    for (const { tls, why } of refusals) {
      const { store } = storeOf({ endpoint: server.endpoint, tls });
      await assert.rejects(async () => store.loadLabels(freshSession()), unavailable(why), JSON.stringify(tls));
    }
  });

  test('a renewed certificate is used at the next connection', async () => {
    const { store } = storeOf({ endpoint: server.endpoint, tls: mutual() });
    await store.loadLabels(freshSession());
    await makeCertificates(folder);
    await server.restart();
    await until('the store answers', async () => (await store.loadLabels(freshSession())).size === 0);
  });

  test('plaintext to a TLS port, and TLS to a plaintext port, fail', async () => {
    const plain = await ValkeyServer.start();
    const limits = { connect_timeout_ms: 500, command_timeout_ms: 500 };
    for (const block of [{ endpoint: server.endpoint }, { endpoint: plain.endpoint, tls: mutual() }]) {
      const { store } = storeOf({ ...block, ...limits });
      await assert.rejects(async () => store.loadLabels(freshSession()), SessionStoreError);
    }
    await closeStores();
    await plain.stop();
  });
});

describe('passwords', () => {
  test('a file is read again at each connection, so that a password can rotate', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'password-'));
    const path = join(folder, 'password');
    await writeFile(path, 'first-s3cret\n');
    const server = await ValkeyServer.start();
    const setPassword = (password: string): Promise<unknown> =>
      server.admin((client) => client.call('ACL', 'SETUSER', 'gw', 'on', 'resetpass', `>${password}`, '~*', '+@all'));
    await setPassword('first-s3cret');
    const { store } = storeOf({
      endpoint: server.endpoint,
      username: 'gw',
      password_source: { kind: 'file', path },
    });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    await setPassword('second-s3cret');
    await server.admin((client) => client.call('CLIENT', 'KILL', 'USER', 'gw'));
    await until('the old password is refused', async () => {
      const failed: unknown = await Promise.resolve(store.loadLabels(session)).catch((error: unknown) => error);
      return failed instanceof SessionStoreError && /refuses the user name or password/.test(failed.message);
    });
    await writeFile(path, 'second-s3cret\n');
    await until('the new password is used', async () => (await store.loadLabels(session)).has('a'));
    await closeStores();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  test('no password shows in an error, whatever failed, however it is printed', async () => {
    const secret = 'Pa55-w0rd-s3cret';
    const server = await ValkeyServer.start({ config: ['requirepass other'], client: { password: 'other' } });
    const nobody = await freePort();
    const limits = { connect_timeout_ms: 300, command_timeout_ms: 300 };
    const blocks: Record<string, unknown>[] = [
      { endpoint: server.endpoint, password: secret },
      { endpoint: server.endpoint, username: 'gw', password: secret },
      { endpoint: `redis://gw:${secret}@${server.endpoint}` },
      { endpoint: `redis://gw:${secret}@127.0.0.1:${nobody}` },
      { endpoint: `rediss://gw:${secret}@${server.endpoint}` },
      {
        sentinel: { master_name: 'm', addresses: [server.endpoint], username: 'gw', password: secret },
        password: secret,
      },
      { sentinel: { master_name: 'm', addresses: [`127.0.0.1:${nobody}`], password: secret } },
      { cluster: { nodes: [server.endpoint] }, username: 'gw', password: secret },
      { cluster: { nodes: [`127.0.0.1:${nobody}`] }, password: secret },
    ];
    const printed: string[] = [];
    const collect = (chunk: unknown): boolean => printed.push(String(chunk)) > 0;
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = collect;
    try {
      for (const block of blocks) {
        const { store, alarms } = storeOf({ ...block, ...limits });
        for (const call of [store.loadLabels('s'), store.appendLabels('s', ['label-in-the-way'])]) {
          const error: unknown = await Promise.resolve(call).catch((thrown: unknown) => thrown);
          assert.ok(error instanceof SessionStoreError, inspect(block));
          printed.push(inspect(error, { depth: Infinity, showHidden: true, getters: true }), JSON.stringify(error));
          printed.push(error.stack ?? '', String(error.cause));
        }
        printed.push(inspect(await store.health()), inspect(await store.selfCheck?.()), inspect(alarms));
        printed.push(inspect(store, { depth: Infinity, showHidden: true }));
        await closeStores();
      }
    } finally {
      process.stderr.write = write;
    }
    const text = printed.join('\n');
    assert.ok(!text.includes(secret), text.slice(Math.max(0, text.indexOf(secret) - 300), text.indexOf(secret) + 40));
    assert.ok(!text.includes('label-in-the-way'));
    await server.stop();
  });
});

describe('a server that goes and comes', () => {
  test('requests are failed at once while it is away, and served soon after it is back', async () => {
    const server = await ValkeyServer.start({ config: ['appendonly yes', 'appendfsync always'] });
    const states: string[] = [];
    const ignore = (): void => undefined;
    const observer = {
      operation: ignore,
      breaker: (state: string) => void states.push(state),
      regression: ignore,
      refreshFailure: ignore,
      floorSize: ignore,
    };
    const { store, alarms } = storeOf({ endpoint: server.endpoint, command_timeout_ms: 300 }, observer);
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    await server.kill();
    const failures: string[] = [];
    await until('the breaker opens', async () => {
      const failed: unknown = await Promise.resolve(store.loadLabels(session)).catch((error: unknown) => error);
      if (failed instanceof SessionStoreError) failures.push(failed.message);
      return /not tried/.test(failures.at(-1) ?? '');
    });
    assert.ok(failures.length > 3);
    assert.ok(states.includes('open'));
    await server.run();
    await until('the store serves again', async () => (await store.loadLabels(session)).has('a'));
    assert.equal(states.at(-1), 'closed');
    const said = alarms.filter(({ alarm }) => alarm === 'session_store_breaker').map(({ state }) => state);
    assert.ok(said.includes('open') && said.at(-1) === 'closed');
    await closeStores();
    await server.stop();
  });

  test('a short loss of the connection is not noticed', async () => {
    const server = await ValkeyServer.start();
    const { store } = storeOf({ endpoint: server.endpoint });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    for (let i = 0; i < 5; i++) {
      await server.admin((client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
      assert.ok((await store.loadLabels(session)).has('a'));
    }
    await closeStores();
    await server.stop();
  });

  test('a server that accepts and keeps silent does not hold an operation or the close', async () => {
    const sockets = new Set<Socket>();
    const silent: Server = createServer((socket) => void sockets.add(socket));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => {
        const address = silent.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const limits = { connect_timeout_ms: 100, command_timeout_ms: 200 };
    const { store } = storeOf({ endpoint: `127.0.0.1:${port}`, password: 'silent-s3cret', ...limits });
    await assert.rejects(async () => store.loadLabels(freshSession()), SessionStoreError);
    await assert.rejects(async () => store.appendLabels(freshSession(), ['a']), SessionStoreError);
    await store.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('nothing is decided on while the server still loads its data', async () => {
    const server = await ValkeyServer.start({ config: ['appendonly yes'] });
    const { store } = storeOf({ endpoint: server.endpoint, command_timeout_ms: 300 });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    await server.admin(async (client) => {
      await client.call('DEBUG', 'POPULATE', 20_000, 'filler', 10);
      await client.call('BGREWRITEAOF');
      await until('the file is written', async () =>
        (await client.info('persistence')).includes('aof_rewrite_in_progress:0'),
      );
      await client.config('SET', 'key-load-delay', '50');
      await client.call('CONFIG', 'REWRITE');
    });
    await server.restart();
    let refused = 0;
    await until('the data is loaded', async () => {
      try {
        assert.ok((await store.loadLabels(session)).has('a'), 'an empty answer while loading');
        return true;
      } catch (error) {
        assert.ok(error instanceof SessionStoreError);
        refused += 1;
        return false;
      }
    });
    assert.ok(refused > 0, 'the server loaded too fast for this test');
    await closeStores();
    await server.stop();
  });
});

describe('Sentinel', () => {
  let deployment: SentinelDeployment;
  before(async () => {
    deployment = await startSentinel(['appendonly yes']);
  });
  after(() => deployment.stop());
  const block = (): Record<string, unknown> => ({
    sentinel: { master_name: MASTER_NAME, addresses: deployment.addresses },
  });

  labelStoreContract('valkey found by Sentinel', () => storeOf(block()).store);

  test('another name of the primary is an error', async () => {
    const { store } = storeOf({ sentinel: { master_name: 'nobody', addresses: deployment.addresses } });
    await assert.rejects(async () => store.loadLabels(freshSession()), unavailable(/Sentinel/));
  });

  test('labels confirmed by a replica survive a fail-over', async () => {
    const { store } = storeOf({ ...block(), durability: { ack: 'replicas', timeout_ms: 2000 } });
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    const lost = await deployment.primary();
    await lost.kill();
    await until('the new primary serves', async () => (await store.loadLabels(session)).has('a'));
    assert.notEqual(await deployment.primary(), lost);
  });
});

describe('a cluster', () => {
  let nodes: readonly ValkeyServer[];
  before(async () => {
    nodes = await startCluster();
  });
  after(async () => {
    for (const node of nodes) await node.stop();
  });
  const block = (): Record<string, unknown> => ({ cluster: { nodes: nodes.map(({ endpoint }) => endpoint) } });

  labelStoreContract('valkey as a cluster', () => storeOf(block()).store);

  test('sessions are spread over the nodes', async () => {
    const { store } = storeOf(block());
    const sessions = Array.from({ length: 60 }, freshSession);
    await Promise.all(sessions.map(async (session) => store.appendLabels(session, ['a'])));
    for (const session of sessions) assert.ok((await store.loadLabels(session)).has('a'));
    for (const node of nodes) assert.ok((await node.admin((client) => client.dbsize())) > 0);
  });

  test('a slot that moved is found', async () => {
    const { store } = storeOf(block());
    const session = freshSession();
    await store.appendLabels(session, ['a']);
    const [first, second] = nodes;
    assert.ok(first && second);
    const ask = (node: ValkeyServer, ...args: (string | number)[]): Promise<unknown> =>
      node.admin((client) => client.call('CLUSTER', ...args));
    const slot = Number(await ask(first, 'KEYSLOT', keyOf(session)));
    const idOf = async (node: ValkeyServer): Promise<string> => String(await ask(node, 'MYID'));
    let owner: ValkeyServer | undefined;
    for (const node of nodes) if (Number(await ask(node, 'COUNTKEYSINSLOT', slot)) > 0) owner = node;
    assert.ok(owner);
    const target = owner === first ? second : first;
    await ask(target, 'SETSLOT', slot, 'IMPORTING', await idOf(owner));
    await ask(owner, 'SETSLOT', slot, 'MIGRATING', await idOf(target));
    await owner.admin((client) => client.call('MIGRATE', '127.0.0.1', target.port, keyOf(session), 0, 5000));
    assert.ok((await store.loadLabels(session)).has('a'), 'not found half way');
    for (const node of [target, owner]) await ask(node, 'SETSLOT', slot, 'NODE', await idOf(target));
    await store.appendLabels(session, ['b']);
    assert.deepEqual([...(await store.loadLabels(session))].toSorted(), ['a', 'b']);
  });

  test('a node that is down denies its sessions and no others', async () => {
    const { store } = storeOf({ ...block(), connect_timeout_ms: 500, command_timeout_ms: 500 });
    const sessions = Array.from({ length: 30 }, freshSession);
    await until('all nodes are reached', async () => {
      await Promise.all(sessions.map(async (session) => store.appendLabels(session, ['a'])));
      return true;
    });
    const [node] = nodes;
    assert.ok(node);
    await node.kill();
    const outcomes = await Promise.all(
      sessions.map(async (session) => {
        try {
          return (await store.loadLabels(session)).has('a') ? 'right' : 'under-labelled';
        } catch (error) {
          assert.ok(error instanceof SessionStoreError);
          return 'failed';
        }
      }),
    );
    assert.ok(!outcomes.includes('under-labelled'));
    assert.ok(outcomes.includes('failed'));
  });

  test('a node of it, taken for a single server, is an error that says so', async () => {
    const node = nodes[1];
    assert.ok(node);
    const { store } = storeOf({ endpoint: node.endpoint });
    const results = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const result: unknown = await Promise.resolve(store.loadLabels(freshSession())).catch((e: unknown) => e);
        return result instanceof SessionStoreError ? result.message : 'answered';
      }),
    );
    assert.ok(
      results.some((message) => /cluster/.test(message)),
      results.join('\n'),
    );
  });
});

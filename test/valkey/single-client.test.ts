import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { SingleClient } from '../../src/valkey/single-client.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

describe('client of one server', () => {
  let server: ValkeyServer;
  const clients: SingleClient[] = [];

  before(async () => {
    server = await ValkeyServer.start();
  });
  afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));
  after(() => server.stop());

  async function connected(commandTimeout: number): Promise<SingleClient> {
    const client = new SingleClient({
      port: server.port,
      commandTimeout,
      lazyConnect: true,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      retryStrategy: () => null,
    });
    clients.push(client);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  test('commands of one turn are written in few goes, and none waits for the next turn', async () => {
    const client = await connected(5000);
    const answers: Promise<string>[] = [];
    const held: boolean[] = [];
    for (let i = 0; i < 9; i++) {
      answers.push(client.echo(`${i}`));
      held.push(client.stream.writableLength > 0);
    }
    assert.deepEqual(held, [false, false, true, false, true, true, true, false, true]);
    process.nextTick(() => held.push(client.stream.writableLength > 0));
    assert.deepEqual(
      await Promise.all(answers),
      answers.map((_, i) => `${i}`),
    );
    assert.equal(held.at(-1), false);
  });

  test('each answer reaches its command, however many there are', async () => {
    const client = await connected(5000);
    for (const count of [1, 2, 100, 5000]) {
      const sent = Array.from({ length: count }, (_, i) => `${count}-${i}`);
      assert.deepEqual(await Promise.all(sent.map((text) => client.echo(text))), sent);
    }
  });

  test('a command without an answer is ended, and its late answer is no one else’s', async () => {
    const client = await connected(1000);
    const other = await connected(5000);
    const blocked = assert.rejects(client.blpop('late', 0), /timed out/);
    const behind = assert.rejects(client.echo('behind'), /timed out/);
    await Promise.all([blocked, behind]);
    const inTime = client.echo('in time');
    await other.rpush('late', 'an answer');
    assert.equal(await inTime, 'in time');
  });

  test('a command behind one that was late has its own limit and no more', async () => {
    const client = await connected(400);
    const slower = await connected(700);
    await client.echo('the server is heard');
    await assert.rejects(client.blpop('behind', 0), /timed out/);
    const ended: string[] = [];
    const note = (name: string) => (): void => void ended.push(name);
    await Promise.all([
      client.echo('behind').then(note('answered'), note('400 ms')),
      slower.blpop('slower', 0).then(note('answered'), note('700 ms')),
    ]);
    assert.deepEqual(ended, ['400 ms', '700 ms']);
  });

  test('a connection without a byte from the server for long enough is given up', async () => {
    const client = await connected(100);
    const failure = once(client, 'error');
    await assert.rejects(client.blpop('silent', 0), /timed out/);
    assert.match(String(await failure), /Socket timeout/);
    await assert.rejects(client.echo('nobody'), /closed|writeable/);
  });
});

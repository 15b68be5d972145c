import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PluginEntryContext } from '../../src/engine/plugin.ts';
import { endBundle } from '../../src/engine/end-bundle.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { alarms, bundleOf, engineOf } from '../support/engine.ts';
import { freePort } from '../support/valkey-server.ts';
import { freshSession } from '../transport/contract.ts';

const withBlock = (block: string, rest = ''): string =>
  `global: {transport_sessions: ${block}}\nroutes: [{tool: t}${rest}]\n`;
const closed = (error: unknown): boolean => error instanceof TransportStorageError && error.failure === 'closed';

describe('the storage of transport sessions of a bundle', () => {
  test('is in process unless the bundle says otherwise, and the host is told which', async () => {
    const plain = await engineOf('routes: [{tool: t}]');
    assert.equal(plain.transportSessions(), undefined);
    const memory = await engineOf(withBlock('{kind: memory, max_sessions: 1}'));
    assert.equal(memory.transportSessions()?.kind, 'memory');
    const redis = await engineOf(withBlock('{kind: redis, addr: "127.0.0.1:1"}'));
    assert.equal(redis.transportSessions()?.kind, 'redis');
    await Promise.all([plain.close(), memory.close(), redis.close()]);
  });

  test('a reload keeps it, with its sessions, when its block did not change', async () => {
    const engine = await engineOf(withBlock('{kind: memory, max_sessions: 10}'));
    const session = freshSession();
    const storage = engine.transportSessions();
    await storage?.store(session);
    const next = await bundleOf(withBlock('{max_sessions: 10, kind: memory}', ', {tool: u}'));
    const unused = next.transport.storage;
    await engine.reload(next);
    assert.equal(engine.transportSessions(), storage);
    assert.deepEqual(await engine.transportSessions()?.load(session.id), session);
    await assert.rejects(async () => unused.load(session.id), closed);
    await engine.close();
    await assert.rejects(async () => storage?.load(session.id), closed);
  });

  test('a reload with another block replaces it, with an alarm, and closes the old one', async () => {
    const { raised, alarm } = alarms();
    const engine = await engineOf(withBlock('{kind: memory}'), {}, { alarm });
    const old = engine.transportSessions();
    await engine.reload(await bundleOf(withBlock('{kind: memory, ttl_seconds: 5}')));
    assert.notEqual(engine.transportSessions(), old);
    assert.deepEqual(raised, [{ alarm: 'transport_storage_replaced', from: 'memory', to: 'memory' }]);
    await new Promise(setImmediate);
    await assert.rejects(async () => old?.load('s'), closed);
    await engine.close();
  });

  test('plugins use the storage of the bundle in force, also after a reload that kept it', async () => {
    const contexts: PluginEntryContext[] = [];
    const kind = {
      kind: 'test',
      configSchema: { type: 'object' },
      hooks: ['elicit'] as const,
      create: (_config: unknown, context: PluginEntryContext) => {
        contexts.push(context);
        return {};
      },
    };
    const text = `plugins: [{name: p, kind: test}]\n${withBlock('{kind: memory}')}`;
    const engine = await engineOf(text, { plugins: [kind] });
    const [first] = contexts;
    const marker = freshSession({ id: 'elicitation:1' });
    assert.equal(await first?.transportSessions().create(marker), true);
    await engine.reload(await bundleOf(text, { plugins: [kind] }));
    assert.equal(await contexts[1]?.transportSessions().create(marker), false);
    await engine.close();
  });

  test('health is that of both stores', async () => {
    const engine = await engineOf(
      withBlock(`{kind: redis, addr: "127.0.0.1:${await freePort()}", read_timeout_ms: 300}`),
    );
    const { healthy, detail } = await engine.health();
    assert.equal(healthy, false);
    assert.match(detail, /^transport sessions: /);
    await engine.close();
  });

  test('a bundle that no engine uses is ended with its storage', async () => {
    const bundle = await bundleOf(withBlock('{kind: memory}'));
    await endBundle(bundle);
    await assert.rejects(async () => bundle.transport.storage.load('s'), closed);
  });
});

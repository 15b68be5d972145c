import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { NodeProcess } from '../support/node-process.ts';
import { closeStores, storeOf } from '../support/store-under-test.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

afterEach(closeStores);

describe('nodes on one store', () => {
  let server: ValkeyServer;
  const nodes: NodeProcess[] = [];
  before(async () => {
    server = await ValkeyServer.start({ config: ['appendonly yes'] });
  });
  after(async () => {
    for (const node of nodes) await node.kill();
    await server.stop();
  });

  const startNode = (): NodeProcess => {
    const limits = { connect_timeout_ms: 5000, command_timeout_ms: 30_000 };
    const node = new NodeProcess({ kind: 'valkey', endpoint: server.endpoint, ...limits });
    nodes.push(node);
    return node;
  };

  test('a label set through one denies through the other, also after both were killed', async () => {
    const [one, other] = [startNode(), startNode()];
    const session = 'shared';
    assert.equal(await other.ask({ decide: 'look', session }), 'allow');
    assert.equal(await one.ask({ decide: 'taint', session }), 'allow');
    assert.equal(await other.ask({ decide: 'look', session }), 'test.tainted');
    await Promise.all([one.kill(), other.kill()]);
    await server.restart();
    const [again, anew] = [startNode(), startNode()];
    assert.equal(await again.ask({ decide: 'look', session }), 'test.tainted');
    assert.equal(await anew.ask({ decide: 'look', session }), 'test.tainted');
  });

  test('10,000 concurrent appends to 100 sessions from 4 processes are all there', async () => {
    const processes = [startNode(), startNode(), startNode(), startNode()];
    const acknowledged = await Promise.all(
      processes.map((node, index) =>
        node.ask({
          append: Array.from({ length: 2500 }, (_, count) => [`crowded-${count % 100}`, `p${index}-${count}`]),
        }),
      ),
    );
    assert.deepEqual(acknowledged, [2500, 2500, 2500, 2500]);
    const { store } = storeOf({ endpoint: server.endpoint });
    const all = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const labels = await store.loadLabels(`crowded-${i}`);
      assert.equal(labels.size, 100);
      for (const label of labels) all.add(label);
    }
    assert.equal(all.size, 10_000);
  });
});

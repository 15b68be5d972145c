import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { array, assert as holds, asyncProperty, constantFrom, integer, oneof, record } from 'fast-check';
import type { LabelStore } from '../../src/session/label-store.ts';
import { closeStores, storeOf } from '../support/store-under-test.ts';
import { ValkeyServer } from '../support/valkey-server.ts';
import { freshSession } from './contract.ts';

const node = integer({ min: 0, max: 2 });
const session = integer({ min: 0, max: 1 });
const append = record({
  kind: constantFrom('append' as const),
  node,
  session,
  label: constantFrom('a', 'b', 'c', 'd'),
});
const load = record({ kind: constantFrom('load' as const), node, session });
/** Waits for everything that was begun before it. */
const settle = record({ kind: constantFrom('settle' as const), node, session });

describe('any interleaving of loads and appends on several nodes', () => {
  let server: ValkeyServer;
  let nodes: readonly LabelStore[];
  before(async () => {
    server = await ValkeyServer.start({ config: ['appendonly yes', 'appendfsync everysec'] });
    nodes = [
      storeOf({ endpoint: server.endpoint }).store,
      storeOf({ endpoint: server.endpoint, ttl_seconds: 600 }).store,
      storeOf({ endpoint: server.endpoint, durability: { ack: 'memory' } }).store,
    ];
  });
  after(async () => {
    await closeStores();
    await server.stop();
  });

  test('never shows fewer labels than were acknowledged before the load began', async () => {
    await holds(
      asyncProperty(array(oneof(append, load, settle), { maxLength: 40 }), async (steps) => {
        const sessions = [freshSession(), freshSession()];
        const acknowledged = sessions.map(() => new Set<string>());
        const attempted = sessions.map(() => new Set<string>());
        let begun: Promise<void>[] = [];
        for (const step of steps) {
          const store = nodes[step.node];
          const id = sessions[step.session] ?? '';
          assert.ok(store);
          if (step.kind === 'settle') {
            await Promise.all(begun);
            begun = [];
          } else if (step.kind === 'append') {
            attempted[step.session]?.add(step.label);
            const appended = async (): Promise<void> => {
              await store.appendLabels(id, [step.label]);
              acknowledged[step.session]?.add(step.label);
            };
            begun.push(appended());
          } else {
            const least = new Set(acknowledged[step.session]);
            const loaded = async (): Promise<void> => {
              const labels = await store.loadLabels(id);
              for (const label of least) assert.ok(labels.has(label), `${label} is missing`);
              for (const label of labels) assert.ok(attempted[step.session]?.has(label), `${label} was never appended`);
            };
            begun.push(loaded());
          }
        }
        await Promise.all(begun);
        for (const [index, id] of sessions.entries()) {
          for (const store of nodes) assert.deepEqual(await store.loadLabels(id), acknowledged[index]);
        }
      }),
      { numRuns: 60 },
    );
  });
});

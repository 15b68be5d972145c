import { test } from 'node:test';
import assert from 'node:assert/strict';
import { SessionStoreError, type LabelStore } from '../../src/session/label-store.ts';

let sessions = 0;

/** A session that no other test uses. */
export function freshSession(): string {
  sessions += 1;
  return `${process.pid}-${sessions}-`.padEnd(64, '0');
}

const closed = (error: unknown): boolean => error instanceof SessionStoreError && error.failure === 'closed';

/** What every label store promises. `make` gives a store on the same data each time it is called. */
export function labelStoreContract(name: string, make: () => LabelStore | Promise<LabelStore>): void {
  test(`${name}: an unknown session has the empty set`, async () => {
    const store = await make();
    assert.deepEqual([...(await store.loadLabels(freshSession()))], []);
    await store.close();
  });

  test(`${name}: appends are a union, in whatever order`, async () => {
    const store = await make();
    const session = freshSession();
    await store.appendLabels(session, ['b', 'a']);
    await store.appendLabels(session, ['c', 'a']);
    assert.deepEqual([...(await store.loadLabels(session))].toSorted(), ['a', 'b', 'c']);
    await store.close();
  });

  test(`${name}: sessions are apart`, async () => {
    const store = await make();
    const [one, other] = [freshSession(), freshSession()];
    await store.appendLabels(one, ['a']);
    assert.deepEqual([...(await store.loadLabels(other))], []);
    await store.close();
  });

  test(`${name}: appending nothing touches nothing`, async () => {
    const store = await make();
    const session = freshSession();
    await store.appendLabels(session, []);
    assert.deepEqual([...(await store.loadLabels(session))], []);
    await store.close();
  });

  test(`${name}: concurrent appends all count`, async () => {
    const store = await make();
    const session = freshSession();
    const labels = Array.from({ length: 200 }, (_, index) => `label-${index}`);
    await Promise.all(labels.map(async (label) => store.appendLabels(session, [label])));
    assert.deepEqual([...(await store.loadLabels(session))].toSorted(), labels.toSorted());
    await store.close();
  });

  test(`${name}: labels are any text`, async () => {
    const store = await make();
    const session = freshSession();
    const labels = ['ü€😀', 'a b', 'line\nbreak', '__proto__', '0', '\u0000', 'x'.repeat(5000)];
    await store.appendLabels(session, labels);
    assert.deepEqual([...(await store.loadLabels(session))].toSorted(), labels.toSorted());
    await store.close();
  });

  test(`${name}: an append of very many labels is one union`, async () => {
    const store = await make();
    const session = freshSession();
    const labels = Array.from({ length: 9001 }, (_, index) => `many-${index}`);
    await store.appendLabels(session, labels);
    assert.equal((await store.loadLabels(session)).size, labels.length);
    await store.close();
  });

  test(`${name}: a closed store fails`, async () => {
    const store = await make();
    await store.close();
    await assert.rejects(async () => store.loadLabels(freshSession()), closed);
    await assert.rejects(async () => store.appendLabels(freshSession(), ['a']), closed);
    assert.equal((await store.health()).healthy, false);
    await store.close();
  });

  test(`${name}: a store that answers is healthy, and says its kind`, async () => {
    const store = await make();
    assert.equal((await store.health()).healthy, true);
    assert.match(store.kind, /^[a-z]+$/);
    await store.close();
  });
}

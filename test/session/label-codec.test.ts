import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { assert as holds, pre, property, string } from 'fast-check';
import { plainLabels, signedLabels } from '../../src/session/label-codec.ts';
import { SessionStoreError } from '../../src/session/label-store.ts';
import { valkeyStoreFactory } from '../../src/session/valkey-store-factory.ts';
import { closeStores, keyOf, storeContext, storeOf } from '../support/store-under-test.ts';
import { ValkeyServer } from '../support/valkey-server.ts';
import { freshSession } from './contract.ts';

afterEach(closeStores);

const [FIRST, SECOND] = ['first-key-'.repeat(4), 'second-key-'.repeat(4)];
const SESSION = 'a'.repeat(64);
const corrupt = (error: unknown): boolean => error instanceof SessionStoreError && error.failure === 'corrupt';

describe('label codecs', () => {
  for (const [name, codec] of [
    ['plain', plainLabels],
    ['signed', signedLabels([FIRST])],
  ] as const) {
    test(`${name}: what is encoded is decoded`, () => {
      holds(
        property(string({ unit: 'grapheme' }), (label) => {
          pre(!/[\uFFFD\p{Surrogate}]/u.test(label));
          assert.equal(codec.decode(codec.encode(label, SESSION), SESSION), label);
        }),
      );
    });

    test(`${name}: what is not an encoded label is never a label of a signed set, nor a broken one`, () => {
      holds(
        property(string({ unit: 'binary' }), (member) => {
          try {
            const label = codec.decode(member, SESSION);
            assert.equal(name, 'plain');
            assert.equal(label, member);
          } catch (error) {
            assert.ok(corrupt(error));
          }
        }),
      );
    });
  }

  test('one key cannot be taken for another, and a list accepts each', () => {
    const [old, renewed, other] = [signedLabels([FIRST]), signedLabels([SECOND, FIRST]), signedLabels([SECOND])];
    const member = old.encode('x', SESSION);
    assert.equal(renewed.decode(member, SESSION), 'x');
    assert.equal(other.decode(renewed.encode('x', SESSION), SESSION), 'x');
    assert.throws(() => other.decode(member, SESSION), corrupt);
  });

  test('a label of one session is none of another', () => {
    const codec = signedLabels([FIRST]);
    assert.throws(() => codec.decode(codec.encode('x', SESSION), 'b'.repeat(64)), corrupt);
  });
});

describe('signed labels on a server', () => {
  let server: ValkeyServer;
  before(async () => {
    server = await ValkeyServer.start();
  });
  after(() => server.stop());

  const signed = (key: string, ...accepted: string[]): ReturnType<typeof storeOf>['store'] =>
    valkeyStoreFactory.build(
      {
        kind: 'valkey',
        endpoint: server.endpoint,
        command_timeout_ms: 4000,
        integrity: {
          key_source: { kind: 'env_var', name: 'KEY' },
          accepted_key_sources: accepted.map((_, index) => ({ kind: 'env_var', name: `OLD_${index}` })),
        },
      },
      {
        ...storeContext([]),
        environment: { KEY: key, ...Object.fromEntries(accepted.map((old, index) => [`OLD_${index}`, old])) },
      },
    );

  test('forged, transplanted, tampered and unsigned members are errors', async () => {
    const store = signed(FIRST);
    const [mine, theirs] = [freshSession(), freshSession()];
    await store.appendLabels(mine, ['x']);
    assert.deepEqual([...(await store.loadLabels(mine))], ['x']);
    const [member = ''] = await server.admin((client) => client.smembers(keyOf(mine)));
    assert.match(member, /^hmac-sha256:v1:[\w-]{43}:x$/);
    for (const bad of [member, 'x', member.replace(/:x$/, ':y'), signedLabels([SECOND]).encode('x', SESSION)]) {
      await server.admin((client) => client.multi().del(keyOf(theirs)).sadd(keyOf(theirs), bad).exec());
      await assert.rejects(async () => store.loadLabels(theirs), corrupt, bad);
    }
    await store.close();
  });

  test('keys rotate: an earlier key counts while it is accepted', async () => {
    const session = freshSession();
    const [old, renewed, strict] = [signed(FIRST), signed(SECOND, FIRST), signed(SECOND)];
    await old.appendLabels(session, ['x']);
    await renewed.appendLabels(session, ['x', 'y']);
    assert.deepEqual([...(await renewed.loadLabels(session))].toSorted(), ['x', 'y']);
    await assert.rejects(async () => strict.loadLabels(session), corrupt);
    for (const store of [old, renewed, strict]) await store.close();
  });

  test('a store without the key refuses signed labels instead of missing them', async () => {
    const session = freshSession();
    const store = signed(FIRST);
    await store.appendLabels(session, ['x']);
    await assert.rejects(async () => storeOf({ endpoint: server.endpoint }).store.loadLabels(session), corrupt);
    await store.close();
  });
});

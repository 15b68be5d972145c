import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../../../src/engine/operation.ts';
import {
  readListing,
  readOperation,
  writeListing,
  writeOperation,
} from '../../../src/gateway/sessions/operation-record.ts';
import type { MediatedRequest } from '../../../src/gateway/sessions/pending-requests.ts';
import { scriptedEngine, withArgs } from '../../support/scripted-engine.ts';

const operation: Operation = {
  id: 'r1',
  entity: { type: 'tool', name: 'pay' },
  args: { amount: 1 },
  extensions: { subject: { id: 'ann' }, agent: { session_id: 's' }, labels: ['given'] },
  sessionHints: { traceparent: 't', handle: 'h' },
  credentials: [{ role: 'user', token: 'SECRET', header: 'Authorization' }],
};

async function decided(): Promise<MediatedRequest> {
  const engine = scriptedEngine({
    pre: () => ({
      ...withArgs({ amount: 12345678901234567890n }),
      taints: [{ label: 'secret', scopes: ['message'] }],
      constraint: { allow_regions: ['eu'], on_empty: 'deny' },
    }),
  });
  const decision = await engine.pre(operation);
  return { method: 'tools/call', operation, decision, scope: 'here', nested: false, upstream: 'u' };
}

test('an operation comes back as `pre` left it, with its session and without its credentials', async () => {
  const text = writeOperation(await decided());
  assert.ok(!text.includes('SECRET'));
  const { credentials: _credentials, ...rest } = operation;
  assert.deepEqual(readOperation(text), {
    method: 'tools/call',
    scope: 'here',
    upstream: 'u',
    nested: false,
    operation: {
      ...rest,
      args: { amount: 12345678901234567890n },
      extensions: { ...operation.extensions, labels: ['given', 'secret'] },
      constraint: { allow_regions: ['eu'], on_empty: 'deny' },
    },
  });
});

test('what was read can be written again', async () => {
  const read = readOperation(writeOperation(await decided()));
  assert.ok(read !== undefined);
  assert.deepEqual(readOperation(writeOperation(read)), read);
});

test('anything else is no operation', () => {
  const good = { method: 'tools/call', scope: '', operation: { entity: { type: 'tool', name: 'a' }, extensions: {} } };
  assert.ok(readOperation(JSON.stringify(good)) !== undefined);
  const wrong = [
    '',
    'null',
    '[]',
    JSON.stringify({ ...good, method: 'ping' }),
    JSON.stringify({ ...good, scope: 1 }),
    JSON.stringify({ ...good, operation: { entity: { type: 'door', name: 'a' }, extensions: {} } }),
    JSON.stringify({ ...good, operation: { entity: { type: 'tool' }, extensions: {} } }),
    JSON.stringify({ ...good, operation: { entity: { type: 'tool', name: 'a' } } }),
  ];
  for (const text of wrong) assert.equal(readOperation(text), undefined, text);
});

test('a list comes back with who asked for it, and nothing else does', () => {
  const listing = { method: 'tools/list', extensions: { subject: { id: 'ann' } } } as const;
  assert.deepEqual(readListing(writeListing(listing)), listing);
  for (const text of ['', '{}', '{"method":"tools/list"}', '{"method":"ping","extensions":{}}']) {
    assert.equal(readListing(text), undefined, text);
  }
});

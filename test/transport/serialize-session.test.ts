import { test } from 'node:test';
import assert from 'node:assert/strict';
import { deserializeSession, serializeSession } from '../../src/transport/serialize-session.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { freshSession } from './contract.ts';

const corrupt = (error: unknown): boolean => error instanceof TransportStorageError && error.failure === 'corrupt';

test('what was written is read back', () => {
  const session = freshSession({ data: { a: [1, 2, { b: null }] } });
  assert.deepEqual(deserializeSession(serializeSession(session), session.id), session);
});

test('anything but a session of that id is an error, and never a session or none', () => {
  const session = freshSession();
  const { type: _type, ...untyped } = session;
  const texts = [
    '',
    'null',
    '[]',
    '{}',
    '"session"',
    serializeSession(session).slice(0, -1),
    JSON.stringify(untyped),
    JSON.stringify({ ...session, id: 'another' }),
    JSON.stringify({ ...session, type: 'websocket' }),
    JSON.stringify({ ...session, createdAt: null }),
    JSON.stringify({ ...session, updatedAt: 'now' }),
    JSON.stringify({ ...session, metadata: { count: 1 } }),
    JSON.stringify({ ...session, metadata: ['a'] }),
  ];
  for (const text of texts) assert.throws(() => deserializeSession(text, session.id), corrupt, text);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClientBody } from '../../../src/gateway/protocol/client-message.ts';
import type { ClientBody, RefusedBody } from '../../../src/gateway/protocol/client-message.ts';

const read = (text: string): ClientBody | RefusedBody => readClientBody(Buffer.from(text));
const codeOf = (body: ClientBody | RefusedBody): unknown =>
  'refused' in body ? body.refused.data?.['code'] : 'accepted';

const refused: Readonly<Record<string, readonly string[]>> = {
  'gateway.malformed_json': ['', '{', 'nope', '{"a":1}x', '\uFEFF{"jsonrpc":"2.0","method":"ping"}', "{'a':1}"],
  'gateway.duplicate_key': [
    '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1,"\\u0078":2}}}',
  ],
  'gateway.ambiguous_key': [
    '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","PARAMS":{}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}',
  ],
  'gateway.invalid_request': [
    '1',
    '"tools/call"',
    'null',
    '{"id":1,"method":"ping"}',
    '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
    '[1]',
  ],
  'gateway.empty_batch': ['[]'],
  'gateway.too_deep': ['['.repeat(1000) + ']'.repeat(1000)],
  'gateway.initialize_in_batch': ['[{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}]'],
  'gateway.duplicate_id': ['[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":1,"method":"b"}]'],
  'gateway.batch_too_large': [
    JSON.stringify(Array.from({ length: 65 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'a' }))),
  ],
};

for (const [code, bodies] of Object.entries(refused)) {
  void test(`refused: ${code}`, () => {
    for (const body of bodies) assert.equal(codeOf(read(body)), code, body);
  });
}

test('bytes that are not UTF-8 are refused', () => {
  const bytes = Buffer.concat([
    Buffer.from('{"jsonrpc":"2.0","method":"'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"}'),
  ]);
  assert.equal(codeOf(readClientBody(bytes)), 'gateway.malformed_json');
});

test('requests, notifications and responses are told apart', () => {
  const body = read(
    '[{"jsonrpc":"2.0","id":"a","method":"x","params":{}},{"jsonrpc":"2.0","method":"y"},{"jsonrpc":"2.0","id":3,"result":{}}]',
  );
  assert.ok('messages' in body);
  assert.deepEqual(
    body.messages.map((message) => [message.kind, 'method' in message ? message.method : undefined]),
    [
      ['request', 'x'],
      ['notification', 'y'],
      ['response', undefined],
    ],
  );
});

test('an id keeps its digits', () => {
  for (const id of ['12345678901234567890', '1.5', '1e400', '"a\\u0062"', '-0']) {
    const body = read(`{"jsonrpc":"2.0","id":${id},"method":"x"}`);
    assert.ok('messages' in body);
    const [message] = body.messages;
    assert.ok(message?.kind === 'request');
    assert.equal(message.idText, id === '"a\\u0062"' ? '"ab"' : id === '-0' ? '0' : id);
  }
});

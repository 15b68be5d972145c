import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClientBody } from '../../../src/gateway/protocol/client-message.ts';
import { changedHeaders, checkStandardHeaders } from '../../../src/gateway/protocol/standard-headers.ts';
import type { RequestHeaders } from '../../../src/gateway/protocol/standard-headers.ts';

function check(message: unknown, headers: RequestHeaders): unknown {
  const body = readClientBody(Buffer.from(JSON.stringify(message)));
  assert.ok('messages' in body);
  return checkStandardHeaders(headers, body)?.data?.['code'];
}

const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const call = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'größe',
    arguments: { region: 'eu', size: 42, deep: [{ on: true }] },
    _meta: { [VERSION]: '2026-07-28' },
  },
};
const MISMATCH = 'gateway.header_mismatch';

test('headers that agree with the body pass', () => {
  assert.equal(check(call, {}), undefined);
  assert.equal(
    check(call, {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': base64('größe'),
      'mcp-param-region': 'eu',
      'mcp-param-size': '42.0',
      'mcp-param-on': base64('true'),
    }),
    undefined,
  );
  assert.equal(check({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'mcp-name': 'anything' }), undefined);
  assert.equal(check({ jsonrpc: '2.0', id: 1, result: {} }, { 'mcp-method': 'ping' }), undefined);
});

test('a header that names something else than the body is refused', () => {
  for (const headers of [
    { 'mcp-protocol-version': '2025-11-25' },
    { 'mcp-method': 'tools/list' },
    { 'mcp-method': 'tools/call, tools/call' },
    { 'mcp-name': 'other' },
    { 'mcp-name': '=?base64?####?=' },
    { 'mcp-name': '=?base64?gICA?=' },
    { 'mcp-param-region': 'us' },
    { 'mcp-param-size': '0x2a' },
    { 'mcp-param-region': '=?base64?e?=' },
  ]) {
    assert.equal(check(call, headers), MISMATCH, JSON.stringify(headers));
  }
  const read = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'a://b' } };
  assert.equal(check(read, { 'mcp-name': 'a://c' }), MISMATCH);
  assert.equal(check(read, { 'mcp-name': 'a://b' }), undefined);
  assert.equal(check(read, { 'mcp-param-uri': 'a://b' }), MISMATCH);
});

test('batches are for the versions that had them', () => {
  const batch = [{ jsonrpc: '2.0', id: 1, method: 'ping' }];
  assert.equal(check(batch, {}), undefined);
  assert.equal(check(batch, { 'mcp-protocol-version': '2025-03-26' }), undefined);
  assert.equal(check(batch, { 'mcp-protocol-version': '2025-06-18' }), 'gateway.batch_unsupported');
  assert.equal(check([call], {}), 'gateway.batch_unsupported');
  assert.equal(check(batch, { 'mcp-method': 'ping' }), MISMATCH);
  assert.equal(check(batch, { 'mcp-name': 'x' }), MISMATCH);
  assert.equal(check(batch, { 'mcp-param-x': 'x' }), MISMATCH);
});

test('headers follow the arguments that policy changed', () => {
  const headers = {
    'mcp-name': 'tool',
    'mcp-param-kept': 'eu',
    'mcp-param-new': 'alice',
    'mcp-param-gone': 'secret',
    'mcp-param-two': '7',
  };
  const before = { kept: 'eu', new: 'alice', gone: 'secret', one: 7, two: 7 };
  const after = { kept: 'eu', new: 'Zoë', one: 7, two: 8 };
  assert.deepEqual(
    [...changedHeaders(headers, 'tool', before, after)],
    [
      ['mcp-name', 'tool'],
      ['mcp-param-kept', 'eu'],
      ['mcp-param-new', base64('Zoë')],
      ['mcp-param-gone', undefined],
      ['mcp-param-two', undefined],
    ],
  );
  assert.deepEqual([...changedHeaders({}, 'tool', before, after)], []);
});

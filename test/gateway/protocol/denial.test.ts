import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision } from '../../../src/engine/decision.ts';
import { denialAnswer, denialError, httpDenialAnswer } from '../../../src/gateway/protocol/denial.ts';
import { deny, pending } from '../../support/scripted-engine.ts';
import type { Ruling } from '../../support/scripted-engine.ts';

function decision(ruling: Ruling): Decision {
  return {
    decision: 'deny',
    phase: 'pre',
    violation: null,
    route: undefined,
    args: undefined,
    result: undefined,
    modified: { args: false, result: false },
    taints: [],
    labels: new Set(),
    constraint: null,
    ...ruling,
  };
}

function headersOf(given: { headers: readonly string[] }): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < given.headers.length; i += 2) headers[given.headers[i] ?? ''] = given.headers[i + 1] ?? '';
  return headers;
}

test('a denial says what was violated, and keeps the response of the route to itself', () => {
  const error = denialError(
    decision(deny('a.b', 'because', { n: 1, 'http.status': 418, 'http.body': 'x', 'http.headers': {} })),
  );
  assert.deepEqual(error, {
    code: -32001,
    message: 'because',
    data: { violation: 'a.b', reason: 'because', details: { n: 1 } },
  });
});

test('a pending decision says whom it waits for, and nothing else', () => {
  const details = { elicitation_id: 'e1', approver: 'boss', channel: 'mail', expires_at: 'soon', secret: 'x' };
  assert.deepEqual(denialError(decision(pending(details))), {
    code: -32120,
    message: 'waiting for approval',
    data: { elicitation_id: 'e1', approver: 'boss', channel: 'mail', expires_at: 'soon' },
  });
  const approved = decision(deny('elicitation.approved', 'confirm', { elicitation_id: 'e1', approver: 'boss' }));
  assert.deepEqual(denialError(approved), {
    code: -32121,
    message: 'confirm',
    data: { elicitation_id: 'e1', approver: 'boss' },
  });
});

test('without a response of the route the answer is a JSON-RPC error with status 200', () => {
  const given = denialAnswer(decision(deny('a.b', '')), '12345678901234567890');
  assert.equal(given.status, 200);
  assert.equal(headersOf(given)['content-type'], 'application/json');
  assert.equal(
    given.body,
    '{"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":-32001,"message":"access denied","data":{"violation":"a.b","reason":"","details":{}}}}',
  );
});

test('the response of the route is given', () => {
  const details = { 'http.status': 429, 'http.body': 'slow down', 'http.headers': { 'Retry-After': 60 } };
  const given = denialAnswer(decision(deny('a.b', '', details)), '1');
  assert.deepEqual([given.status, given.body], [429, 'slow down']);
  assert.deepEqual(headersOf(given), { 'retry-after': '60', 'content-type': 'text/plain; charset=utf-8' });
  const json = denialAnswer(decision(deny('a.b', '', { 'http.body': '{"x":1}' })), '1');
  assert.equal(headersOf(json)['content-type'], 'application/json');
});

test('no header of a response can break out of it', () => {
  const headers = {
    'x-ok': 'yes',
    'x-split': 'a\r\nset-cookie: b',
    'x-null': 'a\0b',
    'bad name': 'x',
    'x-list': ['a'],
    'Content-Length': '5',
    'transfer-encoding': 'chunked',
    'Mcp-Session-Id': 'x',
  };
  const given = denialAnswer(decision(deny('a.b', '', { 'http.headers': headers })), '1');
  assert.deepEqual(headersOf(given), { 'x-ok': 'yes', 'content-type': 'application/json' });
});

test('a status that no answer can have is not given', () => {
  for (const status of [100, 199, 600, 200.5, '403', null]) {
    assert.equal(denialAnswer(decision(deny('a.b', '', { 'http.status': status })), '1').status, 200);
  }
  const empty = denialAnswer(decision(deny('a.b', '', { 'http.status': 204, 'http.body': 'x' })), '1');
  assert.deepEqual([empty.status, empty.body], [204, '']);
});

test('a denied HTTP operation is forbidden', () => {
  const given = httpDenialAnswer(decision(deny('a.b', 'because')));
  assert.deepEqual([given.status, JSON.parse(given.body)], [403, { violation: 'a.b', reason: 'because', details: {} }]);
});

test('a denial without violation is a denial', () => {
  assert.deepEqual(denialError(decision({})).data, {
    violation: 'gateway.engine_failure',
    reason: 'access denied',
    details: {},
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { readState, roundOf, stateTag, withRound, writeState } from '../../../src/gateway/protocol/request-state.ts';

const TAG = stateTag('', ['http://127.0.0.1:1/mcp']);
const ID = 'a'.repeat(64);

describe('the state of a question', () => {
  it('is read as it was written', () => {
    const upstream = fc.record(
      {
        requestState: fc.string().map((text) => JSON.stringify(text)),
        inputResponses: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.boolean(), upstream, (opened, round) => {
        const state = { id: ID, opened, upstream: { ...round } };
        assert.deepEqual(readState(TAG, writeState(TAG, state)), state);
      }),
    );
  });

  it('belongs to gateways of one scope before the same upstreams', () => {
    const state = writeState(TAG, { id: ID, opened: false, upstream: {} });
    const tags = [
      stateTag('other', ['http://127.0.0.1:1/mcp']),
      stateTag('', ['http://127.0.0.1:2/mcp']),
      stateTag('', ['http://127.0.0.1:1/mcp', 'http://127.0.0.1:2/mcp']),
    ];
    for (const tag of tags) assert.equal(readState(tag, state), undefined);
    assert.notEqual(readState(stateTag('', ['http://127.0.0.1:1/mcp']), state), undefined);
  });

  it('of somebody else is none', () => {
    for (const state of ['', 'x', ID, `indelible.${ID}`, 'eyJ0eXAiOiJKV1QifQ.e30.x']) {
      assert.equal(readState(TAG, state), undefined);
    }
  });
});

describe('what a request brings back', () => {
  const request =
    '{ "jsonrpc":"2.0","params":{"requestState":"a\\u0062", "name":"t","inputResponses" : {"n":1.0},"arguments":{"requestState":"x"}} }';

  it('is taken as it is written', () => {
    assert.deepEqual(roundOf(request), { requestState: '"a\\u0062"', inputResponses: '{"n":1.0}' });
    assert.deepEqual(roundOf('{"method":"tools/call"}'), {});
  });

  it('is taken away or replaced, and nothing else is', () => {
    const rest = '{ "jsonrpc":"2.0","params":{"name":"t","arguments":{"requestState":"x"}} }';
    assert.equal(withRound(request, {}), rest);
    assert.deepEqual(JSON.parse(withRound(rest, roundOf(request))), JSON.parse(request));
  });
});

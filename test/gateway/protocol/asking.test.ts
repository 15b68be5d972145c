import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askingOf, opensPages } from '../../../src/gateway/protocol/asking.ts';
import type { JsonValue } from '../../../src/engine/operation.ts';

const modesOf = (elicitation: JsonValue, version: JsonValue = '2026-07-28'): unknown =>
  askingOf({
    _meta: {
      'io.modelcontextprotocol/protocolVersion': version,
      'io.modelcontextprotocol/clientCapabilities': { elicitation },
    },
  });

describe('how the client of a request is asked', () => {
  it('is what the request declares', () => {
    const declared: readonly (readonly [JsonValue, { readonly form: boolean; readonly url: boolean } | undefined])[] = [
      [{}, { form: true, url: false }],
      [{ form: {} }, { form: true, url: false }],
      [{ url: {} }, { form: false, url: true }],
      [
        { form: {}, url: {} },
        { form: true, url: true },
      ],
      [
        { form: true, url: true },
        { form: true, url: false },
      ],
      [null, undefined],
      [true, undefined],
      [[], undefined],
    ];
    for (const [elicitation, modes] of declared) {
      assert.deepEqual(modesOf(elicitation), modes && { kind: 'input_required', ...modes });
    }
  });

  it('needs a revision that knows it', () => {
    for (const version of ['2025-11-25', '2027-01-01', '', 1, null]) assert.equal(modesOf({}, version), undefined);
    for (const params of [undefined, {}, { _meta: null }, { _meta: [] }]) assert.equal(askingOf(params), undefined);
  });
});

describe('an initialize', () => {
  it('says whether its client opens pages', () => {
    assert.equal(opensPages({ capabilities: { elicitation: { url: {} } } }), true);
    for (const capabilities of [
      {},
      { elicitation: {} },
      { elicitation: { form: {} } },
      { elicitation: { url: true } },
      null,
    ]) {
      assert.equal(opensPages({ capabilities }), false);
    }
    assert.equal(opensPages(undefined), false);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUpstreams, tierRanks } from '../../../src/gateway/options/read-options.ts';

const URL_A = 'https://a.example/mcp';
const NUMBERS = tierRanks(undefined);

test('one upstream is called by its host', () => {
  const [only] = readUpstreams({ upstream: 'http://localhost:3000' }, NUMBERS);
  assert.deepEqual([only.name, only.mcpPath, only.labels], ['localhost:3000', '/mcp', {}]);
});

test('several keep their order, names, paths and labels', () => {
  const upstreams = [
    { name: 'b', url: 'https://b.example/tools', labels: { region: 'eu', cost_tier: '1.5' } },
    { name: 'a', url: URL_A },
  ];
  const read = readUpstreams({ upstreams }, NUMBERS);
  assert.deepEqual(
    read.map(({ name, mcpPath, labels }) => [name, mcpPath, labels]),
    [
      ['b', '/tools', { region: 'eu', cost_tier: '1.5' }],
      ['a', '/mcp', {}],
    ],
  );
});

test('what cannot be used is refused, and no URL repeated', () => {
  const wrong = {
    'give either `upstream` or `upstreams`': [{}, { upstream: URL_A, upstreams: [{ name: 'a', url: URL_A }] }],
    'there has to be an upstream': [{ upstreams: [] }],
    'two upstreams have the same name': [
      {
        upstreams: [
          { name: 'a', url: URL_A },
          { name: 'a', url: 'http://b' },
        ],
      },
    ],
    'the upstream is not a URL': [{ upstream: 'nothing' }, { upstreams: [{ name: 'a', url: 'nothing' }] }],
    'the upstream URL must not hold credentials': [{ upstream: 'http://ann:secret@a.example/mcp' }],
    'the upstream URL must not have a query or fragment': [{ upstream: `${URL_A}?key=secret` }],
  };
  for (const [message, cases] of Object.entries(wrong)) {
    for (const options of cases) assert.throws(() => readUpstreams(options, NUMBERS), { name: 'TypeError', message });
  }
  assert.throws(() => readUpstreams({ upstreams: [{ name: 'a b', url: URL_A }] }, NUMBERS), /name of an upstream/);
});

test('a cost tier without a rank is refused, since it would never be chosen', () => {
  const upstreams = [{ name: 'a', url: URL_A, labels: { cost_tier: 'premium' } }];
  assert.throws(() => readUpstreams({ upstreams }, NUMBERS), /cost tier of upstream a has no rank/);
  assert.equal(readUpstreams({ upstreams }, tierRanks(['standard', 'premium'])).length, 1);
});

test('tiers rank by their place in the list, or as numbers', () => {
  assert.deepEqual(['1', '2.5', 'low', '-1', '1e3', ''].map(NUMBERS), [
    1,
    2.5,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual(['low', 'high', '1'].map(tierRanks(['low', 'high'])), [0, 1, undefined]);
  assert.throws(() => tierRanks(['low', 'low']), TypeError);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUpstream } from '../../src/cli/parse-upstream.ts';

test('a URL alone is an upstream without labels, called by its host', () => {
  assert.deepEqual(parseUpstream('http://127.0.0.1:3000/mcp'), {
    name: '127.0.0.1:3000',
    url: 'http://127.0.0.1:3000/mcp',
  });
});

test('a list of pairs names the upstream and labels it', () => {
  assert.deepEqual(parseUpstream('name=eu, url=https://eu.example/mcp?a=b, region=eu-west-1,team=blue'), {
    name: 'eu',
    url: 'https://eu.example/mcp?a=b',
    labels: { region: 'eu-west-1', team: 'blue' },
  });
});

test('what is neither is refused', () => {
  const wrong = {
    'ftp://a/mcp': /http:\/\/ or https:\/\/ URL, or name=/,
    nothing: /or name=/,
    'name=eu': /needs a name and a url/,
    'url=http://a': /needs a name and a url/,
    'name=eu,url=ftp://a': /url has to be/,
    'name=eu,url=http://a,region=': /or name=/,
    'name=eu,url=http://a,=x': /or name=/,
    'name=eu,url=http://a,name=us': /`name` is given twice/,
  };
  for (const [text, message] of Object.entries(wrong)) assert.throws(() => parseUpstream(text), { message });
});

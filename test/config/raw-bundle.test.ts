import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { RawBundle } from '../../src/config/raw-bundle.ts';
import { printRawBundleTypes } from '../support/raw-bundle-types.ts';

void test('the committed types are what the bundle schema describes', async () => {
  const committed = readFileSync(new URL('../../src/config/raw-bundle.ts', import.meta.url), 'utf8');
  assert.equal(committed, await printRawBundleTypes(), 'run `npm run generate:types`');
});

void test('the types take both forms of what has two', () => {
  const bundle: RawBundle = {
    global: { apl: null, unmatched: { http: 'allow' }, hash_key: { kind: 'env_var', name: 'KEY' } },
    routes: [
      { tool: 'pay', authentication: ['jwt'], plugins: ['audit', { jwt: { on_error: 'ignore' } }], args: { a: 'str' } },
      {
        llm: ['a', 'b'],
        authentication: { replace_inherited: true, steps: [{ name: 'jwt' }] },
        plugins: { audit: { config: {} } },
        result: { a: { pipeline: 'str', append: true } },
        pre_invocation: ['deny', { when: 'a', do: 'deny' }],
      },
    ],
  };
  // @ts-expect-error a status is a number
  const wrong: RawBundle = { global: { response: { status: '403' } } };
  assert.notDeepEqual(bundle, wrong);
});

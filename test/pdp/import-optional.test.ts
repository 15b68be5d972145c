import assert from 'node:assert/strict';
import { it } from 'node:test';
import { importOptional } from '../../src/pdp/import-optional.ts';

it('says how to get a library that is not installed', async () => {
  const name: string = 'indelible-not-installed';
  await assert.rejects(
    importOptional(name, () => import(name)),
    {
      message:
        'the package `indelible-not-installed` is not installed; add it with `npm install indelible-not-installed`',
    },
  );
});

it('says when a library does not load', async () => {
  const failing = async (): Promise<never> => {
    throw new Error('internals');
  };
  await assert.rejects(importOptional('some', failing), {
    message: 'the package `some` does not load on this platform',
  });
});

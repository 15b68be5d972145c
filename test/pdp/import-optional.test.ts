import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { it } from 'node:test';
import { importOptional } from '../../src/pdp/import-optional.ts';

it('says how to get a library that is not installed', async () => {
  const name: string = 'indelible-not-installed';
  const message =
    'the package `indelible-not-installed` is not installed; add it with `npm install indelible-not-installed`';
  await assert.rejects(
    importOptional(name, () => import(name)),
    { message },
  );
  const required = async (): Promise<unknown> => createRequire(import.meta.url)(name);
  await assert.rejects(importOptional(name, required), { message });
});

it('says when a library does not load', async () => {
  const failing = async (): Promise<never> => {
    throw new Error('internals');
  };
  await assert.rejects(importOptional('some', failing), {
    message: 'the package `some` does not load on this platform',
  });
});

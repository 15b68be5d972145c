import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { validateBundle } from '../../src/config/schema.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { documentOf } from '../support/document.ts';

const folder = new URL('../../fixtures/config/', import.meta.url);

for (const file of readdirSync(folder)) {
  if (!file.startsWith('accept-')) continue;
  void test(`${file} passes the bundle schema`, () => {
    const report = new Report();
    const valid = validateBundle(documentOf(readFileSync(new URL(file, folder), 'utf8')), report);
    assert.deepEqual(report.diagnostics, []);
    assert.equal(valid, true);
  });
}

import assert from 'node:assert/strict';
import { readDocument } from '../../src/config/load.ts';
import { Report } from '../../src/diagnostics/report.ts';
import type { DocumentNode } from '../../src/text/document.ts';

/** Reads well-formed YAML. */
export function documentOf(text: string, name = 'policy.yaml'): DocumentNode {
  const report = new Report();
  const document = readDocument({ name, text }, report);
  assert.deepEqual(
    report.diagnostics.map(({ code }) => code),
    [],
  );
  assert.ok(document);
  return document;
}

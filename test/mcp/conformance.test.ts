import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startConformanceServer } from '../support/conformance-server.ts';
import { REVISIONS, runConformanceSuite } from '../support/conformance-suite.ts';
import type { RunningServer } from '../support/running-server.ts';
import { startGateway } from '../support/start-gateway.ts';

/** Scenarios beyond the required ones that the fixture passes, and that only a correct proxy keeps. */
const ALSO_EXPECTED = {
  '2025-11-25': ['server-session-lifecycle', 'json-schema-2020-12', 'server-sse-polling'],
  '2026-07-28': ['json-schema-2020-12', 'http-header-validation', 'http-custom-header-server-validation'],
} as const;

describe('the official conformance suite through a gateway', () => {
  let upstream: RunningServer;
  let gateway: RunningServer;
  before(async () => {
    upstream = await startConformanceServer();
    gateway = await startGateway(upstream.url);
  });
  after(async () => {
    await gateway.close();
    await upstream.close();
  });

  for (const revision of REVISIONS) {
    it(`passes every scenario that ${revision} requires`, async () => {
      const results = await runConformanceSuite(gateway.url, revision);
      const expected = new Set<string>(ALSO_EXPECTED[revision]);
      const failures = results
        .filter(({ scenario, required, passed }) => !passed && (required || expected.has(scenario)))
        .map(({ scenario, checks }) => ({
          scenario,
          failed: checks.filter(({ status }) => status === 'FAILURE').map(({ id, errorMessage }) => [id, errorMessage]),
        }));
      assert.deepEqual(failures, []);
      assert.ok(results.filter(({ required }) => required).length >= 30);
    });
  }
});

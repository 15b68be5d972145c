import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startIssuer, type Issuer } from '../../examples/hr/issuer.ts';
import { playScenario, renderReports } from '../../examples/hr/scenario.ts';
import type { McpEndpoint } from '../../examples/hr/serve-mcp.ts';
import { startHrServer } from '../../examples/hr/server.ts';

describe('the scenario of the HR example, without a gateway', () => {
  let issuer: Issuer;
  let server: McpEndpoint;
  before(async () => {
    issuer = await startIssuer(0);
    server = await startHrServer(0);
  });
  after(async () => {
    await server.close();
    await issuer.close();
  });

  it('notices everything that nobody refuses or hides', async () => {
    const reports = await playScenario(server.url, issuer);
    for (const { expected, matches, call } of reports) {
      assert.equal(matches, expected.outcome === 'allowed' && expected.hidden === undefined, call);
    }
    assert.match(renderReports(reports), /export_payroll +allowed +EXPECTED denied route\.unmatched\n/u);
  });
});

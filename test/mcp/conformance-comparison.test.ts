import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareResults, gatewayKeepsConformance, renderComparison } from '../support/conformance-comparison.ts';
import type { Check, ScenarioResult } from '../support/conformance-suite.ts';

function result(scenario: string, checks: readonly Check[], required = true): ScenarioResult {
  const passed = checks.length > 0 && checks.every(({ status }) => status !== 'FAILURE');
  return { scenario, required, passed, checks };
}

describe('comparing a direct run with one through a gateway', () => {
  const good = result('ping', [{ id: 'ping', status: 'SUCCESS' }]);
  const bad = result('ping', [{ id: 'ping', status: 'FAILURE' }]);

  it('fails when a scenario that passes directly fails through the gateway', () => {
    assert.equal(gatewayKeepsConformance(compareResults([good], [bad])), false);
  });

  it('does not blame the gateway for what fails directly', () => {
    assert.equal(gatewayKeepsConformance(compareResults([bad], [bad])), true);
    assert.equal(gatewayKeepsConformance(compareResults([bad], [good])), true);
  });

  it('counts a scenario that is missing through the gateway as failed', () => {
    const [comparison] = compareResults([good], []);
    assert.equal(comparison?.through, false);
    assert.deepEqual(comparison.lost, ['ping']);
  });

  it('notices a check that turns into a warning, although the scenario still passes', () => {
    const direct = result('stream', [
      { id: 'opens', status: 'SUCCESS' },
      { id: 'resumes', status: 'SUCCESS' },
    ]);
    const through = result('stream', [
      { id: 'opens', status: 'SUCCESS' },
      { id: 'resumes', status: 'SUCCESS' },
      { id: 'resumes', status: 'WARNING' },
    ]);
    const comparisons = compareResults([direct], [through]);
    assert.deepEqual(comparisons[0]?.lost, ['resumes']);
    assert.equal(gatewayKeepsConformance(comparisons), false);
  });

  it('prints a line for each scenario and both counts', () => {
    const extension = result('tasks', [{ id: 'tasks', status: 'FAILURE' }], false);
    assert.equal(
      renderComparison('fixture', compareResults([good, extension], [bad, extension])),
      `fixture
  scenario  direct  gateway
  ping      pass    FAIL     lost ping
  tasks     FAIL    FAIL     not required
  passed: 1 of 2 directly, 0 through the gateway; of 1 required: 1 and 0
`,
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/engine/decision.ts';
import type { ElicitInput, ElicitOutcome } from '../../src/engine/plugin.ts';
import type { JsonValue } from '../../src/engine/operation.ts';
import { call, engineOf, outcomeOf, testKind } from '../support/engine.ts';

async function ask(
  step: string,
  elicit: (input: ElicitInput) => unknown,
  args: JsonValue = { amount: 5 },
  headers: Readonly<Record<string, string>> = {},
): Promise<Decision> {
  const text = JSON.stringify({
    plugin_settings: { routing_enabled: true, plugin_timeout: 1 },
    plugins: [{ name: 'h', kind: 'test' }],
    routes: [{ tool: 't', pre_invocation: [step, 'taint(after)'], response: { status: 403 } }],
  });
  const engine = await engineOf(text, {
    plugins: [testKind({ h: { elicit: (input) => elicit(input) as ElicitOutcome } })],
  });
  const extensions = { subject: { id: 'ann', claims: { manager: 'eve' } }, http: { request_headers: headers } };
  return engine.pre(call('t', { args, extensions }));
}

const STEP =
  "require_approval(h, from: claim.manager, scope: 'args.amount < 10', purpose: 'pay', channel: ciba, timeout: 5m, extra: x)";

describe('a question to a human', () => {
  it('suspends the phase while nobody answered: neither allowed nor denied', async () => {
    const decision = await ask(STEP, () => ({
      outcome: 'pending',
      id: 'q1',
      approver: 'eve',
      channel: 'ciba',
      expires_at: 'soon',
    }));
    assert.equal(decision.decision, 'pending');
    assert.deepEqual(decision.violation, {
      code: 'elicitation.pending',
      reason: 'a human has been asked',
      details: { elicitation_id: 'q1', plugin: 'h', approver: 'eve', channel: 'ciba', expires_at: 'soon' },
    });
    assert.deepEqual(decision.taints, []);
  });

  it('is asked of whom the step names, with what it says', async () => {
    const inputs: ElicitInput[] = [];
    const keep = (input: ElicitInput): ElicitOutcome => (inputs.push(input), { outcome: 'approved' });
    await ask(STEP, keep, { amount: 5 }, { 'X-Policy-Elicitation-Id': 'q7' });
    await ask("confirm(h, from: 'the boss')", keep);
    const [first, second] = inputs;
    assert.ok(first && second);
    const { verb, from, purpose, channel, timeout, id, place, config, args } = first;
    assert.deepEqual(
      { verb, from, purpose, channel, timeout, id, place, config, args },
      {
        verb: 'require_approval',
        from: 'eve',
        purpose: 'pay',
        channel: 'ciba',
        timeout: '5m',
        id: 'q7',
        place: 'routes.tool:t.pre_invocation[0]',
        config: { extra: 'x' },
        args: { amount: 5 },
      },
    );
    assert.deepEqual([second.verb, second.from, second.id], ['confirm', 'the boss', undefined]);
  });

  const outcomes: readonly (readonly [string, unknown, string, string])[] = [
    ['approved', { outcome: 'approved' }, 'allow', 'allow'],
    [
      'refused',
      { outcome: 'denied', reason: 'too much' },
      'routes.tool:t.pre_invocation[0]',
      'routes.tool:t.pre_invocation[0]',
    ],
    ['not answered in time', { outcome: 'expired' }, 'routes.tool:t.pre_invocation[0]', 'allow'],
    ['answered with something else', { outcome: 'yes' }, 'plugin.h.error', 'allow'],
    ['pending without an id', { outcome: 'pending' }, 'plugin.h.error', 'allow'],
  ];
  for (const [how, outcome, onDeny, onContinue] of outcomes) {
    it(`that is ${how}`, async () => {
      assert.equal(outcomeOf(await ask("confirm(h, from: 'x')", () => outcome)), onDeny);
      assert.equal(outcomeOf(await ask("confirm(h, from: 'x', on_error: continue)", () => outcome)), onContinue);
    });
  }

  it('an approval counts within its scope only', async () => {
    const approve = (): ElicitOutcome => ({ outcome: 'approved', approver: 'eve' });
    assert.equal(outcomeOf(await ask(STEP, approve, { amount: 9 })), 'allow');
    const { violation } = await ask(STEP, approve, { amount: 10 });
    assert.equal(violation?.reason, 'the approval does not cover this request');
    assert.deepEqual(violation.details, { 'http.status': 403 });
  });

  it('nobody to ask is a failure', async () => {
    const { violation } = await ask('confirm(h, from: claim.nobody)', () => ({ outcome: 'approved' }));
    assert.equal(violation?.reason, '`claim.nobody` names nobody to ask');
    const asked: string[] = [];
    await ask(
      'confirm(h, from: claim.nobody, on_error: continue)',
      ({ from }) => (asked.push(from), { outcome: 'approved' }),
    );
    assert.deepEqual(asked, []);
  });

  it('a plugin that never answers denies', async () => {
    assert.equal(outcomeOf(await ask("confirm(h, from: 'x')", () => new Promise(() => undefined))), 'plugin.h.error');
  });

  it('cannot put off the denial of a decision point', async () => {
    const text = `
plugin_settings: {routing_enabled: true}
global: {pdp: [{kind: test}]}
plugins: [{name: h, kind: test}]
routes: [{tool: t, pre_invocation: [{test: {on_deny: ["confirm(h, from: 'x')"]}}]}]`;
    const engine = await engineOf(text, {
      plugins: [testKind({ h: { elicit: () => ({ outcome: 'pending', id: 'q' }) } })],
      decisionPoints: [
        {
          kind: 'test',
          dialect: 'test',
          configSchema: {},
          create: () => ({ prepare: () => () => ({ outcome: 'deny' }) }),
        },
      ],
    });
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'pdp.test.deny');
  });
});

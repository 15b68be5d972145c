import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { OperationElicitation } from '../../src/engine/operation.ts';
import { ELICITATION_VERBS } from '../../src/language/vocabulary.ts';
import { AskedEngine, pendingId } from '../support/asked-engine.ts';
import { findingsOf, outcomeOf } from '../support/engine.ts';

const OWN = { rest: { plugins: [{ name: 'h', kind: 'elicitation/mcp' }] } };
const CONFIRM = "confirm(h, from: subject.id, purpose: 'pay ${args.amount}', show: [amount])";
const APPROVED = { outcome: 'approved' } as const;

async function formEngine(step = CONFIRM): Promise<{ readonly asked: AskedEngine; readonly id: string }> {
  const asked = await AskedEngine.of(step, OWN);
  return { asked, id: pendingId(await asked.pre(undefined, { elicitation: { form: true } })) };
}

describe('elicitation/mcp', () => {
  it('leaves the question to the form of a client that has forms', async () => {
    const asked = await AskedEngine.of(CONFIRM, OWN);
    const { violation } = await asked.pre({ amount: 5, to: 'bob' }, { elicitation: { form: true } });
    const { elicitation_id: id, ...details } = { ...violation?.details };
    assert.match(String(id), /^[0-9a-f]{64}$/);
    assert.deepEqual(details, {
      plugin: 'h',
      verb: 'confirm',
      approver: 'ann',
      expires_at: '2023-11-14T22:18:20.000Z',
      form: true,
      message: 'pay 5\ntool:t {"amount":5,"to":"***"}',
    });
  });

  it('is answered once, by what the form of this very question brought back', async () => {
    const { asked, id } = await formEngine();
    const other = await AskedEngine.of(CONFIRM, OWN);
    assert.equal(await asked.retry(id), 'elicitation.pending');
    assert.equal(outcomeOf(await asked.pre(undefined, { elicitation: { reply: APPROVED } })), 'elicitation.no_form');
    assert.equal(await other.retry(id, undefined, { elicitation: { id, reply: APPROVED } }), 'elicitation.unknown');
    assert.equal(await asked.retry(id, undefined, { elicitation: { id, reply: APPROVED } }), 'allow');
    assert.equal(await asked.retry(id, undefined, { elicitation: { id, reply: APPROVED } }), 'elicitation.used');
  });

  it('is answered for itself when a call has several', async () => {
    const asked = await AskedEngine.of([CONFIRM, "confirm(h, from: subject.id, purpose: 'sure?')"], OWN);
    const first = pendingId(await asked.pre(undefined, { elicitation: { form: true } }));
    const replied = { form: true, reply: APPROVED };
    const second = pendingId(await asked.pre(undefined, { elicitation: { ...replied, id: first } }));
    assert.notEqual(second, first);
    assert.equal(await asked.retry(second), 'elicitation.pending');
    assert.equal(await asked.retry(second, undefined, { elicitation: { ...replied, id: second } }), 'allow');
  });

  it('denies what the user refuses, for good', async () => {
    const { asked, id } = await formEngine();
    const denied = { outcome: 'denied', text: 'too much' } as const;
    const first = await asked.pre(undefined, { elicitation: { id, reply: denied } });
    assert.deepEqual([first.violation?.code, first.violation?.reason], ['elicitation.denied', 'too much']);
    assert.equal(await asked.retry(id, undefined, { elicitation: { id, reply: APPROVED } }), 'elicitation.denied');
  });

  it('is for the caller alone, and not waved through where there is no form', async () => {
    const foreign = await AskedEngine.of('confirm(h, from: claim.manager)', OWN);
    const outcome = outcomeOf(await foreign.pre(undefined, { elicitation: { form: true } }));
    assert.equal(outcome, 'elicitation.not_requester');
    const lenient = await AskedEngine.of('confirm(h, from: subject.id, on_error: continue)', OWN);
    assert.equal(outcomeOf(await lenient.pre()), 'elicitation.no_form');
  });

  it('asks nothing but `confirm`, which is an error of the bundle', async () => {
    for (const verb of ELICITATION_VERBS) {
      const step = `${verb}(own, from: subject.id)`;
      const text = JSON.stringify({
        plugins: [{ name: 'own', kind: 'elicitation/mcp' }],
        routes: [{ tool: 't', pre_invocation: [step] }],
      });
      assert.deepEqual(await findingsOf(text), verb === 'confirm' ? [] : [['config/elicitation-step', step]]);
    }
  });

  it('is not what another kind of plugin can make of another verb', async () => {
    for (const verb of ELICITATION_VERBS) {
      const asked = await AskedEngine.of(`${verb}(h, from: subject.id, allow_self: true)`, {
        script: { put: () => ({ outcome: 'pending', form: true }) },
      });
      const put = outcomeOf(await asked.pre(undefined, { elicitation: { form: true } }));
      assert.equal(put, verb === 'confirm' ? 'elicitation.pending' : 'plugin.h.error', verb);
      assert.equal(outcomeOf(await asked.pre()), 'plugin.h.error', verb);
    }
  });
});

describe('what a form brought back', () => {
  it('never allows a question that was not left to a form', async () => {
    const verb = fc.constantFrom(...ELICITATION_VERBS);
    const reply = fc.record(
      { outcome: fc.constantFrom('approved' as const, 'denied' as const), text: fc.string() },
      { requiredKeys: ['outcome'] },
    );
    const rest = fc.record({ form: fc.boolean(), peek: fc.boolean(), session: fc.constant('s') }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(verb, reply, rest, fc.boolean(), async (asks, replied, more, isListed) => {
        const asked = await AskedEngine.of(`${asks}(h, from: subject.id, allow_self: true)`, {
          script: { put: () => ({ outcome: 'pending', listed: isListed, page: 'https://a.test/q' }) },
        });
        const id = pendingId(await asked.pre(undefined, { elicitation: more }));
        const elicitation: OperationElicitation = { ...more, id, reply: replied };
        assert.equal(outcomeOf(await asked.pre(undefined, { elicitation })), 'elicitation.pending');
        assert.equal(await asked.engine.questions.store.answerTo(id), undefined);
      }),
      { numRuns: 100 },
    );
  });
});

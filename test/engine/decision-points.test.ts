import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/engine/decision.ts';
import type { DecisionAnswer, DecisionPoint, DecisionQuestion } from '../../src/engine/decision-point.ts';
import type { LoadOptions } from '../../src/config/load-options.ts';
import type { JsonValue, Operation } from '../../src/engine/operation.ts';
import { alarms, call, engineOf, findingsOf, outcomeOf, testDialect } from '../support/engine.ts';

const ALLOW: DecisionAnswer = { outcome: 'allow' };
const DENY: DecisionAnswer = { outcome: 'deny', code: 'its.code', reason: 'its reason' };

function answering(answer: (question: DecisionQuestion, signal: AbortSignal) => unknown): LoadOptions {
  return {
    decisionPoints: [
      testDialect({
        prepare:
          () =>
          (question, { signal }) =>
            answer(question, signal) as DecisionAnswer,
      }),
    ],
  };
}

async function ask(
  answer: (question: DecisionQuestion, signal: AbortSignal) => unknown,
  step: unknown = { test: { key: 'value' } },
  operation: Operation = call('t'),
): Promise<Decision> {
  const text = JSON.stringify({
    plugin_settings: { plugin_timeout: 1 },
    global: { pdp: [{ kind: 'test' }] },
    routes: [{ tool: 't', pre_invocation: [step, 'taint(after)'] }],
  });
  return (await engineOf(text, answering(answer))).pre(operation);
}

const labelsOf = ({ taints }: Decision): readonly string[] => taints.map(({ label }) => label);

describe('a decision point', () => {
  it('that allows goes on after its reactions', async () => {
    const decision = await ask(() => ALLOW, { test: { on_allow: ['taint(yes)'], on_deny: ['taint(no)'] } });
    assert.equal(outcomeOf(decision), 'allow');
    assert.deepEqual(labelsOf(decision), ['yes', 'after']);
  });

  it('a reaction to an allow may deny', async () => {
    assert.equal(outcomeOf(await ask(() => ALLOW, { test: { on_allow: ["deny('r', 'after all')"] } })), 'after all');
  });

  it('that denies ends with its code and reason', async () => {
    const { violation } = await ask(() => DENY);
    assert.deepEqual(violation, { code: 'its.code', reason: 'its reason', details: {} });
    assert.equal(outcomeOf(await ask(() => ({ outcome: 'deny' }))), 'pdp.test.deny');
  });

  it('reactions to a denial may reword it, and cannot take it back', async () => {
    const reworded = await ask(() => DENY, { test: { on_deny: ['taint(no)', "deny('mine', 'mine')"] } });
    assert.equal(outcomeOf(reworded), 'mine');
    assert.deepEqual(labelsOf(reworded), ['no']);
    const allowing = await ask(() => DENY, { test: { on_deny: ['allow', 'taint(no)'] } });
    assert.equal(outcomeOf(allowing), 'its.code');
    assert.deepEqual(labelsOf(allowing), ['no']);
  });

  it('reactions may stand beside its key', async () => {
    const decision = await ask(() => DENY, {
      test: { key: 'value' },
      on_deny: ["deny('r', 'beside')"],
      on_allow: ['taint(x)'],
    });
    assert.equal(outcomeOf(decision), 'beside');
  });

  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['never answers', () => new Promise(() => undefined)],
    ['answers nothing', () => undefined],
    ['answers true', () => true],
    ['answers an unknown outcome', () => ({ outcome: 'Allow' })],
  ];
  for (const [how, answer] of failures) {
    it(`that ${how} denies`, async () => {
      const { raised, alarm } = alarms();
      const text = `
plugin_settings: {plugin_timeout: 1}
global: {pdp: [{kind: test}]}
routes: [{tool: t, pre_invocation: [{test: {on_allow: [taint(yes)], on_deny: [taint(no)]}}]}]`;
      const engine = await engineOf(text, { ...answering(answer), alarm });
      const decision = await engine.pre(call('t'));
      assert.deepEqual(decision.violation, {
        code: 'pdp.test.error',
        reason: 'the decision point `test` gave no answer',
        details: {},
      });
      assert.deepEqual(labelsOf(decision), []);
      assert.deepEqual(
        raised.map((each) => each.alarm),
        ['decision_point_failure'],
      );
    });
  }

  it('is asked with what policy knows', async () => {
    const questions: DecisionQuestion[] = [];
    const read: (JsonValue | undefined)[] = [];
    const names = ['role.hr', 'subject.id', 'security.labels', 'args.n', 'role.nope', '__proto__.x'];
    const point: DecisionPoint = {
      prepare: (_body, _argument, context) => {
        const readers = names.map((name) => context.reader(name));
        return (question) => {
          questions.push(question);
          read.push(...readers.map((each) => each(question)));
          return ALLOW;
        };
      },
    };
    const text = 'global: {pdp: [{kind: test}]}\nroutes: [{tool: t, pre_invocation: [{test: {}}]}]';
    const operation = call('t', {
      args: { n: [2, 1] },
      extensions: { subject: { id: 'ann', roles: ['hr'] }, labels: ['l'] },
    });
    await (await engineOf(text, { decisionPoints: [testDialect(point)] })).pre(operation);
    const [question] = questions;
    assert.ok(question);
    assert.deepEqual(
      [question.phase, question.entity, question.args, [...question.labels]],
      ['pre', operation.entity, { n: [2, 1] }, ['l']],
    );
    assert.deepEqual(read, [true, 'ann', ['l'], ['1', '2'], undefined, undefined]);
  });

  it('gets its step’s body and argument once, at load', async () => {
    const prepared: unknown[] = [];
    const point = {
      prepare: (body: unknown, argument: unknown) => {
        prepared.push([body, argument]);
        return () => ALLOW;
      },
    };
    const text = `
global: {pdp: [{kind: test, dialect: opa}]}
routes: [{tool: t, pre_invocation: [{'opa("a/b")': {input: {x: 1}, on_deny: [deny]}}]}]`;
    const engine = await engineOf(text, { decisionPoints: [testDialect(point)] });
    await engine.pre(call('t'));
    await engine.pre(call('t'));
    assert.deepEqual(prepared, [[{ input: { x: 1 } }, 'a/b']]);
  });

  it('waits no longer than a cancelled group', async () => {
    const signals: AbortSignal[] = [];
    const decision = await ask(
      (_question, signal) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
      { parallel: [{ test: {} }, 'allow'] },
    );
    assert.equal(outcomeOf(decision), 'pdp.test.error');
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    );
  });

  it('is missed at load, a refused step too', async () => {
    assert.deepEqual(await findingsOf("routes: [{tool: t, pre_invocation: [{cell: {expr: 'true'}}]}]"), [
      ['config/unknown-dialect', 'cell'],
    ]);
    const refusing = testDialect({
      prepare: () => {
        throw new Error('`expr` is missing');
      },
    });
    const text = 'global: {pdp: [{kind: test}]}\nroutes: [{tool: t, pre_invocation: [{test: {}}]}]';
    assert.deepEqual(await findingsOf(text, { decisionPoints: [refusing] }), [['config/decision-point-step', 'test']]);
    assert.deepEqual(await findingsOf('global: {pdp: [{kind: test}, {kind: test}]}', { decisionPoints: [refusing] }), [
      ['config/duplicate-dialect', '{kind: test}'],
    ]);
  });

  it('ends with its bundle', async () => {
    let closed = 0;
    const point = testDialect({ prepare: () => () => ALLOW, close: () => void (closed += 1) });
    const engine = await engineOf('global: {pdp: [{kind: test}]}', { decisionPoints: [point] });
    await engine.close();
    assert.equal(closed, 1);
  });
});

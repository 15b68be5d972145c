import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { ANN, APPROVED, AskedEngine, PLACE, pendingId, type Script } from '../support/asked-engine.ts';
import { call, engineOf, findingsOf, outcomeOf, testKind } from '../support/engine.ts';

const ASK = 'require_approval(h, from: claim.manager)';
const STEP =
  "require_approval(h, from: claim.manager, scope: 'args.amount < 10', purpose: 'pay ${args.amount} to ${args.to}', channel: ciba, timeout: 5m, extra: x)";

async function approvedEngine(step = ASK): Promise<{ readonly asked: AskedEngine; readonly id: string }> {
  const asked = await AskedEngine.of(step, { script: { look: APPROVED } });
  return { asked, id: await asked.ask() };
}

describe('a question to a human', () => {
  it('suspends the phase while nobody answered, and says so again at every retry', async () => {
    const asked = await AskedEngine.of(STEP);
    const first = await asked.pre();
    const id = pendingId(first);
    assert.match(id, /^[0-9a-f]{64}$/);
    const violation = {
      code: 'elicitation.pending',
      reason: 'a human has been asked',
      details: {
        elicitation_id: id,
        plugin: 'h',
        verb: 'require_approval',
        approver: 'eve',
        channel: 'ciba',
        expires_at: '2023-11-14T22:18:20.000Z',
      },
    };
    assert.deepEqual(first.violation, violation);
    assert.deepEqual(first.taints, []);
    const again = await asked.pre({ amount: 5 }, { elicitation: { id } });
    assert.deepEqual(again.violation, violation);
    assert.equal(asked.inputs.length, 2);
  });

  it('fails when its channel names a page that nobody can be sent to', async () => {
    const pages = ['http://a.test/q', 'https://me:pw@a.test/q', 'https://a.test/q#x', 'data:,x', '/q', '', 5, null];
    for (const page of [...pages, `https://a.test/${'x'.repeat(2048)}`]) {
      const asked = await AskedEngine.of(ASK, { script: { put: () => ({ outcome: 'pending', page }) } });
      assert.equal(outcomeOf(await asked.pre()), 'plugin.h.error', String(page));
    }
    const asked = await AskedEngine.of(ASK, {
      script: { put: () => ({ outcome: 'pending', page: 'http://[::1]/q' }) },
    });
    assert.equal((await asked.pre()).violation?.details['url'], 'http://[::1]/q');
  });

  it('is put with what the step says and what the caller does', async () => {
    const asked = await AskedEngine.of(STEP);
    const id = await asked.ask({ amount: 5, to: 'a\u202eb' });
    const [put] = asked.inputs;
    assert.ok(put);
    const { entity: _entity, extensions: _extensions, ...rest } = put;
    assert.deepEqual(rest, {
      id,
      verb: 'require_approval',
      args: { amount: 5, to: 'a\u202eb' },
      shown: { amount: '***', to: '***' },
      requester: 'ann',
      from: 'eve',
      purpose: 'pay 5 to a\ufffdb',
      channel: 'ciba',
      route: 'tool:t',
      place: PLACE,
      config: { extra: 'x' },
      timeout: 300_000,
      askedAt: 1_700_000_000_000,
      expiresAt: 1_700_000_300_000,
    });
    await asked.retry(id, { amount: 5, to: 'a\u202eb' });
    assert.deepEqual(asked.inputs[1]?.state, { ref: 1 });
  });

  it('shows the arguments that the step names, and a review all of them', async () => {
    const shown = async (step: string): Promise<unknown> => {
      const asked = await AskedEngine.of(step);
      await asked.ask({ amount: 12345678901234567890n, to: 'bob' });
      return asked.inputs[0]?.shown;
    };
    assert.deepEqual(await shown("require_approval(h, from: 'eve', show: [amount])"), {
      amount: '12345678901234567890',
      to: '***',
    });
    assert.deepEqual(await shown("require_review(h, from: 'eve')"), { amount: '12345678901234567890', to: 'bob' });
    const asked = await AskedEngine.of("require_review(h, from: 'eve')");
    assert.equal(outcomeOf(await asked.pre({ text: 'x'.repeat(20_000) })), 'elicitation.too_large');
  });

  it('that is approved lets the one call go on, once', async () => {
    const { asked, id } = await approvedEngine();
    assert.equal(await asked.retry(id), 'allow');
    assert.equal(await asked.retry(id), 'elicitation.used');
    assert.equal(await asked.peek(id), 'elicitation.used');
  });

  it('that is approved is used by one of two calls at the same time', async () => {
    const { asked, id } = await approvedEngine();
    const outcomes = await Promise.all([asked.retry(id), asked.retry(id), asked.retry(id)]);
    assert.deepEqual(outcomes.toSorted(), ['allow', 'elicitation.used', 'elicitation.used']);
  });

  it('is peeked at without using anything up, and what follows the question does not run', async () => {
    const script: Script = {};
    const asked = await AskedEngine.of(ASK, { script });
    const id = await asked.ask();
    assert.equal(await asked.peek(id), 'elicitation.pending');
    script.look = APPROVED;
    for (let i = 0; i < 2; i++) {
      const decision = await asked.pre({ amount: 5 }, { elicitation: { id, peek: true } });
      assert.deepEqual(decision.violation?.details, { elicitation_id: id, approver: 'eve' });
      assert.equal(decision.violation.code, 'elicitation.approved');
      assert.deepEqual(decision.taints, []);
    }
    assert.equal(await asked.retry(id), 'allow');
  });

  it('takes its id and the wish to peek from headers too', async () => {
    const { asked, id } = await approvedEngine();
    const withHeaders = async (headers: Readonly<Record<string, string>>): Promise<string> =>
      outcomeOf(await asked.pre(undefined, { extensions: { subject: ANN, http: { request_headers: headers } } }));
    assert.equal(
      await withHeaders({ 'X-Policy-Elicitation-Id': id, 'X-Policy-Elicitation-Peek': '1' }),
      'elicitation.approved',
    );
    assert.equal(await withHeaders({ 'X-Policy-Elicitation-Id': id, 'x-policy-elicitation-peek': 'False' }), 'allow');
  });

  it('that is refused denies, then and later', async () => {
    const asked = await AskedEngine.of(`${ASK.slice(0, -1)}, on_error: continue)`, {
      script: { look: () => ({ outcome: 'denied', reason: 'too much' }) },
    });
    const id = await asked.ask();
    const { violation } = await asked.pre(undefined, { elicitation: { id } });
    assert.equal(violation?.code, 'elicitation.denied');
    assert.equal(violation.reason, 'too much');
    assert.deepEqual(violation.details, { 'http.status': 403 });
    assert.equal(await asked.peek(id), 'elicitation.denied');
    assert.equal(asked.inputs.length, 2);
  });

  it('is asked of nobody when `from` names nobody, whatever `on_error` says', async () => {
    const asked = await AskedEngine.of('require_approval(h, from: claim.nobody, on_error: continue)');
    const { violation } = await asked.pre();
    assert.deepEqual(
      [violation?.code, violation?.reason],
      ['elicitation.no_approver', '`claim.nobody` names nobody to ask'],
    );
    assert.deepEqual(asked.inputs, []);
  });

  it('needs somebody in particular who calls, and an operation that can be told again', async () => {
    const asked = await AskedEngine.of(ASK, { rest: { global: { pre_invocation: [ASK] } } });
    assert.equal(outcomeOf(await asked.pre({}, { extensions: {} })), 'elicitation.unidentified');
    const http = { entity: { type: 'http', name: '*' }, extensions: { subject: ANN } } as const;
    assert.equal(outcomeOf(await asked.engine.pre(http)), 'elicitation.unbound');
  });

  it('tells later rules what came of it', async () => {
    const asked = await AskedEngine.of(
      [
        "request_info(h, from: 'eve', channel: mail)",
        "!(elicitation.answer == 'cost centre 7'): deny('no', 'wrong')",
        "!(elicitation.outcome == 'approved' & elicitation.approver == 'eve' & elicitation.channel == 'mail'): deny",
      ],
      { script: { look: () => ({ outcome: 'approved', text: 'cost centre 7' }) } },
    );
    assert.equal(await asked.retry(await asked.ask()), 'allow');
  });

  it('cannot put off the denial of a decision point', async () => {
    const text = `
plugin_settings: {routing_enabled: true}
global: {pdp: [{kind: test}]}
plugins: [{name: h, kind: test}]
routes: [{tool: t, pre_invocation: [{test: {on_deny: ["require_approval(h, from: 'x')"]}}]}]`;
    const engine = await engineOf(text, {
      plugins: [testKind({ h: { elicit: () => ({ outcome: 'pending' }) } })],
      decisionPoints: [
        {
          kind: 'test',
          dialect: 'test',
          configSchema: {},
          create: () => ({ prepare: () => () => ({ outcome: 'deny' }) }),
        },
      ],
    });
    assert.equal(outcomeOf(await engine.pre(call('t', { extensions: { subject: ANN } }))), 'pdp.test.deny');
  });
});

describe('an answer does not count', () => {
  it('for an id that nobody was given', async () => {
    const { asked, id } = await approvedEngine();
    const other = `${id.startsWith('a') ? 'b' : 'a'}${id.slice(1)}`;
    for (const bad of [other, '', 'x', `${id}x`, `used:${id}`, '../x']) {
      assert.equal(await asked.retry(bad), 'elicitation.unknown', bad);
    }
  });

  const callers: readonly (readonly [string, object])[] = [
    ['another subject', { subject: { ...ANN, id: 'bob' } }],
    ['the same subject of another issuer', { subject: { ...ANN, issuer: 'https://other.test' } }],
    ['another client of the subject', { subject: ANN, client: { client_id: 'agent-2' } }],
    ['another workload', { subject: ANN, caller_workload: { spiffe_id: 'spiffe://a/b' } }],
  ];
  for (const [who, extensions] of callers) {
    it(`for ${who}`, async () => {
      const { asked, id } = await approvedEngine();
      assert.equal(await asked.retry(id, undefined, { elicitation: { id }, extensions }), 'elicitation.other_caller');
      assert.equal(await asked.retry(id), 'allow');
    });
  }

  it('for other arguments, in whatever order the same ones come', async () => {
    const asked = await AskedEngine.of(ASK, { script: { look: APPROVED } });
    const id = await asked.ask({ amount: 5, to: 'bob' });
    for (const args of [{ amount: 6, to: 'bob' }, { amount: 5 }, { amount: '5', to: 'bob' }, null]) {
      assert.equal(await asked.retry(id, args), 'elicitation.other_arguments');
    }
    assert.equal(await asked.retry(id, { to: 'bob', amount: 5 }), 'allow');
  });

  it('for another tool', async () => {
    const { asked, id } = await approvedEngine();
    assert.equal(await asked.retry(id, undefined, { elicitation: { id } }, 'u'), 'elicitation.other_question');
  });

  it('once its time is up, however it was given', async () => {
    const { asked, id } = await approvedEngine();
    assert.equal(await asked.peek(id), 'elicitation.approved');
    asked.clock.now += 300_000;
    assert.equal(await asked.retry(id), 'elicitation.expired');
  });

  it('after the policy changed', async () => {
    const { asked, id } = await approvedEngine();
    await asked.reload(asked.text.replace('"status":403', '"status":404'));
    assert.equal(await asked.retry(id), 'elicitation.bundle_changed');
  });

  it('outside of its scope, which is read from the request that uses it', async () => {
    const asked = await AskedEngine.of("require_approval(h, from: 'eve', scope: '!exists(claim.frozen)')", {
      script: { look: APPROVED },
    });
    const id = await asked.ask();
    const extensions = { subject: { ...ANN, claims: { ...ANN.claims, frozen: 'yes' } } };
    assert.equal(await asked.retry(id, undefined, { elicitation: { id }, extensions }), 'elicitation.out_of_scope');
    assert.equal(await asked.retry(id), 'allow');
  });

  it('for a question of its own in the same rule, or of another verb or channel', async () => {
    const asked = await AskedEngine.of(
      [
        { when: 'args.amount < 5', do: ["require_approval(h, from: 'eve', channel: a)"] },
        {
          when: 'args.amount >= 5',
          do: ["require_approval(h, from: 'eve', channel: b)", "require_review(h, from: 'eve')"],
        },
      ],
      { script: { look: APPROVED } },
    );
    const first = await asked.ask();
    const second = pendingId(await asked.pre(undefined, { elicitation: { id: first } }));
    assert.notEqual(second, first);
    assert.deepEqual(
      asked.inputs.map(({ verb }) => verb),
      ['require_approval', 'require_approval', 'require_review'],
    );
    assert.equal(await asked.retry(second), 'allow');
    assert.equal(await asked.retry(first), 'elicitation.used');
    assert.equal(await asked.retry(second), 'elicitation.used');
  });

  const failures: readonly (readonly [string, unknown, string, string])[] = [
    [
      'unreachable',
      { outcome: 'unavailable', violation: { code: 'c.down', reason: 'r', details: {} } },
      'c.down',
      'allow',
    ],
    ['silent', new Promise(() => undefined), 'plugin.h.error', 'allow'],
    [
      'not to be trusted',
      { outcome: 'invalid', violation: { code: 'c.bad', reason: 'r', details: {} } },
      'c.bad',
      'c.bad',
    ],
    ['out of time', { outcome: 'expired' }, 'elicitation.expired', 'elicitation.expired'],
    ['negative', { outcome: 'denied' }, 'elicitation.denied', 'elicitation.denied'],
    ['wrongly shaped', { outcome: 'yes' }, 'plugin.h.error', 'plugin.h.error'],
  ];
  for (const [how, outcome, onDeny, onContinue] of failures) {
    it(`when the channel is ${how}: \`on_error: continue\` only helps where nobody could be asked`, async () => {
      const lenient = `${ASK.slice(0, -1)}, on_error: continue)`;
      const put = (): unknown => outcome;
      assert.equal(outcomeOf(await (await AskedEngine.of(ASK, { script: { put } })).pre()), onDeny);
      assert.equal(outcomeOf(await (await AskedEngine.of(lenient, { script: { put } })).pre()), onContinue);
      const asked = await AskedEngine.of(lenient, { script: { look: put } });
      assert.equal(await asked.retry(await asked.ask()), onDeny);
    });
  }

  it('when the storage does not answer', async () => {
    const down = (): never => {
      throw new TransportStorageError('unavailable', 'down');
    };
    const lenient = `${ASK.slice(0, -1)}, on_error: continue)`;
    const storage = new LocalStorage();
    const asked = await AskedEngine.of(lenient, { storage, script: { look: APPROVED } });
    const id = await asked.ask();
    const create = storage.create.bind(storage);
    Object.assign(storage, { create: down });
    assert.equal(outcomeOf(await asked.pre()), 'elicitation.unavailable');
    assert.equal(await asked.retry(id), 'elicitation.unavailable');
    Object.assign(storage, { create, load: down });
    assert.equal(await asked.retry(id), 'elicitation.unavailable');
    assert.deepEqual(asked.raised[0], { alarm: 'elicitation_storage_failure', failure: 'unavailable' });
  });
});

describe('questions of one caller', () => {
  it('are bounded, until some are answered or expire', async () => {
    const script: Script = {};
    const asked = await AskedEngine.of(ASK, { script });
    const ids: string[] = [];
    for (let i = 0; i < 8; i++) ids.push(await asked.ask({ amount: i }));
    assert.equal(outcomeOf(await asked.pre()), 'elicitation.too_many');
    assert.equal(asked.inputs.length, 8);
    const extensions = { subject: { ...ANN, id: 'bob', claims: { manager: 'eve' } } };
    assert.equal((await asked.pre(undefined, { extensions })).decision, 'pending');
    script.look = () => ({ outcome: 'denied' });
    assert.equal(await asked.retry(ids[0] ?? '', { amount: 0 }), 'elicitation.denied');
    await asked.ask();
    assert.equal(outcomeOf(await asked.pre()), 'elicitation.too_many');
    asked.clock.now += 300_000;
    await asked.ask();
  });

  it('and of all callers are bounded where operators have to look through them', async () => {
    const storage = new LocalStorage();
    const asked = await AskedEngine.of(ASK, {
      storage,
      rest: { plugins: [{ name: 'h', kind: 'elicitation/local' }] },
    });
    const ask = async (caller: number): Promise<string> => {
      const extensions = { subject: { ...ANN, id: `caller-${caller}` } };
      return outcomeOf(await asked.pre(undefined, { extensions }));
    };
    for (let i = 0; i < 256; i++) assert.equal(await ask(Math.floor(i / 8)), 'elicitation.pending');
    const kept = storage.size;
    assert.equal(await ask(32), 'elicitation.too_many');
    assert.equal(storage.size, kept);
    assert.equal((await asked.engine.questions.store.listed()).length, 256);
  });

  it('leave nothing behind when they could not be put', async () => {
    const storage = new LocalStorage();
    const asked = await AskedEngine.of(ASK, { storage, script: { put: () => ({ outcome: 'expired' }) } });
    assert.equal(outcomeOf(await asked.pre()), 'elicitation.expired');
    assert.equal(storage.size, 0);
  });
});

describe('the verbs', () => {
  it('approvals and reviews are of another person, unless the step says otherwise', async () => {
    for (const verb of ['require_approval', 'require_review']) {
      for (const from of ["'ann'", 'subject.id', "'ANN@test'"]) {
        const asked = await AskedEngine.of(`${verb}(h, from: ${from})`);
        assert.equal(outcomeOf(await asked.pre()), 'elicitation.self_approval');
      }
      const asked = await AskedEngine.of(`${verb}(h, from: subject.id, allow_self: true)`, {
        script: { look: APPROVED },
      });
      assert.equal(await asked.retry(await asked.ask()), 'allow');
    }
    const subject = { issuer: 'https://idp.test', id: 'ann' };
    const asked = await AskedEngine.of(ASK, {
      script: { look: () => ({ outcome: 'approved', approver: 'eve', authentication: { subject } }) },
    });
    assert.equal(await asked.retry(await asked.ask()), 'elicitation.self_approval');
  });

  it('a confirmation is the caller’s own', async () => {
    const other = await AskedEngine.of("confirm(h, from: 'eve')");
    assert.equal(outcomeOf(await other.pre()), 'elicitation.not_requester');
    for (const from of ['subject.id', 'claim.email']) {
      const asked = await AskedEngine.of(`confirm(h, from: ${from})`, { script: { look: APPROVED } });
      assert.equal(await asked.retry(await asked.ask()), 'allow');
    }
  });

  it('an answer of somebody else than was asked counts for nobody', async () => {
    const script = { look: () => ({ outcome: 'approved', approver: 'mallory' }) };
    const asked = await AskedEngine.of(ASK, { script });
    assert.equal(await asked.retry(await asked.ask()), 'elicitation.wrong_approver');
  });

  it('a step-up needs a fresh sign-in of the caller, of the class that the step names', async () => {
    const step = "require_step_up(h, from: subject.id, acr: ['urn:mfa', 'urn:key'])";
    const asked = await AskedEngine.of(step);
    const decision = await asked.pre();
    const id = pendingId(decision);
    assert.deepEqual(decision.violation?.details['acr_values'], ['urn:mfa', 'urn:key']);
    const retry = (claims: Readonly<Record<string, string>>): Promise<string> =>
      asked.retry(id, undefined, { elicitation: { id }, extensions: { subject: { ...ANN, claims } } });
    assert.equal(await retry({ auth_time: '1699999999', acr: 'urn:mfa' }), 'elicitation.pending');
    assert.equal(await retry({ auth_time: '1700000001', acr: 'urn:pwd' }), 'elicitation.pending');
    assert.equal(await retry({ auth_time: '1700000001' }), 'elicitation.pending');
    assert.equal(await retry({ auth_time: 'soon', acr: 'urn:mfa' }), 'elicitation.pending');
    assert.equal(await retry({ auth_time: '1700000001', acr: 'urn:key' }), 'allow');
  });

  it('a step-up takes the sign-in that a channel proves, and nothing less', async () => {
    const step = 'require_step_up(h, from: subject.id)';
    const by = (authentication: unknown): Script => ({ look: () => ({ outcome: 'approved', authentication }) });
    for (const [authentication, outcome] of [
      [undefined, 'elicitation.not_fresh'],
      [{ at: 1_699_999_999 }, 'elicitation.not_fresh'],
      [{ acr: 'urn:mfa' }, 'elicitation.not_fresh'],
      [{ at: 1_700_000_001 }, 'allow'],
      [{ at: 1_700_000_001, subject: { issuer: 'https://idp.test', id: 'eve' } }, 'elicitation.wrong_approver'],
    ] as const) {
      const asked = await AskedEngine.of(step, { script: by(authentication) });
      assert.equal(await asked.retry(await asked.ask()), outcome);
    }
  });

  it('a step-up with `max_age` asks nobody who signed in lately', async () => {
    const asked = await AskedEngine.of('require_step_up(h, from: subject.id, max_age: 60)');
    const withTime = (auth_time: string): Promise<string> =>
      asked.pre(undefined, { extensions: { subject: { ...ANN, claims: { auth_time } } } }).then(outcomeOf);
    assert.equal(await withTime('1699999940'), 'allow');
    assert.equal(await withTime('1699999939'), 'elicitation.pending');
  });

  it('information and attestations need words, or for the latter a sign-in', async () => {
    const say = async (verb: string, answer: object): Promise<string> => {
      const look = (): unknown => ({ outcome: 'approved', ...answer });
      const asked = await AskedEngine.of(`${verb}(h, from: 'eve')`, { script: { look } });
      return asked.retry(await asked.ask());
    };
    assert.equal(await say('request_info', {}), 'elicitation.incomplete_answer');
    assert.equal(await say('request_info', { authentication: { at: 1 } }), 'elicitation.incomplete_answer');
    assert.equal(await say('request_info', { text: '42' }), 'allow');
    assert.equal(await say('require_attestation', {}), 'elicitation.incomplete_answer');
    assert.equal(await say('require_attestation', { text: 'I have seen the invoice' }), 'allow');
    assert.equal(await say('require_attestation', { authentication: { at: 1 } }), 'allow');
  });
});

describe('questions to humans fail closed', () => {
  it('who must approve is read at every retry', async () => {
    const { asked, id } = await approvedEngine();
    const extensions = { subject: { ...ANN, claims: { manager: 'bob' } } };
    assert.equal(await asked.retry(id, undefined, { elicitation: { id }, extensions }), 'elicitation.other_question');
  });

  it('an approval is of one caller, operation and time, and is used once', async () => {
    const { asked, id } = await approvedEngine();
    assert.equal(await asked.retry(id), 'allow');
    assert.equal(await asked.retry(id), 'elicitation.used');
  });

  it('two questions of one request are two, each answered for itself', async () => {
    const answers = new Map<string, unknown>();
    const asked = await AskedEngine.of(["require_approval(h, from: 'eve')", "require_approval(h, from: 'bob')"], {
      script: { look: ({ from }) => answers.get(from) },
    });
    const first = await asked.ask();
    answers.set('eve', { outcome: 'approved' });
    const second = pendingId(await asked.pre(undefined, { elicitation: { id: first } }));
    assert.deepEqual(
      asked.inputs.map(({ from }) => from),
      ['eve', 'eve', 'bob'],
    );
    assert.equal(await asked.peek(second), 'elicitation.pending');
    answers.set('bob', { outcome: 'denied' });
    assert.equal(await asked.retry(second), 'elicitation.denied');
  });

  it('`on_error: continue` waves no expired, foreign or uncovered approval through', async () => {
    const lenient = (rest: string): string => `require_approval(h, from: claim.manager, on_error: continue${rest})`;
    const late = await AskedEngine.of(lenient(''), { script: { look: () => ({ outcome: 'expired' }) } });
    assert.equal(await late.retry(await late.ask()), 'elicitation.expired');
    const foreign = await AskedEngine.of(lenient(''), {
      script: { look: () => ({ outcome: 'approved', approver: 'x' }) },
    });
    assert.equal(await foreign.retry(await foreign.ask()), 'elicitation.wrong_approver');
    const uncovered = await AskedEngine.of(lenient(", scope: 'args.amount > 5'"), { script: { look: APPROVED } });
    assert.equal(await uncovered.retry(await uncovered.ask()), 'elicitation.out_of_scope');
    const { asked } = await approvedEngine(lenient(''));
    assert.equal(await asked.retry('a'.repeat(64)), 'elicitation.unknown');
  });

  it('the one who is asked reads the amount', async () => {
    const asked = await AskedEngine.of(STEP);
    await asked.ask({ amount: 9 });
    assert.equal(asked.inputs[0]?.purpose, 'pay 9 to (none)');
  });

  it('a peek runs nothing that follows the approval', async () => {
    const called: string[] = [];
    const asked = await AskedEngine.of([ASK, 'plugin(g)'], {
      rest: {
        plugins: [
          { name: 'h', kind: 'test' },
          { name: 'g', kind: 'test' },
        ],
      },
      load: {
        plugins: [
          testKind({
            h: { elicit: (input) => (input.state === undefined ? { outcome: 'pending' } : { outcome: 'approved' }) },
            g: { invoke: () => (called.push('g'), { outcome: 'allow' }) },
          }),
        ],
      },
    });
    const id = await asked.ask();
    assert.equal(await asked.peek(id), 'elicitation.approved');
    assert.deepEqual(called, []);
    assert.equal(await asked.retry(id), 'allow');
    assert.deepEqual(called, ['g']);
  });

  it('an approval within its scope covers no other arguments within that scope', async () => {
    const asked = await AskedEngine.of(STEP, { script: { look: APPROVED } });
    const id = await asked.ask({ amount: 5, to: 'bob' });
    assert.equal(await asked.retry(id, { amount: 9, to: 'bob' }), 'elicitation.other_arguments');
    assert.equal(await asked.retry(id, { amount: 5, to: 'eve' }), 'elicitation.other_arguments');
  });

  it('a scope that is no predicate does not load', async () => {
    const text = `plugins: [{name: h, kind: test}]
routes: [{tool: t, pre_invocation: ["require_approval(h, from: 'x', scope: 'args.amount <')"]}]`;
    const found = await findingsOf(text, { plugins: [testKind({})] });
    assert.ok(
      found.some(([code]) => code?.startsWith('language/')),
      JSON.stringify(found),
    );
  });

  it('nobody is made to ask after an id that the engine did not draw', async () => {
    const asked = await AskedEngine.of(ASK);
    await asked.retry('auth-req-id-of-somebody-else');
    await asked.retry('a'.repeat(64));
    assert.deepEqual(asked.inputs, []);
  });

  it('a question after the operation is bound to the result', async () => {
    const asked = await AskedEngine.of(['allow'], {
      route: { post_invocation: [ASK] },
      script: { look: APPROVED },
    });
    const post = async (result: string, id?: string): Promise<string> => {
      const operation = call('t', {
        extensions: { subject: ANN },
        ...(id === undefined ? {} : { elicitation: { id } }),
      });
      await asked.engine.pre(operation);
      const decision = await asked.engine.post(operation, result);
      return decision.decision === 'pending' ? pendingId(decision) : outcomeOf(decision);
    };
    const id = await post('a');
    assert.equal(await post('b', id), 'elicitation.other_arguments');
    assert.equal(await post('a', id), 'allow');
    assert.equal(await post('a', id), 'elicitation.used');
  });
});

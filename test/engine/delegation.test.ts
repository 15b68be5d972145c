import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { DelegateInput, DelegateOutcome, Plugin } from '../../src/engine/plugin.ts';
import type { Decision } from '../../src/engine/decision.ts';
import { call, engineOf, findingsOf, outcomeOf, testKind } from '../support/engine.ts';

const granted = (permissions: readonly string[], rest: object = {}): DelegateOutcome => ({
  outcome: 'granted',
  token: 'minted-token',
  header: 'authorization',
  permissions,
  ...rest,
});
const DENIED: DelegateOutcome = { outcome: 'deny', violation: { code: 'idp.refused', reason: 'no', details: {} } };

async function run(
  rules: readonly unknown[],
  delegate: (input: DelegateInput) => unknown,
  entry: object = {},
): Promise<Decision> {
  const text = JSON.stringify({
    plugin_settings: { routing_enabled: true, plugin_timeout: 1 },
    plugins: [{ name: 'd', kind: 'test', ...entry }],
    routes: [{ tool: 't', pre_invocation: rules }],
  });
  const engine = await engineOf(text, {
    plugins: [testKind({ d: { delegate: (input) => delegate(input) as DelegateOutcome } })],
  });
  const credentials = [{ role: 'user', token: 'inbound', header: 'authorization' }] as const;
  return engine.pre(call('t', { credentials, extensions: { subject: { id: 'ann' } } }));
}

describe('delegate', () => {
  it('mints a credential and tells policy what was granted', async () => {
    const rules = [
      'delegate(d, audience: api)',
      'require(delegation.granted)',
      "require(delegation.granted.permissions contains 'read')",
      "require(delegation.granted.audience == 'api')",
      "delegation.granted.expires_at == '2023-11-14T22:13:20Z': deny('r', 'all of it')",
    ];
    const decision = await run(rules, () => granted(['read'], { audience: 'api', expiresAt: 1_700_000_000_999 }));
    assert.equal(outcomeOf(decision), 'all of it');
    assert.equal(decision.delegatedTokens, undefined, 'a denied operation takes no token along');
    const allowed = await run(['delegate(d)'], () => granted([]));
    assert.deepEqual(
      allowed.delegatedTokens?.map(({ token, header }) => [header, token]),
      [['authorization', 'minted-token']],
    );
    assert.doesNotMatch(inspect(allowed, { depth: 9 }) + JSON.stringify(allowed), /minted-token/);
  });

  it('hands over the keys of the step, and credentials with the capability only', async () => {
    const inputs: DelegateInput[] = [];
    const keep = (input: DelegateInput): DelegateOutcome => (inputs.push(input), granted([]));
    await run(['delegate(d, audience: api, permissions: [a, b])'], keep);
    await run([{ delegate: { plugin: 'd', config: { audience: 'api' }, on_error: 'continue' } }], keep, {
      capabilities: ['read_inbound_credentials', 'read_subject'],
    });
    assert.deepEqual(inputs[0]?.config, { audience: 'api', permissions: ['a', 'b'] });
    assert.deepEqual(inputs[0].credentials, []);
    assert.equal(inputs[0].extensions.subject, undefined);
    assert.deepEqual(inputs[1]?.config, { audience: 'api' });
    assert.deepEqual(
      inputs[1].credentials.map(({ token }) => token),
      ['inbound'],
    );
    assert.equal(JSON.stringify(inputs[1].credentials), '[{"role":"user","header":"authorization"}]');
    assert.equal(inputs[1].extensions.subject?.id, 'ann');
  });

  it('the plugin looks at the keys of each step at load', async () => {
    const d: Plugin = {
      delegate: () => granted([]),
      checkDelegate: ({ audience, note }) => {
        if (audience === undefined) throw new Error('no audience');
        return note === undefined ? [] : [{ message: 'a note', help: 'leave it out' }];
      },
    };
    const findings = (rule: string): Promise<readonly (readonly string[])[]> =>
      findingsOf(`plugins: [{name: d, kind: test}]\nroutes: [{tool: t, pre_invocation: ['${rule}']}]`, {
        plugins: [testKind({ d })],
      });
    assert.deepEqual(await findings('delegate(d, audience: a)'), []);
    assert.deepEqual(await findings('delegate(d)'), [['config/delegate-step', 'delegate(d)']]);
    const doubted = 'delegate(d, audience: a, note: b)';
    assert.deepEqual(await findings(doubted), [['config/plugin-doubt', doubted]]);
  });

  it('a refusal denies with the code of the plugin, or goes on', async () => {
    assert.equal(outcomeOf(await run(['delegate(d)'], () => DENIED)), 'idp.refused');
    assert.equal(outcomeOf(await run(['delegate(d, on_error: continue)'], () => DENIED)), 'allow');
  });

  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['never answers', () => new Promise(() => undefined)],
    ['grants an empty token', () => granted([], { token: '' })],
    ['grants a token that no header can hold', () => granted([], { token: 'a\r\nhost: b' })],
    ['names no header', () => granted([], { header: 'a b' })],
    ['names a header that routes the request', () => granted([], { header: 'Host' })],
    ['names a header of the protocol', () => granted([], { header: 'Mcp-Session-Id' })],
    ['grants until no time', () => granted([], { expiresAt: Number.NaN })],
    ['grants without permissions', () => ({ ...granted([]), permissions: undefined })],
    ['answers nothing', () => undefined],
  ];
  for (const [how, delegate] of failures) {
    it(`a plugin that ${how} denies`, async () =>
      assert.equal(outcomeOf(await run(['delegate(d)'], delegate)), 'plugin.d.error'));
  }

  it('a later step never passes on an earlier grant', async () => {
    let calls = 0;
    const once = (): DelegateOutcome => {
      calls += 1;
      return calls === 1 ? granted(['admin']) : DENIED;
    };
    const rules = [
      'delegate(d)',
      'delegate(d, on_error: continue)',
      "delegation.granted: deny('r', 'stale')",
      'require(!exists(delegation.granted.permissions))',
    ];
    assert.equal(outcomeOf(await run(rules, once)), 'allow');
    calls = 0;
    const narrower = (): DelegateOutcome => ((calls += 1), calls === 1 ? granted(['admin']) : granted([]));
    const checked = ['delegate(d)', 'delegate(d)', "require(delegation.granted.permissions contains 'admin')"];
    assert.equal(outcomeOf(await run(checked, narrower)), 'routes.tool:t.pre_invocation[2]');
  });

  it('a grant of pre is known in post', async () => {
    const engine = await engineOf(
      `
plugin_settings: {routing_enabled: true}
plugins: [{name: d, kind: test}]
routes: [{tool: t, pre_invocation: [delegate(d)], post_invocation: ["delegation.granted.permissions contains 'x': deny('r', 'known')"]}]`,
      { plugins: [testKind({ d: { delegate: () => granted(['x']) } })] },
    );
    const operation = call('t');
    await engine.pre(operation);
    const post = await engine.post(operation, 1);
    assert.equal(outcomeOf(post), 'known');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision, Operation } from '../../src/index.ts';
import type { Plugin, PluginChanges, PluginInput } from '../../src/engine/plugin.ts';
import { call, engineOf, outcomeOf, testKind } from '../support/engine.ts';

const CUSTOM = { extensions: { custom: { tier: 'silver' }, subject: { id: 'ann' } } };

interface Setting {
  readonly changes: PluginChanges;
  readonly capabilities?: readonly string[];
  readonly rules?: readonly string[];
  readonly post?: readonly string[];
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly operation?: Omit<Operation, 'entity'>;
}

interface Outcome {
  readonly pre: Decision;
  readonly post: Decision | undefined;
  /** What a plugin saw that was called after the one that changes. */
  readonly seen: readonly PluginInput[];
}

/** Calls `writer` by the first rule and `reader` by the second. */
async function write({
  changes,
  capabilities = [],
  rules = [],
  post = [],
  entry,
  operation,
}: Setting): Promise<Outcome> {
  const seen: PluginInput[] = [];
  const plugins: Readonly<Record<string, Plugin>> = {
    writer: { invoke: () => ({ outcome: 'modify', ...changes }) },
    reader: {
      invoke: (input) => {
        seen.push(input);
        return { outcome: 'allow' };
      },
    },
  };
  const bundle = {
    plugin_settings: { routing_enabled: true },
    plugins: [
      { name: 'writer', kind: 'test', capabilities, ...entry },
      { name: 'reader', kind: 'test', capabilities: ['read_headers', 'read_delegation'] },
    ],
    routes: [{ tool: 't', pre_invocation: ['plugin(writer)', 'plugin(reader)', ...rules], post_invocation: post }],
  };
  const engine = await engineOf(JSON.stringify(bundle), { plugins: [testKind(plugins)] });
  const asked = call('t', operation ?? CUSTOM);
  const pre = await engine.pre(asked);
  const after = pre.decision === 'allow' ? await engine.post(asked, null) : undefined;
  await engine.close();
  return { pre, post: after, seen };
}

describe('a plugin writes', () => {
  it('`custom`, which later plugins and rules see, in post too', async () => {
    const { pre, post, seen } = await write({
      changes: { custom: { tier: 'gold', nested: { a: 1 } } },
      capabilities: ['write_custom'],
      rules: ["custom.tier == 'silver': deny('old', 'old')", "custom.nested.a != 1: deny('lost', 'lost')"],
      post: ["custom.tier == 'gold': deny('seen', 'seen')"],
    });
    assert.deepEqual([outcomeOf(pre), post && outcomeOf(post)], ['allow', 'seen']);
    assert.deepEqual(seen[0]?.extensions.custom, { tier: 'gold', nested: { a: 1 } });
  });

  it('headers of the upstream request, in any spelling, and takes others away', async () => {
    const { pre, post, seen } = await write({
      changes: { headers: { 'X-Tenant': 'acme', 'x-old': null } },
      capabilities: ['write_headers'],
      rules: ["http.request_headers['x-tenant'] != 'acme': deny('no', 'no')", "exists(http.request_headers['X-Old'])"],
      operation: {
        extensions: { http: { method: 'POST', request_headers: { 'X-TENANT': 'b', 'X-Old': '1', y: '2' } } },
      },
    });
    assert.equal(outcomeOf(pre), 'allow');
    assert.deepEqual(pre.headers, { 'x-tenant': 'acme', 'x-old': null });
    assert.deepEqual(seen[0]?.extensions.http, { method: 'POST', request_headers: { y: '2', 'x-tenant': 'acme' } });
    assert.equal(post?.headers, undefined);
  });

  it('no headers of what is denied', async () => {
    const { pre } = await write({
      changes: { headers: { a: 'b' } },
      capabilities: ['write_headers'],
      rules: ['deny'],
    });
    assert.deepEqual([pre.decision, pre.headers], ['deny', undefined]);
  });

  it('credentials for the upstream, which no printing shows', async () => {
    const { pre } = await write({
      changes: { delegatedTokens: [{ token: 'minted', header: 'X-Token' }] },
      capabilities: ['write_delegated_tokens'],
    });
    assert.deepEqual([pre.delegatedTokens?.[0]?.token, pre.delegatedTokens?.[0]?.header], ['minted', 'X-Token']);
    assert.doesNotMatch(JSON.stringify(pre.delegatedTokens), /minted/);
  });

  it('one hop of delegation, under the origin that is known', async () => {
    const { pre, seen } = await write({
      changes: { delegation: { origin_subject_id: 'mallory', actor_subject_id: 'agent-2', age_seconds: 3 } },
      capabilities: ['append_delegation'],
      rules: ["delegation.depth > 1: deny('deep', 'deep')"],
      operation: { extensions: { delegation: { depth: 1, delegated: true, origin_subject_id: 'ann' } } },
    });
    assert.equal(outcomeOf(pre), 'deep');
    assert.deepEqual(seen[0]?.extensions.delegation, {
      depth: 2,
      delegated: true,
      origin_subject_id: 'ann',
      actor_subject_id: 'agent-2',
      age_seconds: 3,
    });
  });

  it('a restriction, which narrows and never widens', async () => {
    const { pre } = await write({
      changes: { constraint: { allow_models: ['b', 'c'], on_empty: 'fallback' } },
      capabilities: ['write_candidate_constraint'],
      operation: { constraint: { allow_models: ['a', 'b'], deny_models: ['x'], on_empty: 'deny' } },
    });
    assert.deepEqual(pre.constraint, {
      allow_models: ['b'],
      allow_models_each: [
        ['a', 'b'],
        ['b', 'c'],
      ],
      deny_models: ['x'],
      on_empty: 'deny',
    });
  });
});

describe('a write without its capability denies', () => {
  const writes: readonly (readonly [string, PluginChanges])[] = [
    ['write_custom', { custom: {} }],
    ['write_headers', { headers: { a: 'b' } }],
    ['write_delegated_tokens', { delegatedTokens: [{ token: 't', header: 'X-Token' }] }],
    ['append_delegation', { delegation: { actor_subject_id: 'a' } }],
    ['write_candidate_constraint', { constraint: { on_empty: 'deny' } }],
    ['append_labels', { labels: ['a'] }],
  ];
  for (const [capability, changes] of writes) {
    it(`${capability}, although every other is there`, async () => {
      const others = writes.map(([name]) => name).filter((name) => name !== capability);
      assert.equal(outcomeOf((await write({ changes, capabilities: others })).pre), 'plugin.writer.error');
      assert.equal(outcomeOf((await write({ changes, capabilities: [capability] })).pre), 'allow');
    });

    it(`${capability}, in a mode that changes nothing`, async () => {
      const { pre } = await write({ changes, capabilities: [capability], entry: { mode: 'audit' } });
      assert.equal(outcomeOf(pre), 'plugin.writer.error');
    });
  }
});

describe('a change that is not well-formed denies, and nothing of the answer counts', () => {
  const capabilities = [
    'write_custom',
    'write_headers',
    'write_delegated_tokens',
    'append_delegation',
    'write_candidate_constraint',
    'append_labels',
  ];
  const wrong: readonly (readonly [string, unknown])[] = [
    ['custom that is no object', { custom: ['a'] }],
    ['custom that is no data', { custom: { now: () => 1 } }],
    ['a header with a line break', { headers: { a: 'b\r\nc: d' } }],
    ['a header with a name of its own', { headers: { 'a b': 'c' } }],
    ['a header that says how the message is read', { headers: { 'Transfer-Encoding': 'chunked' } }],
    ['a header of the gateway', { headers: { 'mcp-session-id': 's' } }],
    ['a header that is a list', { headers: { a: ['b'] } }],
    ['headers that are no map', { headers: 'a: b' }],
    ['a credential that is none', { delegatedTokens: [{ token: '', header: 'X-Token' }] }],
    ['a credential with a blank', { delegatedTokens: [{ token: 'a b', header: 'X-Token' }] }],
    ['a credential in the host header', { delegatedTokens: [{ token: 'a', header: 'Host' }] }],
    ['a hop that sets the depth', { delegation: { depth: 0 } }],
    ['a hop from the future', { delegation: { age_seconds: -1 } }],
    ['a restriction with an unknown member', { constraint: { allow_model: ['a'], on_empty: 'deny' } }],
    ['a restriction that lists no texts', { constraint: { allow_models: 'a', on_empty: 'deny' } }],
    ['a restriction without `on_empty`', { constraint: { allow_models: ['a'] } }],
    ['a member that nothing reads', { lables: ['a'] }],
  ];
  for (const [name, changes] of wrong) {
    it(name, async () => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a plugin may answer anything
      const answered = { labels: ['kept'], ...(changes as PluginChanges) };
      const { pre } = await write({ changes: answered, capabilities });
      assert.equal(outcomeOf(pre), 'plugin.writer.error');
      assert.deepEqual(
        [pre.taints, pre.headers, pre.delegatedTokens, pre.constraint],
        [[], undefined, undefined, null],
      );
    });
  }

  it('headers and credentials once the operation has run', async () => {
    for (const changes of [{ headers: { a: 'b' } }, { delegatedTokens: [{ token: 't', header: 'X-Token' }] }]) {
      const { post } = await write({ changes: {}, capabilities, post: ['plugin(writer)'] });
      assert.equal(post && outcomeOf(post), 'allow');
      const late: Plugin = {
        invoke: ({ phase }) => (phase === 'post' ? { outcome: 'modify', ...changes } : { outcome: 'allow' }),
      };
      const bundle = {
        plugins: [{ name: 'late', kind: 'test', capabilities }],
        routes: [{ tool: 't', post_invocation: ['plugin(late)'] }],
      };
      const engine = await engineOf(JSON.stringify(bundle), { plugins: [testKind({ late })] });
      const operation = call('t');
      await engine.pre(operation);
      assert.equal(outcomeOf(await engine.post(operation, null)), 'plugin.late.error');
      await engine.close();
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation } from '../../src/engine/operation.ts';
import type { Plugin, PluginInput, PluginOutcome } from '../../src/engine/plugin.ts';
import type { Decision } from '../../src/engine/decision.ts';
import { DISABLE_FOR } from '../../src/plugins/breaker.ts';
import type { Alarm } from '../../src/session/label-store.ts';
import { alarms, bundleOf, call, engineOf, findingsOf, outcomeOf, testKind } from '../support/engine.ts';

const ALLOW: PluginOutcome = { outcome: 'allow' };
const DENIED: PluginOutcome = { outcome: 'deny', violation: { code: 'p.no', reason: 'no', details: { why: 1 } } };
const ANN = { extensions: { subject: { id: 'ann' } } };

const wrong = (answer: unknown): Plugin => ({ invoke: () => answer as PluginOutcome });

/** Calls one plugin `p` by a step, or where `rest` of the entry and the bundle say. */
async function invoke(
  plugin: Plugin,
  entry: Readonly<Record<string, unknown>> = {},
  operation: Omit<Operation, 'entity'> = { args: { a: 1 }, ...ANN },
): Promise<{ readonly decision: Decision; readonly raised: readonly Alarm[] }> {
  const { raised, alarm } = alarms();
  const text = JSON.stringify({
    plugin_settings: { routing_enabled: true, plugin_timeout: 1 },
    plugins: [{ name: 'p', kind: 'test', ...entry }],
    routes: [{ tool: 't', pre_invocation: ['plugin(p)'] }],
  });
  const engine = await engineOf(text, { plugins: [testKind({ p: plugin })], alarm });
  return { decision: await engine.pre(call('t', operation)), raised };
}

describe('a plugin called by a step', () => {
  it('allows, denies with all that it says, and modifies', async () => {
    assert.equal(outcomeOf((await invoke({ invoke: () => ALLOW })).decision), 'allow');
    assert.deepEqual((await invoke({ invoke: () => DENIED })).decision.violation, {
      code: 'p.no',
      reason: 'no',
      details: { why: 1 },
    });
    const { decision } = await invoke({ invoke: () => ({ outcome: 'modify', args: { b: 2 } }) });
    assert.deepEqual(decision.args, { b: 2 });
    assert.equal(decision.modified.args, true);
  });

  const failures: readonly (readonly [string, Plugin, string])[] = [
    [
      'throws',
      {
        invoke: () => {
          throw new Error('secret detail');
        },
      },
      'error',
    ],
    ['rejects', { invoke: () => Promise.reject(new Error('secret detail')) }, 'error'],
    ['does not answer in time', { invoke: () => new Promise(() => undefined) }, 'timeout'],
    ['has no method for the hook', {}, 'hook'],
    ['answers nothing', wrong(undefined), 'answer'],
    ['answers true', wrong(true), 'answer'],
    ['answers a list', wrong(['allow']), 'answer'],
    ['answers an unknown outcome', wrong({ outcome: 'allowed' }), 'answer'],
    ['denies without a violation', wrong({ outcome: 'deny' }), 'answer'],
    ['denies with half a violation', wrong({ outcome: 'deny', violation: { code: 'x' } }), 'answer'],
    ['changes the result before there is one', wrong({ outcome: 'modify', result: 1 }), 'answer'],
    ['changes a field that it was not given', wrong({ outcome: 'modify', field: 1 }), 'answer'],
    ['changes the arguments to a function', wrong({ outcome: 'modify', args: () => 1 }), 'answer'],
    ['labels without the capability', wrong({ outcome: 'modify', labels: ['x'] }), 'answer'],
    ['labels with something else than texts', wrong({ outcome: 'modify', labels: [1] }), 'answer'],
  ];
  for (const [how, plugin, failure] of failures) {
    it(`that ${how} denies under on_error: fail`, async () => {
      const { decision, raised } = await invoke(plugin);
      assert.deepEqual(decision.violation, {
        code: 'plugin.p.error',
        reason: 'plugin `p` gave no answer',
        details: {},
      });
      assert.deepEqual(raised, [{ alarm: 'plugin_failure', plugin: 'p', hook: 'cmf.tool_pre_invoke', failure }]);
    });
  }

  it('that fails is alarmed and passed over under on_error: ignore, and its change is dropped', async () => {
    const { decision, raised } = await invoke(wrong({ outcome: 'modify', args: { b: 2 }, labels: ['x'] }), {
      on_error: 'ignore',
    });
    assert.equal(outcomeOf(decision), 'allow');
    assert.deepEqual(decision.args, { a: 1 });
    assert.deepEqual(decision.taints, []);
    assert.deepEqual(
      raised.map(({ alarm }) => alarm),
      ['plugin_failure'],
    );
  });

  it('still denies under on_error: ignore', async () => {
    assert.equal(outcomeOf((await invoke({ invoke: () => DENIED }, { on_error: 'ignore' })).decision), 'p.no');
  });

  it('rests after a failure under on_error: disable, and is tried again', async () => {
    let clock = 1_000_000;
    let fails = true;
    let calls = 0;
    const plugin: Plugin = {
      invoke: () => {
        calls += 1;
        if (fails) throw new Error('down');
        return DENIED;
      },
    };
    const { raised, alarm } = alarms();
    const engine = await engineOf(
      `
plugin_settings: {routing_enabled: true}
plugins: [{name: p, kind: test, on_error: disable}]
routes: [{tool: t, pre_invocation: [plugin(p)]}]`,
      { plugins: [testKind({ p: plugin })], alarm, now: () => clock },
    );
    const outcome = async (): Promise<string> => outcomeOf(await engine.pre(call('t')));
    assert.equal(await outcome(), 'allow');
    assert.deepEqual(
      raised.map((each) => each.alarm),
      ['plugin_failure', 'plugin_disabled'],
    );
    fails = false;
    clock += DISABLE_FOR - 1;
    assert.equal(await outcome(), 'allow');
    assert.equal(calls, 1);
    clock += 1;
    assert.equal(await outcome(), 'p.no');
    assert.equal(calls, 2);
  });

  it('that rests is tried by one call at a time, and alarms count what passed unchecked', async () => {
    let clock = 0;
    const waiting: ((outcome: PluginOutcome) => void)[] = [];
    const plugin: Plugin = { invoke: () => new Promise((resolve) => waiting.push(resolve)) };
    const { raised, alarm } = alarms();
    const text = `
plugin_settings: {routing_enabled: true}
plugins: [{name: p, kind: test, on_error: disable}]
routes: [{tool: t, pre_invocation: [plugin(p)]}]`;
    const engine = await engineOf(text, { plugins: [testKind({ p: plugin })], alarm, now: () => clock });
    const decide = async (): Promise<string> => outcomeOf(await engine.pre(call('t')));
    const answer = (outcome: unknown): void => waiting.shift()?.(outcome as PluginOutcome);
    const counts = (): readonly unknown[] =>
      raised.flatMap(({ alarm: name, passed }) => (passed === undefined ? [] : [[name, passed]]));

    const [first, second] = [decide(), decide()];
    answer('wrong');
    assert.equal(await first, 'allow');
    assert.equal(await decide(), 'allow');
    clock += DISABLE_FOR;
    const trial = decide();
    assert.equal(await decide(), 'allow');
    // A call from before the plugin was disabled decides for itself alone.
    answer(ALLOW);
    assert.equal(await second, 'allow');
    assert.equal(await decide(), 'allow');
    answer('wrong');
    assert.equal(await trial, 'allow');
    assert.deepEqual(counts(), [
      ['plugin_disabled', 0],
      ['plugin_disabled', 3],
    ]);

    clock += DISABLE_FOR;
    const again = decide();
    answer(DENIED);
    assert.equal(await again, 'p.no');
    const after = decide();
    answer(DENIED);
    assert.equal(await after, 'p.no');
    assert.deepEqual(counts().at(-1), ['plugin_enabled', 3]);
    await engine.close();
  });

  for (const mode of ['audit', 'concurrent', 'fire_and_forget', 'transform']) {
    it(`denies in mode ${mode} too`, async () => {
      assert.equal(outcomeOf((await invoke({ invoke: () => DENIED }, { mode })).decision), 'p.no');
    });
  }

  for (const mode of ['audit', 'concurrent', 'fire_and_forget']) {
    it(`may change nothing in mode ${mode}`, async () => {
      const { decision } = await invoke(wrong({ outcome: 'modify', args: {} }), { mode });
      assert.equal(outcomeOf(decision), 'plugin.p.error');
    });
  }

  it('attaches labels with the capability', async () => {
    const { decision } = await invoke(wrong({ outcome: 'modify', labels: ['x', 'y'] }), {
      capabilities: ['append_labels'],
    });
    assert.deepEqual(decision.taints, [
      { label: 'x', scopes: ['session'] },
      { label: 'y', scopes: ['session'] },
    ]);
    assert.deepEqual([...decision.labels], ['x', 'y']);
  });

  it('answers by promises of any make', async () => {
    // oxlint-disable-next-line unicorn/no-thenable
    const foreign = { then: (done: (outcome: PluginOutcome) => void) => setImmediate(() => done(DENIED)) };
    assert.equal(outcomeOf((await invoke(wrong(foreign))).decision), 'p.no');
  });
});

describe('what a plugin sees', () => {
  const request: Omit<Operation, 'entity'> = {
    args: { a: { deep: [1] } },
    extensions: {
      subject: {
        id: 'ann',
        issuer: 'i',
        type: 'user',
        tenant: 't',
        roles: ['r'],
        permissions: ['p'],
        teams: ['m'],
        claims: { c: 'v' },
      },
      client: { client_id: 'app' },
      caller_workload: { client_id: 'w' },
      this_workload: { client_id: 'gw' },
      agent: { session_id: 's' },
      delegation: { depth: 1 },
      http: { method: 'GET', request_headers: { authorization: 'secret' } },
      meta: { properties: { k: 'v' } },
      request: { environment: 'prod' },
      llm: { model_id: 'm' },
      custom: { k: 1 },
      auth_method: 'mtls',
      classification: 'internal',
      labels: ['host'],
    },
  };
  const seen = async (capabilities: readonly string[]): Promise<PluginInput> => {
    const inputs: PluginInput[] = [];
    const plugin: Plugin = {
      invoke: (input) => {
        inputs.push(input);
        return ALLOW;
      },
    };
    await invoke(plugin, { capabilities }, request);
    const [input] = inputs;
    assert.ok(input);
    return input;
  };
  const open = ['auth_method', 'classification', 'custom', 'llm', 'meta', 'request'];

  it('without capabilities only the open slots', async () => {
    const { extensions, labels, args, phase, hook, result } = await seen([]);
    assert.deepEqual(Object.keys(extensions).toSorted(), open);
    assert.deepEqual([...labels], []);
    assert.deepEqual([args, phase, hook, result], [request.args, 'pre', 'cmf.tool_pre_invoke', undefined]);
  });

  const subjectBase = ['id', 'issuer', 'tenant', 'type'];
  const reveals: readonly {
    readonly capability: string;
    readonly slot: string;
    readonly members?: readonly string[];
  }[] = [
    { capability: 'read_subject', slot: 'subject', members: subjectBase },
    { capability: 'read_roles', slot: 'subject', members: [...subjectBase, 'roles'] },
    { capability: 'read_permissions', slot: 'subject', members: [...subjectBase, 'permissions'] },
    { capability: 'read_teams', slot: 'subject', members: [...subjectBase, 'teams'] },
    { capability: 'read_claims', slot: 'subject', members: [...subjectBase, 'claims'] },
    { capability: 'read_client', slot: 'client' },
    { capability: 'read_agent', slot: 'agent' },
    { capability: 'read_headers', slot: 'http' },
    { capability: 'write_headers', slot: 'http' },
    { capability: 'read_delegation', slot: 'delegation' },
    { capability: 'append_delegation', slot: 'delegation' },
  ];
  for (const { capability, slot, members } of reveals) {
    it(`${capability} reveals ${slot}`, async () => {
      const { extensions } = await seen([capability]);
      assert.deepEqual(Object.keys(extensions).toSorted(), [...open, slot].toSorted());
      if (members) assert.deepEqual(Object.keys(extensions.subject ?? {}).toSorted(), members.toSorted());
    });
  }

  it('read_workload reveals both workloads', async () => {
    const { extensions } = await seen(['read_workload']);
    assert.deepEqual([extensions.caller_workload, extensions.this_workload], [{ client_id: 'w' }, { client_id: 'gw' }]);
  });

  for (const capability of ['read_labels', 'append_labels']) {
    it(`${capability} reveals the labels`, async () => {
      assert.deepEqual([...(await seen([capability])).labels], ['host']);
    });
  }

  it('is frozen all the way down, and a copy', async () => {
    const input = await seen(['read_roles', 'read_claims', 'read_headers']);
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    const { labels: _labels, ...rest } = input;
    assert.ok(Object.values(rest).every(frozen));
    assert.ok(Object.isFrozen(input));
    assert.ok(!Object.isFrozen(request.args));
  });

  it('is a copy for questions to humans and for delegation too', async () => {
    const args = { list: [1] };
    const meddle: Plugin = {
      delegate: ({ config }) => {
        Object.assign(config, { audience: 'evil' });
        return { outcome: 'granted', token: 't', header: 'h', permissions: [] };
      },
      elicit: (input) => {
        (input.args as { list: number[] }).list.push(2);
        return { outcome: 'approved' };
      },
    };
    const engine = await engineOf(
      `
plugin_settings: {routing_enabled: true}
plugins: [{name: p, kind: test}]
routes: [{tool: d, pre_invocation: ["delegate(p, audience: api)"]}, {tool: e, pre_invocation: ["confirm(p, from: 'ann')"]}]`,
      { plugins: [testKind({ p: meddle })] },
    );
    const extensions = { subject: { id: 'ann' } };
    assert.equal(outcomeOf(await engine.pre(call('d', { args }))), 'plugin.p.error');
    assert.equal(outcomeOf(await engine.pre(call('e', { args, extensions }))), 'plugin.p.error');
    assert.deepEqual(args, { list: [1] });
  });
});

/** Plugins activated by lists, in the order of their calls. */
async function structural(
  plugins: readonly Readonly<Record<string, unknown>>[],
  rest: Readonly<Record<string, unknown>>,
  outcomes: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = { routing_enabled: true },
): Promise<{ readonly decision: Decision; readonly calls: readonly string[] }> {
  const calls: string[] = [];
  const made = Object.fromEntries(
    plugins.map(({ name }) => {
      const plugin: Plugin = {
        invoke: ({ phase }) => {
          calls.push(`${String(name)}/${phase}`);
          return (outcomes[String(name)] ?? ALLOW) as PluginOutcome;
        },
      };
      return [name, plugin];
    }),
  );
  const text = JSON.stringify({
    plugin_settings: settings,
    plugins: plugins.map((each) => ({ kind: 'test', ...each })),
    ...rest,
  });
  const engine = await engineOf(text, { plugins: [testKind(made)] });
  const operation = call('t', { args: { a: 1 } });
  const pre = await engine.pre(operation);
  const decision = pre.decision === 'allow' ? await engine.post(operation, { r: 1 }) : pre;
  await new Promise(setImmediate);
  return { decision, calls };
}

describe('plugins that a list activates', () => {
  const route = (rest: Readonly<Record<string, unknown>>): object => ({ routes: [{ tool: 't', ...rest }] });

  it('run beside the policy: by priority before its steps in pre, after them in post', async () => {
    const { calls } = await structural(
      [
        { name: 'late', priority: 200 },
        { name: 'early', priority: -1 },
        { name: 'step', mode: 'audit' },
      ],
      route({
        plugins: ['late', 'early'],
        pre_invocation: ['plugin(step)'],
        post_invocation: ['plugin(step)'],
      }) as Record<string, unknown>,
    );
    assert.deepEqual(calls, ['early/pre', 'late/pre', 'step/pre', 'step/post', 'early/post', 'late/post']);
  });

  it('come from the group `all`, the default, groups, tags and the route, each once', async () => {
    const { calls } = await structural([{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }], {
      global: { defaults: { tool: { plugins: ['b'] } } },
      groups: { all: { plugins: ['a', 'b'] }, g: { plugins: ['c'] }, x: { plugins: ['d'] } },
      routes: [{ tool: 't', groups: 'g', meta: { tags: ['x'] }, plugins: ['a'] }],
    });
    assert.deepEqual(calls.slice(0, 4).toSorted(), ['a/pre', 'b/pre', 'c/pre', 'd/pre']);
    assert.equal(calls.length, 8);
  });

  it('audit runs after a deny too, and cannot decide', async () => {
    const { decision, calls } = await structural(
      [{ name: 'log', mode: 'audit' }, { name: 'gate' }],
      route({ plugins: ['log', 'gate'], pre_invocation: ['deny'] }) as Record<string, unknown>,
      { log: DENIED },
    );
    assert.equal(decision.decision, 'deny');
    assert.deepEqual(calls, ['gate/pre', 'log/pre']);
    const allowed = await structural(
      [{ name: 'log', mode: 'audit' }],
      route({ plugins: ['log'] }) as Record<string, unknown>,
      { log: DENIED },
    );
    assert.equal(outcomeOf(allowed.decision), 'allow');
    assert.deepEqual(allowed.calls, ['log/pre', 'log/post']);
  });

  it('a transform plugin cannot refuse, but its failure denies', async () => {
    const plugins = [{ name: 'x', mode: 'transform' }];
    const rest = route({ plugins: ['x'] }) as Record<string, unknown>;
    assert.equal(outcomeOf((await structural(plugins, rest, { x: DENIED })).decision), 'allow');
    assert.equal(outcomeOf((await structural(plugins, rest, { x: { outcome: 'deny' } })).decision), 'plugin.x.error');
  });

  it('concurrent ones run together, and the first deny in order of priority counts', async () => {
    const { decision } = await structural(
      [
        { name: 'a', mode: 'concurrent', priority: 2 },
        { name: 'b', mode: 'concurrent', priority: 1 },
      ],
      route({ plugins: ['a', 'b'] }) as Record<string, unknown>,
      { a: { outcome: 'deny', violation: { code: 'a', reason: 'a', details: {} } }, b: DENIED },
    );
    assert.equal(outcomeOf(decision), 'p.no');
  });

  it('background ones run after an allowed phase only', async () => {
    const plugins = [{ name: 'bg', mode: 'fire_and_forget' }];
    assert.deepEqual((await structural(plugins, route({ plugins: ['bg'] }) as Record<string, unknown>)).calls, [
      'bg/pre',
      'bg/post',
    ]);
    assert.deepEqual(
      (await structural(plugins, route({ plugins: ['bg'], pre_invocation: ['deny'] }) as Record<string, unknown>))
        .calls,
      [],
    );
  });

  it('disabled ones never run', async () => {
    assert.deepEqual(
      (await structural([{ name: 'a', mode: 'disabled' }], route({ plugins: ['a'] }) as Record<string, unknown>)).calls,
      [],
    );
  });

  it('run once for a plain HTTP request, whatever the host asks about its result', async () => {
    const seen: string[] = [];
    const note = (name: string): Plugin => ({
      invoke: ({ phase }) => {
        seen.push(`${name} ${phase}`);
        return ALLOW;
      },
    });
    const text = `
plugins:
  - {name: gate, kind: test, hooks: [cmf.http_request]}
  - {name: shadow, kind: test, hooks: [cmf.http_request], mode: audit}
  - {name: late, kind: test, hooks: [cmf.http_request], mode: fire_and_forget}`;
    const plugins = [testKind({ gate: note('gate'), shadow: note('shadow'), late: note('late') })];
    const engine = await engineOf(text, { plugins });
    const operation: Operation = { entity: { type: 'http', name: '*' } };
    await engine.pre(operation);
    await engine.post(operation, 'page');
    await engine.close();
    assert.deepEqual(seen, ['gate pre', 'shadow pre', 'late pre']);
  });

  it('run at the hooks written, in older spellings too', async () => {
    const hooked = async (hook: string): Promise<readonly string[]> =>
      (await structural([{ name: 'a', hooks: [hook] }], route({ plugins: ['a'] }) as Record<string, unknown>)).calls;
    assert.deepEqual(await hooked('tool_pre_invoke'), ['a/pre']);
    assert.deepEqual(await hooked('cmf.tool_post_invoke'), ['a/post']);
    assert.deepEqual(await hooked('cmf.prompt_pre_fetch'), []);
    const prompts: string[] = [];
    const engine = await engineOf(
      'plugins: [{name: a, kind: test, hooks: [prompt_pre_fetch, cmf.prompt_post_fetch]}]\nroutes: [{prompt: x}]',
      { plugins: [testKind({ a: { invoke: ({ hook }) => (prompts.push(hook), ALLOW) } })] },
    );
    const operation = { entity: { type: 'prompt', name: 'x' } } as const;
    await engine.pre(operation);
    await engine.post(operation, 1);
    assert.deepEqual(prompts, ['cmf.prompt_pre_invoke', 'cmf.prompt_post_invoke']);
  });
});

describe('without routing, declared plugins run by themselves', () => {
  const off = { routing_enabled: false };

  it('on every operation, listed ones once', async () => {
    const { calls } = await structural(
      [
        { name: 'a', priority: 2 },
        { name: 'b', priority: 1 },
      ],
      { routes: [{ tool: 't', plugins: ['a'] }] },
      {},
      off,
    );
    assert.deepEqual(calls, ['b/pre', 'a/pre', 'b/post', 'a/post']);
  });

  it('but for the phase in which rules call them', async () => {
    const { calls } = await structural(
      [{ name: 'a' }],
      { routes: [{ tool: 't', pre_invocation: ['plugin(a)'] }] },
      {},
      off,
    );
    assert.deepEqual(calls, ['a/pre', 'a/post']);
  });

  it('on operations that no route matches', async () => {
    const { decision, calls } = await structural([{ name: 'a' }], { routes: [{ tool: 'other' }] }, { a: DENIED }, off);
    assert.equal(outcomeOf(decision), 'p.no');
    assert.deepEqual(calls, ['a/pre']);
  });

  const conditions: readonly (readonly [string, Readonly<Record<string, unknown>>[], boolean])[] = [
    ['a tool by name', [{ tools: ['t', 'u'] }], true],
    ['another tool', [{ tools: ['u'] }], false],
    ['a prompt', [{ prompts: ['t'] }], false],
    ['a user by pattern', [{ user_patterns: ['a*'] }], true],
    ['another user', [{ user_patterns: ['b*'] }], false],
    ['the tenant', [{ tenant_ids: ['acme'] }], true],
    ['an agent that is not known', [{ agents: ['x'] }], false],
    ['all fields of one', [{ tools: ['t'], tenant_ids: ['other'] }], false],
    ['any of several', [{ tools: ['u'] }, { tenant_ids: ['acme'] }], true],
    ['nothing asked', [{}], true],
  ];
  for (const [name, given, runs] of conditions) {
    it(`where a condition holds: ${name}`, async () => {
      const engine = await engineOf(
        JSON.stringify({ plugins: [{ name: 'a', kind: 'test', conditions: given }], routes: [{ tool: 't' }] }),
        { plugins: [testKind({ a: { invoke: () => DENIED } })] },
      );
      const extensions = { subject: { id: 'ann', claims: { tenant: 'acme' } } };
      assert.equal(outcomeOf(await engine.pre(call('t', { extensions }))), runs ? 'p.no' : 'allow');
    });
  }
});

describe('settings of one place', () => {
  const kind = {
    ...testKind({}),
    configSchema: {
      type: 'object',
      properties: { say: { type: 'string' }, keep: { type: 'string' } },
      additionalProperties: false,
    },
    create: (config: Readonly<Record<string, unknown>>): Plugin => ({
      invoke: () => ({
        outcome: 'deny',
        violation: { code: `${String(config['say'])}/${String(config['keep'])}`, reason: '', details: {} },
      }),
    }),
  };
  const declared = `
plugin_settings: {routing_enabled: true}
plugins: [{name: p, kind: test, config: {say: base, keep: kept}}]`;
  const said = async (text: string, tool = 't'): Promise<string> =>
    outcomeOf(await (await engineOf(`${declared}\n${text}`, { plugins: [kind] })).pre(call(tool)));

  it('a list lays them over the plugin’s own', async () => {
    assert.equal(await said('routes: [{tool: t, plugins: [p]}]'), 'base/kept');
    assert.equal(await said('routes: [{tool: t, plugins: [{p: {config: {say: here}}}]}]'), 'here/kept');
  });

  it('an override for steps replaces them, the more specific whole', async () => {
    const text = (route: string): string => `
global: {plugins: {p: {config: {say: everywhere, keep: k}}}}
routes: [{tool: t, pre_invocation: [plugin(p)]${route}}, {tool: u, pre_invocation: [plugin(p)]}]`;
    assert.equal(await said(text('')), 'everywhere/k');
    assert.equal(await said(text(', plugins: {p: {config: {say: here}}}')), 'here/undefined');
    assert.equal(await said(text(', plugins: {p: {config: {say: here}}}'), 'u'), 'everywhere/k');
  });

  it('reach pipeline stages and rules of broader layers', async () => {
    const text = `
global: {pre_invocation: [plugin(p)]}
routes: [{tool: t, plugins: {p: {config: {say: here}}}}]`;
    assert.equal(await said(text), 'here/undefined');
  });

  it('override on_error and capabilities', async () => {
    const text = `
plugin_settings: {routing_enabled: true}
plugins: [{name: p, kind: test}]
routes: [{tool: t, pre_invocation: [plugin(p)], plugins: {p: {on_error: ignore}}}, {tool: u, pre_invocation: [plugin(p)]}]`;
    const engine = await engineOf(text, { plugins: [testKind({ p: wrong(5) })] });
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'allow');
    assert.equal(outcomeOf(await engine.pre(call('u'))), 'plugin.p.error');
  });

  it('that are wrong reject the bundle, used or not', async () => {
    const findings = async (text: string): Promise<readonly unknown[]> =>
      (await findingsOf(`${declared}\n${text}`, { plugins: [kind] })).map(([code]) => code);
    assert.deepEqual(
      await findings(
        'groups: {g: {plugins: {p: {config: {sya: x}}}}}\nroutes: [{tool: t, pre_invocation: [plugin(p)]}]',
      ),
      ['config/unused-override', 'config/unknown-key'],
    );
    assert.ok(
      (await findings('routes: [{tool: t, plugins: [{p: {config: {say: 5}}}]}]')).includes('config/plugin-config'),
    );
  });

  it('plugins made for them start and end with the bundle', async () => {
    const events: string[] = [];
    const counting = {
      ...kind,
      create: (config: Readonly<Record<string, unknown>>): Plugin => ({
        ...kind.create(config),
        initialize: () => void events.push(`start ${String(config['say'])}`),
        close: () => void events.push(`end ${String(config['say'])}`),
      }),
    };
    const bundle = await bundleOf(
      `${declared}\ngroups: {g: {plugins: {p: {config: {say: tagged}}}}}\nroutes: [{tool: t, pre_invocation: [plugin(p)]}]`,
      { plugins: [counting] },
    );
    await bundle.initialize();
    await bundle.close();
    assert.deepEqual(events, ['start base', 'start tagged', 'end base', 'end tagged']);
  });
});

describe('load', () => {
  const plugins = [
    testKind({}, ['cmf.tool_pre_invoke', 'token.delegate']),
    { ...testKind({}, ['identity.resolve']), kind: 'identity' },
  ];
  const cases: readonly (readonly [string, string, readonly (readonly string[])[]])[] = [
    [
      'an undeclared name in a step',
      'routes: [{tool: t, pre_invocation: [plugin(nope)]}]',
      [['config/undeclared-plugin', 'plugin(nope)']],
    ],
    [
      'in a stage',
      'routes: [{tool: t, args: {a: str | plugin(nope)}}]',
      [['config/undeclared-plugin', 'plugin(nope)']],
    ],
    ['in a list', 'routes: [{tool: t, plugins: [nope]}]', [['config/undeclared-plugin', 'nope']]],
    ['in a default', 'global: {defaults: {tool: {plugins: [nope]}}}', [['config/undeclared-plugin', 'nope']]],
    ['in an override', 'routes: [{tool: t, plugins: {nope: {}}}]', [['config/undeclared-plugin', 'nope']]],
    ['in authentication', 'global: {authentication: [nope]}', [['config/undeclared-plugin', 'nope']]],
    [
      'in delegate',
      'routes: [{tool: t, pre_invocation: [delegate(nope)]}]',
      [['config/undeclared-plugin', 'delegate(nope)']],
    ],
    [
      'a plugin called at a hook it does not serve',
      'routes: [{tool: t, pre_invocation: [plugin(i)]}]',
      [['config/unknown-hook', 'plugin(i)']],
    ],
    [
      'a delegate of a plugin that mints nothing',
      'routes: [{tool: t, pre_invocation: [delegate(i)]}]',
      [['config/unknown-hook', 'delegate(i)']],
    ],
    [
      'a question to nobody',
      'routes: [{tool: t, pre_invocation: ["confirm(p, from: \'x\')"]}]',
      [['config/unknown-hook', "confirm(p, from: 'x')"]],
    ],
    [
      'authentication by a plugin that identifies nobody',
      'global: {authentication: [p]}',
      [['config/unknown-hook', 'p']],
    ],
    ['a list of a plugin that sees no operations', 'routes: [{tool: t, plugins: [i]}]', [['config/no-effect', 'i']]],
  ];
  for (const [name, text, findings] of cases) {
    it(`reports ${name}`, async () => {
      const declared = 'plugins: [{name: p, kind: test}, {name: i, kind: identity}]';
      assert.deepEqual(await findingsOf(`${declared}\n${text}`, { plugins }), findings);
    });
  }

  const entries: readonly (readonly [string, string, string])[] = [
    ['an unknown kind', '{name: a, kind: tset}', 'config/unknown-kind'],
    ['an unknown hook', '{name: a, kind: test, hooks: [tool_pre_invok]}', 'config/unknown-hook'],
    ['a hook that the kind does not serve', '{name: a, kind: test, hooks: [elicit]}', 'config/unknown-hook'],
    ['an unknown capability', '{name: a, kind: test, capabilities: [read_lables]}', 'config/wrong-value'],
    ['an unknown mode', '{name: a, kind: test, mode: sequentail}', 'config/wrong-value'],
    ['an unknown on_error', '{name: a, kind: test, on_error: fial}', 'config/wrong-value'],
    ['an unknown key', '{name: a, kind: test, modes: audit}', 'config/unknown-key'],
  ];
  for (const [name, entry, code] of entries) {
    it(`reports ${name} of an entry`, async () => {
      const findings = await findingsOf(`plugins: [${entry}]`, { plugins });
      assert.deepEqual(
        findings.map(([found]) => found),
        [code],
      );
    });
  }
});

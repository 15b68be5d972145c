import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IdentityResult } from '../../src/engine/engine.ts';
import type { Identity, IdentityInput, IdentityOutcome, Plugin } from '../../src/engine/plugin.ts';
import { alarms, engineOf, testKind } from '../support/engine.ts';

const identified = (identity: Identity): IdentityOutcome => ({ outcome: 'identified', identity });

/** Plugins `a` to `d`, each telling that it was asked. */
function tellers(names: string[]): Readonly<Record<string, Plugin>> {
  const plugin = (name: string): Plugin => ({
    resolveIdentity: () => {
      names.push(name);
      return identified({ subject: { id: name } });
    },
  });
  return Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, plugin(name)]));
}

async function asked(bundle: string, entity: Partial<IdentityInput['entity']> = {}, routing = true): Promise<string> {
  const names: string[] = [];
  const text = `
plugin_settings: {routing_enabled: ${routing}}
plugins: [{name: a, kind: test}, {name: b, kind: test}, {name: c, kind: test, priority: 1}, {name: d, kind: test, mode: disabled}]
${bundle}`;
  const engine = await engineOf(text, { plugins: [testKind(tellers(names), ['identity.resolve'])] });
  const result = await engine.identify({ entity: { type: 'tool', name: 't', ...entity }, headers: {} });
  assert.equal(result.outcome, 'identified');
  return names.join(' ');
}

describe('who is asked who calls', () => {
  const everywhere = 'global: {authentication: [a]}\ngroups: {g: {authentication: [b]}, all: {authentication: [c]}}';
  const cases: readonly (readonly [string, string, Partial<IdentityInput['entity']>, string])[] = [
    [
      'global, group of everybody, groups, route',
      `${everywhere}\nroutes: [{tool: t, groups: g, authentication: [a]}]`,
      {},
      'a c b a',
    ],
    [
      'a default of the type',
      'global: {authentication: [a], defaults: {tool: {authentication: [b]}}}\nroutes: [{tool: t}]',
      {},
      'a b',
    ],
    ['a tag of the request', `${everywhere}\nroutes: [{tool: t}]`, { tags: ['g'] }, 'a c b'],
    [
      'the route alone, when it says so',
      `${everywhere}\nroutes: [{tool: t, groups: g, authentication: {replace_inherited: true, steps: [b]}}]`,
      {},
      'b',
    ],
    [
      'nobody, when it says so',
      `${everywhere}\nroutes: [{tool: t, authentication: {replace_inherited: true, steps: []}}]`,
      {},
      '',
    ],
    [
      'what a group replaces is nothing',
      `global: {authentication: [a]}\ngroups: {g: {authentication: {replace_inherited: true, steps: [b]}}}\nroutes: [{tool: t, groups: g}]`,
      {},
      'a b',
    ],
    ['no route: the layers', `${everywhere}\nroutes: []`, {}, 'a c'],
    ['HTTP: the global layer', `${everywhere}\nroutes: [{tool: t}]`, { type: 'http', name: '*' }, 'a'],
    ['a pattern route', "routes: [{tool: 't*', authentication: [b]}]", { name: 'tx' }, 'b'],
    ['a route of a scope', 'routes: [{tool: t, meta: {scope: s}, authentication: [b]}]', { scope: 's' }, 'b'],
  ];
  for (const [name, bundle, entity, expected] of cases) {
    it(name, async () => assert.equal(await asked(bundle, entity), expected));
  }

  it('without routing every identity plugin by priority, unless the bundle lists some', async () => {
    assert.equal(await asked('routes: [{tool: t}]', {}, false), 'c a b');
    assert.equal(await asked('global: {authentication: [b]}\nroutes: [{tool: t}]', {}, false), 'b');
  });
});

describe('what identities come to', () => {
  async function identify(
    plugins: Readonly<Record<string, (input: IdentityInput) => unknown>>,
    headers: IdentityInput['headers'] = {},
  ): Promise<IdentityResult> {
    const text = JSON.stringify({
      plugin_settings: { plugin_timeout: 1 },
      plugins: Object.keys(plugins).map((name, i) => ({ name, kind: 'test', priority: i, on_error: 'ignore' })),
    });
    const made = Object.entries(plugins).map(([name, resolve]): [string, Plugin] => [
      name,
      { resolveIdentity: (input) => resolve(input) as IdentityOutcome },
    ]);
    const engine = await engineOf(text, { plugins: [testKind(Object.fromEntries(made), ['identity.resolve'])] });
    return engine.identify({ entity: { type: 'tool', name: 't' }, headers });
  }

  it('later plugins add to and replace what earlier ones found', async () => {
    const result = await identify({
      user: () => ({
        ...identified({ subject: { id: 'ann' }, delegation: { depth: 1 } }),
        credential: { role: 'user', token: 'x', header: 'authorization' },
      }),
      app: () => identified({ client: { client_id: 'app' }, subject: { id: 'bob' } }),
      nobody: () => identified({}),
    });
    assert.deepEqual(result, {
      outcome: 'identified',
      extensions: { subject: { id: 'bob' }, client: { client_id: 'app' }, delegation: { depth: 1 } },
      credentials: [{ role: 'user', token: 'x', header: 'authorization' }],
    });
  });

  it('the first denial ends it', async () => {
    const violation = { code: 'auth.expired', reason: 'expired', details: {} };
    const result = await identify({
      a: () => ({ outcome: 'denied', violation }),
      b: () => assert.fail('asked after a denial'),
    });
    assert.deepEqual(result, { outcome: 'denied', violation });
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
    ['identifies without an identity', () => ({ outcome: 'identified' })],
    ['denies without a violation', () => ({ outcome: 'denied' })],
    ['names roles as a text', () => identified({ subject: { id: 'x', roles: 'hr-admin' as unknown as string[] } })],
    ['names a subject by a number', () => identified({ subject: { id: 5 as unknown as string } })],
    ['gives a subject that is a text', () => identified({ subject: 'ann' as unknown as { id: string } })],
    [
      'names permissions of a client as a text',
      () => identified({ client: { client_id: 'x', permissions: 'all' as unknown as string[] } }),
    ],
  ];
  for (const [how, resolve] of failures) {
    it(`a plugin that ${how} is a denial, whatever its on_error`, async () => {
      const result = await identify({ a: resolve });
      assert.equal(result.outcome, 'denied');
      assert.equal(result.violation.code, 'plugin.a.error');
      assert.ok(!JSON.stringify(result).includes('secret'));
    });
  }

  it('plugins see the headers, and cannot change them for the next', async () => {
    const headers = { authorization: 'Bearer x', list: ['1', '2'] };
    const result = await identify(
      {
        a: (input) => Object.assign(input.headers, { authorization: 'Bearer forged' }),
        b: () => identified({ subject: { id: 'forged' } }),
      },
      headers,
    );
    assert.equal(result.outcome, 'denied');
    assert.equal(headers.authorization, 'Bearer x');
  });

  it('plugins have the time of one operation together, and hear when it is up', async () => {
    let aborted = false;
    const slow: Plugin = {
      resolveIdentity: (_input, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted = true;
          });
        }),
    };
    const { raised, alarm } = alarms();
    const text = 'plugins: [{name: a, kind: test, hooks: [identity.resolve]}]';
    const engine = await engineOf(text, { plugins: [testKind({ a: slow })], alarm }, { deadline: 20, alarm });
    const result = await engine.identify({ entity: { type: 'tool', name: 't' }, headers: {} });
    await engine.close();
    assert.equal(result.outcome === 'denied' && result.violation.code, 'plugin.a.error');
    assert.equal(aborted, true);
    assert.deepEqual(
      raised.map((each) => each.alarm),
      ['operation_deadline', 'plugin_failure'],
    );
  });
});

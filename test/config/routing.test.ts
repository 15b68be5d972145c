import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchesGlob } from '../../src/engine/glob.ts';
import type { Entity, EntityType } from '../../src/engine/operation.ts';
import { call, engineOf, findingsOf, loadText, outcomeOf } from '../support/engine.ts';

const denying = (head: string, code: string): string => `  - {${head}, pre_invocation: ["deny('r', '${code}')"]}`;

/** What a tool request gets of routes given as head and code. */
async function outcome(
  routes: readonly (readonly [string, string])[],
  entity: string | Partial<Entity>,
): Promise<string> {
  const engine = await engineOf(`routes:\n${routes.map(([head, code]) => denying(head, code)).join('\n')}`);
  const given = typeof entity === 'string' ? { name: entity } : entity;
  return outcomeOf(await engine.pre({ entity: { type: 'tool', name: '', ...given } }));
}

describe('routing', () => {
  const all = [
    ["tool: '*'", 'any'],
    ['tool: hr-*', 'glob'],
    ['tool: [hr-pay, hr-list]', 'list'],
    ['tool: hr-pay', 'exact'],
  ] as const;
  const cases: readonly (readonly [string, string])[] = [
    ['hr-pay', 'exact'],
    ['hr-list', 'list'],
    ['hr-else', 'glob'],
    ['else', 'any'],
    ['', 'any'],
  ];
  for (const [name, code] of cases) {
    it(`the most specific route takes \`${name}\``, async () => {
      assert.equal(await outcome(all, name), code);
      assert.equal(await outcome(all.toReversed(), name), code, 'in whatever order they are written');
    });
  }

  it('a question mark makes a pattern', async () => {
    const routes = [
      ['tool: get_?', 'glob'],
      ['tool: get_a', 'exact'],
    ] as const;
    assert.equal(await outcome(routes, 'get_a'), 'exact');
    assert.equal(await outcome(routes, 'get_b'), 'glob');
    assert.equal(await outcome(routes, 'get_bc'), 'route.unmatched');
  });

  it('a star in a list is a name, and is warned of', async () => {
    assert.equal(await outcome([['tool: ["hr-*", b]', 'list']], 'hr-x'), 'route.unmatched');
    assert.equal(await outcome([['tool: ["hr-*", b]', 'list']], 'hr-*'), 'list');
    assert.deepEqual(await findingsOf('routes: [{tool: [hr-*, b]}]'), [['config/glob-in-list', 'hr-*']]);
  });

  it('a scope asks for itself and weighs', async () => {
    const routes = [
      ['tool: t', 'open'],
      ['tool: t, meta: {scope: eu}', 'scoped'],
      ["tool: 't*', meta: {scope: us}", 'pattern'],
    ] as const;
    assert.equal(await outcome(routes, { name: 't', scope: 'eu' }), 'scoped');
    assert.equal(await outcome(routes, { name: 't' }), 'open');
    assert.equal(await outcome(routes, { name: 't', scope: 'us' }), 'open', 'a name is more than a scoped pattern');
    assert.equal(await outcome(routes, { name: 'tx', scope: 'us' }), 'pattern');
    assert.equal(await outcome(routes, { name: 'tx', scope: 'eu' }), 'route.unmatched');
  });

  it('of equal patterns the first written wins, and the other is warned of', async () => {
    assert.equal(
      await outcome(
        [
          ["tool: 'a*'", 'first'],
          ["tool: '*b'", 'second'],
        ],
        'ab',
      ),
      'first',
    );
    assert.equal(
      await outcome(
        [
          ['tool: [a, b]', 'first'],
          ['tool: [b, c]', 'second'],
        ],
        'b',
      ),
      'first',
    );
    assert.deepEqual(await findingsOf('routes: [{tool: [a, b]}, {tool: [b, c]}]'), [
      ['config/route-shadowed', '[b, c]'],
    ]);
    assert.deepEqual(await findingsOf('routes: [{tool: a}, {tool: a}]'), [['config/duplicate-route', 'a']]);
    assert.deepEqual(await findingsOf("routes: [{tool: 'a*'}, {tool: 'a*'}]"), [['config/duplicate-route', "'a*'"]]);
    assert.deepEqual(await findingsOf('routes: [{tool: a}, {tool: a, meta: {scope: s}}, {prompt: a}]'), []);
  });

  it('a condition decides and weighs', async () => {
    const text = `routes:
${denying('tool: t', 'open')}
${denying('tool: t, when: args.big == true', 'big')}`;
    const engine = await engineOf(text);
    assert.equal(outcomeOf(await engine.pre(call('t', { args: { big: true } }))), 'big');
    assert.equal(outcomeOf(await engine.pre(call('t', { args: { big: false } }))), 'open');
    assert.equal(outcomeOf(await engine.pre(call('t'))), 'open');
  });

  it('attributes of a condition are checked like those of a rule', async () => {
    assert.deepEqual(await findingsOf('routes: [{tool: t, when: arg.big}]'), [['config/unknown-attribute', 'arg.big']]);
    assert.deepEqual(await findingsOf('routes: [{tool: t, when: result.big}]'), [
      ['config/attribute-phase', 'result.big'],
    ]);
  });

  it('types are apart', async () => {
    const engine = await engineOf(
      `routes:\n${denying('prompt: x', 'prompt')}\n${denying('resource: "hr://*"', 'resource')}\n${denying('llm: "*"', 'llm')}`,
    );
    const get = async (type: EntityType, name: string): Promise<string> =>
      outcomeOf(await engine.pre({ entity: { type, name } }));
    assert.equal(await get('prompt', 'x'), 'prompt');
    assert.equal(await get('tool', 'x'), 'route.unmatched');
    assert.equal(await get('resource', 'hr://a/b'), 'resource');
    assert.equal(await get('llm', 'gpt'), 'llm');
  });

  it('names that objects inherit are names', async () => {
    assert.equal(await outcome([['tool: t', 'x']], 'constructor'), 'route.unmatched');
    assert.equal(await outcome([['tool: toString', 'x']], 'toString'), 'x');
  });

  it('remembers names that only patterns take, up to a bound', async () => {
    const engine = await engineOf(`routes:\n${denying("tool: 'a*'", 'glob')}`);
    for (let i = 0; i < 10_100; i += 1) {
      const { violation } = await engine.pre(call(i % 2 === 0 ? `a${i}` : `b${i}`));
      assert.equal(violation?.code, i % 2 === 0 ? 'glob' : 'route.unmatched');
    }
  });
});

describe('patterns', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['*', '', true],
    ['*', 'a/b', true],
    ['**', 'ab', true],
    ['', '', true],
    ['', 'a', false],
    ['a*c', 'abbc', true],
    ['a*c', 'abcd', false],
    ['a*b*c', 'axbxbxc', true],
    ['*a', 'ba', true],
    ['A', 'a', false],
    ['?', '😀', true],
    ['?', '', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[ab]', 'a', false],
    ['a.c', 'abc', false],
  ];
  for (const [pattern, text, matched] of cases) {
    it(`\`${pattern}\` ${matched ? 'takes' : 'leaves'} \`${text}\``, () =>
      assert.equal(matchesGlob(pattern, text), matched));
  }

  it('take bounded time on hostile names', () => {
    assert.equal(matchesGlob(`${'a*'.repeat(50)}b`, 'a'.repeat(20_000)), false);
  });
});

describe('requests that no route matches', () => {
  const get = async (text: string, type: EntityType, rest: object = {}): Promise<string> =>
    outcomeOf(await (await engineOf(text)).pre({ entity: { type, name: 'x' }, ...rest }));

  it('are denied, HTTP ones allowed', async () => {
    for (const type of ['tool', 'prompt', 'resource', 'llm'] as const)
      assert.equal(await get('routes: []', type), 'route.unmatched');
    assert.equal(await get('routes: []', 'http'), 'allow');
  });

  it('are told apart by `global.unmatched`', async () => {
    assert.equal(await get('global: {unmatched: allow}', 'tool'), 'allow');
    assert.equal(await get('global: {unmatched: {tool: allow}}', 'tool'), 'allow');
    assert.equal(await get('global: {unmatched: {tool: allow}}', 'llm'), 'route.unmatched');
    assert.equal(await get('global: {unmatched: {http: deny}}', 'http'), 'route.unmatched');
    assert.equal(await get('global: {unmatched: deny}', 'http'), 'route.unmatched');
  });

  it('run the global layer, the default of their type and the groups of their tags first', async () => {
    const text = `
global:
  unmatched: allow
  pre_invocation: ["args.x == 'global': deny('r', 'global')"]
  defaults: {tool: {pre_invocation: ["args.x == 'default': deny('r', 'default')"]}}
groups:
  all: {pre_invocation: ["args.x == 'all': deny('r', 'all')"]}
  g: {pre_invocation: ["deny('r', 'group')"]}`;
    for (const x of ['global', 'default', 'all']) assert.equal(await get(text, 'tool', { args: { x } }), x);
    assert.equal(await get(text, 'tool', { entity: { type: 'tool', name: 'x', tags: ['g'] } }), 'group');
    assert.equal(await get(text, 'prompt', { args: { x: 'default' } }), 'allow');
    assert.equal(await get(text, 'http', { args: { x: 'global' } }), 'global');
    assert.equal(await get(text, 'http', { args: { x: 'all' } }), 'allow');
  });

  it('carry the labels of the layers that they ran', async () => {
    const engine = await engineOf('global: {pre_invocation: [taint(seen)]}');
    const decision = await engine.pre(call('x', { extensions: { subject: { id: 'ann' } } }));
    assert.equal(outcomeOf(decision), 'route.unmatched');
    assert.deepEqual([...decision.labels], ['seen']);
  });

  it('are in the summary', async () => {
    const loaded = await loadText('global: {unmatched: {llm: allow}}\nroutes: [{tool: t}]');
    assert.ok(loaded.ok);
    assert.deepEqual(loaded.summary, {
      routes: 1,
      plugins: 0,
      unmatched: { tool: 'deny', resource: 'deny', prompt: 'deny', llm: 'allow', http: 'allow' },
    });
  });
});

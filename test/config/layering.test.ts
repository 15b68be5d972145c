import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { layerFields } from '../../src/engine/program.ts';
import type { JsonValue } from '../../src/engine/operation.ts';
import { call, engineOf, findingsOf, loadText, outcomeOf } from '../support/engine.ts';

const LAYERS = `
global:
  pre_invocation: [taint(global)]
  defaults: {tool: {pre_invocation: [taint(default)]}}
groups:
  all: {pre_invocation: [taint(all)]}
  a: {pre_invocation: [taint(a)]}
  b: {authorization: {pre_invocation: [taint(b)]}}
  c: {apl: {pre_invocation: [taint(c)]}}
`;

/** The labels that the layers attach, in the order they ran. */
async function order(route: string, tags?: readonly string[]): Promise<readonly string[]> {
  const engine = await engineOf(`${LAYERS}routes: [{tool: t, ${route}}]`);
  const entity = { type: 'tool' as const, name: 't', ...(tags === undefined ? {} : { tags }) };
  return (await engine.pre({ entity })).taints.map(({ label }) => label);
}

describe('layers', () => {
  const own = 'pre_invocation: [taint(own)]';
  const cases: readonly (readonly [string, string, readonly string[] | undefined, string])[] = [
    ['global, default, `all`, then the route', own, undefined, 'global default all own'],
    ['a group between', `groups: a, ${own}`, undefined, 'global default all a own'],
    ['groups in the order named', `groups: [b, a], ${own}`, undefined, 'global default all b a own'],
    ['tags as groups', `meta: {tags: [a, nothing]}, ${own}`, undefined, 'global default all a own'],
    [
      'tags before groups, each once',
      `meta: {tags: [a, b]}, groups: [b, c], ${own}`,
      undefined,
      'global default all a b c own',
    ],
    ['runtime tags after them', `groups: a, ${own}`, ['b', 'a', 'nothing', 'b'], 'global default all a b own'],
    ['runtime tags in their order', own, ['c', 'a'], 'global default all c a own'],
    ['`all` named once more', `groups: [all, a], ${own}`, ['all'], 'global default all a own'],
    ['a route without policy', 'groups: []', undefined, 'global default all'],
  ];
  for (const [name, route, tags, expected] of cases) {
    it(name, async () => assert.deepEqual(await order(route, tags), expected.split(' ')));
  }

  it('one request’s runtime tags do not decide for another', async () => {
    const engine = await engineOf(`${LAYERS}routes: [{tool: t}]`);
    const labels = async (tags?: readonly string[]): Promise<number> =>
      (await engine.pre({ entity: { type: 'tool', name: 't', ...(tags && { tags }) } })).taints.length;
    assert.deepEqual(
      [await labels(), await labels(['a']), await labels(), await labels(['a', 'b']), await labels(['x'])],
      [3, 4, 3, 5, 3],
    );
  });

  it('the older place of groups works, and `groups` wins over it', async () => {
    const text = `
global: {policies: {a: {pre_invocation: ["deny('r', 'old a')"]}, b: {pre_invocation: ["deny('r', 'old b')"]}}}
groups: {a: {pre_invocation: ["deny('r', 'new a')"]}}
routes: [{tool: ta, groups: a}, {tool: tb, groups: b}]`;
    const engine = await engineOf(text);
    assert.equal(outcomeOf(await engine.pre(call('ta'))), 'new a');
    assert.equal(outcomeOf(await engine.pre(call('tb'))), 'old b');
  });

  it('codes name the section that a rule was written in', async () => {
    const text = `
global: {pre_invocation: ["args.x == 1: deny"], args: {g: int}, defaults: {tool: {pre_invocation: ["args.x == 2: deny"]}}}
groups: {a: {pre_invocation: [allow, "args.x == 3: deny"]}}
routes: [{tool: [t, u], groups: a, pre_invocation: ["args.x == 4: deny"]}]`;
    const engine = await engineOf(text);
    const code = async (args: JsonValue): Promise<string> => outcomeOf(await engine.pre(call('u', { args })));
    assert.equal(await code({ x: 1 }), 'global.pre_invocation[0]');
    assert.equal(await code({ x: 2 }), 'global.defaults.tool.pre_invocation[0]');
    assert.equal(await code({ x: 3 }), 'groups.a.pre_invocation[1]');
    assert.equal(await code({ x: 4 }), 'routes.tool:t,u.pre_invocation[0]');
    assert.equal(await code({ g: 'x' }), 'global.args.g');
  });

  it('post layers as pre does', async () => {
    const text = `
global: {post_invocation: [taint(global)], result: {ssn: redact}}
routes: [{tool: t, post_invocation: [taint(own)], result: {name: mask(1)}}]`;
    const engine = await engineOf(text);
    const operation = call('t');
    await engine.pre(operation);
    const { taints, result } = await engine.post(operation, { ssn: 1, name: 'abc' });
    assert.deepEqual(
      taints.map(({ label }) => label),
      ['global', 'own'],
    );
    assert.deepEqual(result, { ssn: '[REDACTED]', name: '**c' });
  });
});

describe('pipelines of one field in several layers', () => {
  const masked = async (broad: string, narrow: string): Promise<JsonValue | undefined> => {
    const engine = await engineOf(
      `global: {args: {v: ${broad}, w: redact}}\nroutes: [{tool: t, args: {v: ${narrow}}}]`,
    );
    return (await engine.pre(call('t', { args: { v: 'abcdef', w: 'x' } }))).args;
  };

  it('the more specific replaces the broader, other fields stay', async () => {
    assert.deepEqual(await masked('redact', 'mask(2)'), { v: '****ef', w: '[REDACTED]' });
  });

  it('both run with `append: true`, the broader first', async () => {
    assert.deepEqual(await masked("'taint(x) | mask(4)'", '{pipeline: mask(2), append: true}'), {
      v: '****ef',
      w: '[REDACTED]',
    });
    assert.deepEqual(await masked('redact', '{pipeline: mask(2), append: true}'), { v: '********D]', w: '[REDACTED]' });
    assert.deepEqual(await masked('redact', '{pipeline: mask(2), append: false}'), { v: '****ef', w: '[REDACTED]' });
  });

  it('dropping a protection is warned of', async () => {
    const findings = async (broad: string, narrow: string): Promise<readonly unknown[]> =>
      (
        await findingsOf(
          `global: {hash_key: {kind: literal, secret: k}, args: {v: ${broad}}}\nroutes: [{tool: t, args: {v: ${narrow}}}]`,
        )
      ).filter(([code]) => code !== 'session/no-subject');
    for (const stage of [
      'redact',
      'mask(2)',
      'omit',
      'hash',
      'taint(x)',
      'int',
      'len(1..2)',
      'regex(x)',
      'pii.redact',
    ]) {
      assert.deepEqual(
        await findings(`"str | ${stage.replace('regex(x)', "regex('x')")}"`, 'str'),
        [['config/pipeline-weakened', 'v']],
        stage,
      );
    }
    assert.deepEqual(await findings('redact', '{pipeline: str, append: true}'), []);
    assert.deepEqual(await findings('redact', '"str | redact"'), []);
  });

  it('layering is associative', () => {
    const field = fc.record({ name: fc.constantFrom('a', 'b', 'c'), append: fc.boolean(), id: fc.nat() });
    const layer = fc.uniqueArray(field, { selector: ({ name }) => name, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 5 }), fc.nat({ max: 5 }), (layers, split) => {
        const whole = layerFields(layers);
        assert.deepEqual(layerFields([layerFields(layers.slice(0, split)), ...layers.slice(split)]), whole);
        assert.deepEqual(layerFields([...layers.slice(0, split), layerFields(layers.slice(split))]), whole);
      }),
    );
  });

  it('of each field the last pipeline that does not append runs, with all that append after it', () => {
    const field = fc.record({ name: fc.constantFrom('a', 'b'), append: fc.boolean(), id: fc.nat() });
    const layer = fc.uniqueArray(field, { selector: ({ name }) => name, maxLength: 2 });
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 5 }), (layers) => {
        for (const name of ['a', 'b']) {
          const written = layers.flat().filter((each) => each.name === name);
          const last = written.findLastIndex(({ append }) => !append);
          assert.deepEqual(
            layerFields(layers).filter((each) => each.name === name),
            written.slice(Math.max(0, last)),
          );
        }
      }),
    );
  });
});

describe('sections', () => {
  const cases: readonly (readonly [string, string, readonly (readonly string[])[]])[] = [
    [
      'terms beside `apl`',
      'routes: [{tool: t, apl: {pre_invocation: [allow]}, args: {a: str}}]',
      [['config/apl-and-flat', 'args']],
    ],
    [
      'a phase nested and flat',
      'routes: [{tool: t, authorization: {pre_invocation: [allow]}, pre_invocation: [deny]}]',
      [['config/phase-twice', 'pre_invocation']],
    ],
    ['wiring on a route', 'routes: [{tool: t, pdp: []}]', [['config/global-only-key', 'pdp']]],
    [
      'wiring in a group under `apl`',
      'groups: {g: {apl: {session_store: {kind: memory}}}}',
      [['config/global-only-key', 'session_store']],
    ],
    [
      'wiring flat and wrapped',
      'global: {attribute_files: [], apl: {attribute_files: []}}',
      [['config/apl-and-flat', 'attribute_files']],
    ],
    [
      'a response in a default',
      'global: {defaults: {tool: {response: {status: 403}}}}',
      [['config/response-scope', 'response']],
    ],
    ['an unknown group', 'routes: [{tool: t, groups: nope}]', [['config/unknown-group', 'nope']]],
    ['a store of an unknown kind', 'global: {session_store: {kind: memroy}}', [['config/unknown-kind', 'memroy']]],
    ['a dialect twice', 'global: {pdp: [{kind: cell}]}', [['config/unknown-kind', 'cell']]],
  ];
  for (const [name, text, findings] of cases) {
    it(`reports ${name}`, async () => assert.deepEqual(await findingsOf(text), findings));
  }

  it('the wiring acts flat and under `apl` alike', async () => {
    for (const text of [
      'global: {session_store: {kind: memory, max_sessions: 1}}',
      'global: {apl: {session_store: {kind: memory, max_sessions: 1}}}',
    ]) {
      const engine = await engineOf(`${text}\nroutes: [{tool: t, pre_invocation: [taint(x)]}]`);
      const labelled = async (id: string): Promise<string> =>
        outcomeOf(await engine.pre(call('t', { extensions: { subject: { id } } })));
      assert.equal(await labelled('a'), 'allow');
      assert.equal(await labelled('b'), 'session.persist_failed');
    }
  });

  it('a store block with an integer of any size is a finding, not a crash', async () => {
    const loaded = await loadText('global: {session_store: {kind: memory, max_sessions: 99999999999999999999}}');
    assert.equal(loaded.ok, false);
  });

  it('an outline tells the effective steps with their places', async () => {
    const loaded = await loadText(
      `${LAYERS}routes: [{tool: t, groups: a, args: {v: str|mask(2)}, pre_invocation: [{when: role.x, do: deny}]}]`,
    );
    assert.ok(loaded.ok);
    const [route] = loaded.outline();
    assert.deepEqual(route?.layers, ['global', 'global.defaults.tool', 'groups.all', 'groups.a', 'routes.tool:t']);
    assert.deepEqual(
      route.steps.map(({ place, text }) => [place, text]),
      [
        ['routes.tool:t.args.v', 'v: str | mask(2)'],
        ['global.pre_invocation[0]', 'taint(global)'],
        ['global.defaults.tool.pre_invocation[0]', 'taint(default)'],
        ['groups.all.pre_invocation[0]', 'taint(all)'],
        ['groups.a.pre_invocation[0]', 'taint(a)'],
        ['routes.tool:t.pre_invocation[0]', 'role.x: deny'],
      ],
    );
    assert.deepEqual(loaded.outlineUnmatched('http'), {
      layers: ['global'],
      authentication: [],
      plugins: [],
      steps: loaded.outlineUnmatched('http').steps,
      decision: 'allow',
    });
  });
});

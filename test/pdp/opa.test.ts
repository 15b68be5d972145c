import assert from 'node:assert/strict';
import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Decision, JsonObject, Operation } from '../../src/index.ts';
import { decisionOf } from '../../src/pdp/opa/decision.ts';
import { startPeer, type Peer, type PeerHandler } from '../support/http-peer.ts';
import { findings, start, type Running } from './decide.ts';

const FIXTURES = new URL('../../fixtures/opa/', import.meta.url).pathname;
const COMPILED = { wasm_file: 'policy.wasm' };

const bundle = (entry: JsonObject, step: JsonObject): string =>
  JSON.stringify({
    global: { pdp: [{ kind: 'opa', ...entry }] },
    routes: [{ tool: 't', pre_invocation: [{ opa: step }] }],
  });

const compiled = (context: TestContext, query: string, entry: JsonObject = {}): Promise<Running> =>
  start(context, bundle({ ...COMPILED, ...entry }, { query }), { baseDirectory: FIXTURES });

const code = (decision: Decision): string | undefined => decision.violation?.code;
const MARKED: Partial<Operation> = { args: { note: 'yes!' } };

describe('opa: compiled policies', () => {
  it('decide on the attributes of the request', async (context) => {
    const { pre } = await compiled(context, 'data.policy.marked');
    const allowed = await pre(MARKED);
    assert.equal(allowed.violation, null);
    assert.deepEqual(allowed.consultations?.[0]?.diagnostics, ['`data.policy.marked` is true']);
    assert.equal(code(await pre({ args: { note: 'no' } })), 'opa');
    assert.equal(code(await pre({ args: 'yes!'.repeat(2_000_000) })), 'pdp.opa.error');
  });

  it('answer many questions at once', async (context) => {
    const { pre } = await compiled(context, 'policy/marked');
    const notes = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? 'yes!' : 'no'));
    const decisions = await Promise.all(notes.map((note) => pre({ args: { note } })));
    assert.deepEqual(
      decisions.map(({ decision }) => decision),
      notes.map((note) => (note === 'yes!' ? 'allow' : 'deny')),
    );
  });

  it('see only the input that a step writes', async (context) => {
    const text = bundle(COMPILED, { query: 'policy/marked', input: { who: '${subject.id}' } });
    const { pre } = await start(context, text, { baseDirectory: FIXTURES });
    assert.equal(code(await pre({ ...MARKED, extensions: { subject: { id: 'x' } } })), 'opa');
    assert.equal((await pre({ extensions: { subject: { id: 'yes!' } } })).violation, null);
    assert.equal(code(await pre(MARKED)), 'pdp.opa.error');
  });

  it('deny with violations, reports and undefined rules', async (context) => {
    const violations = await compiled(context, 'data.policy.violations');
    const decision = await violations.pre(MARKED);
    assert.equal(code(decision), 'opa');
    assert.equal(decision.violation?.reason, '2 violations');
    assert.deepEqual(decision.consultations?.[0]?.diagnostics, [
      '`data.policy.violations` has 2 violations',
      'too much',
      '{"limit":5}',
    ]);
    assert.equal((await violations.pre()).violation, null);
    const report = await (await compiled(context, 'data.policy.report')).pre();
    assert.deepEqual([code(report), report.violation?.reason], ['limit.amount', 'over the limit']);
    const undefinedRule = await compiled(context, 'data.policy.undefined', { on_error: 'allow' });
    assert.equal(code(await undefinedRule.pre()), 'opa');
  });

  it('a policy that gives up is an error, for which on_error decides, alarmed', async (context) => {
    const denied = await compiled(context, 'data.policy.aborts');
    assert.equal(code(await denied.pre()), 'pdp.opa.error');
    assert.deepEqual(denied.alarms, [{ alarm: 'decision_point_error', dialect: 'opa', allowed: false }]);
    const allowed = await compiled(context, 'data.policy.aborts', { on_error: 'allow' });
    assert.equal((await allowed.pre()).violation, null);
    assert.deepEqual(allowed.alarms, [{ alarm: 'decision_point_error', dialect: 'opa', allowed: true }]);
  });

  for (const rule of ['text', 'grants', 'no_result']) {
    it(`a value that decides nothing denies, whatever on_error says: ${rule}`, async (context) => {
      const { pre } = await compiled(context, `data.policy.${rule}`, { on_error: 'allow' });
      assert.equal(code(await pre(MARKED)), 'pdp.opa.error');
    });
  }

  it('an endless evaluation is ended, and the next question is answered', async (context) => {
    const text = JSON.stringify({
      global: { pdp: [{ kind: 'opa', ...COMPILED, timeout_ms: 200, on_error: 'allow' }] },
      routes: ['endless', 'traps', 'marked'].map((rule) => ({
        tool: rule,
        pre_invocation: [{ opa: { query: `policy/${rule}` } }],
      })),
    });
    const { pre } = await start(context, text, { baseDirectory: FIXTURES });
    const ask = (name: string): Promise<Decision> => pre({ ...MARKED, entity: { type: 'tool', name } });
    assert.equal(code(await ask('endless')), 'pdp.opa.error');
    let answered = await ask('marked');
    // The thread may take longer to start than a question may wait.
    for (let i = 0; i < 50 && answered.decision !== 'allow'; i++) answered = await ask('marked');
    assert.equal(answered.decision, 'allow');
    await ask('traps');
    for (let i = 0; i < 50 && (answered = await ask('marked')).decision !== 'allow'; i++);
    assert.equal(answered.decision, 'allow');
  });

  it('come as a bundle with data, which other data may add to', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'opa-'));
    context.after(() => rm(folder, { recursive: true }));
    const wasm = await readFile(join(FIXTURES, 'policy.wasm'));
    const archive = tar({ '/data.json': Buffer.from('{"a":{"b":1}}'), '/policy.wasm': wasm });
    await writeFile(join(folder, 'bundle.tar.gz'), gzipSync(archive));
    await writeFile(join(folder, 'more.json'), '{"a":{"c":2}}');
    const entry = { wasm_file: 'bundle.tar.gz', data: { a: { d: 3 } }, data_files: ['more.json'] };
    const step = { query: 'policy/marked' };
    const { pre } = await start(context, bundle(entry, step), { baseDirectory: folder });
    assert.equal((await pre(MARKED)).violation, null);
    const [error] = await findings(bundle({ ...entry, data: { a: { b: 2 } } }, step), { baseDirectory: folder });
    assert.match(error?.message ?? '', /`data.a.b` is given twice/);
    await writeFile(join(folder, 'bundle.tar.gz'), gzipSync(archive.subarray(0, 1000)));
    const [cut] = await findings(bundle(entry, step), { baseDirectory: folder });
    assert.match(cut?.message ?? '', /cut off|no `policy.wasm`/);
  });
});

describe('opa: values of rules', () => {
  const value = (given: unknown, rule = 'deny', field = 'allow'): string =>
    decisionOf(given, ['p', rule], field).outcome;

  it('booleans, undefined, objects and collections of violations decide', () => {
    assert.deepEqual(
      [true, false, undefined, { allow: true, violations: ['x'] }, { allow: false }, [], ['x']].map((each) =>
        value(each),
      ),
      ['allow', 'deny', 'deny', 'allow', 'deny', 'allow', 'deny'],
    );
    assert.equal(value({ ok: true }, 'deny', 'ok'), 'allow');
  });

  it('everything else does not', () => {
    for (const given of ['yes', 1, 0, null, {}, { allow: 'true' }, { allow: 1 }]) assert.throws(() => value(given));
    for (const given of [[], ['x']]) assert.throws(() => value(given, 'allowed_tools'), /collection of grants/);
    assert.throws(() => value(Object.create({ allow: true })));
  });

  it('diagnostics are bounded', () => {
    const answer = decisionOf(
      Array.from({ length: 40 }, () => 'é'.repeat(3000)),
      ['p', 'deny'],
      'allow',
    );
    assert.equal(answer.diagnostics?.length, 17);
    assert.equal(answer.diagnostics?.at(-1), 'and 25 more');
    assert.ok(answer.diagnostics?.every((line) => line.length <= 1024));
  });
});

describe('opa: a server', () => {
  async function against(
    context: TestContext,
    handler: PeerHandler,
    entry: JsonObject = {},
  ): Promise<Running & { peer: Peer }> {
    const peer = await startPeer(handler, '/opa/');
    context.after(() => peer.close());
    const text = bundle({ url: peer.url, ...entry }, { query: 'data.http["authz v1"].allow' });
    return { ...(await start(context, text)), peer };
  }

  const result =
    (body: string, status = 200): PeerHandler =>
    (_request, response) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(body);

  it('gets the attributes without credentials', async (context) => {
    const { pre, peer } = await against(context, result('{"result": true}'));
    const decision = await pre({
      args: { n: 9_007_199_254_740_993n, tags: ['b', 'a'], none: null },
      attributes: { 'raw.x': 1 },
      extensions: {
        subject: { id: 'alice', roles: ['hr'] },
        http: { method: 'POST', request_headers: { Authorization: 'Bearer secret', Cookie: 'c', 'X-A': '1' } },
      },
    });
    assert.equal(decision.violation, null);
    const [request] = peer.requests;
    assert.equal(request?.path, '/opa/v1/data/http/authz%20v1/allow');
    assert.ok(request?.body.includes('"n":9007199254740993'));
    const { input } = JSON.parse(request?.body ?? '') as { input: Record<string, JsonObject> };
    assert.deepEqual(input['args'], { n: 9_007_199_254_740_992, tags: ['a', 'b'] });
    assert.deepEqual(input['role'], { hr: true });
    assert.deepEqual(input['raw'], { x: 1 });
    assert.deepEqual(input['http'], { method: 'POST', request_headers: { 'x-a': '1' } });
  });

  it('decides by the value of the rule; without one it denies', async (context) => {
    for (const [body, expected] of [
      ['{"result": false}', 'opa'],
      ['{}', 'opa'],
      ['{"result": {"allow": false, "id": "r1"}}', 'r1'],
      ['{"result": []}', 'pdp.opa.error'],
      ['{"result": "true"}', 'pdp.opa.error'],
      ['[true]', 'pdp.opa.error'],
      ['true', 'pdp.opa.error'],
    ] as const) {
      const { pre } = await against(context, result(body), { on_error: 'allow' });
      assert.equal(code(await pre()), expected, body);
    }
  });

  it('a server that fails denies, whatever on_error says', async (context) => {
    for (const handler of [
      result('{"code":"internal_error"}', 500),
      result('{"result": true'),
      ((_request, response) => void response.destroy()) satisfies PeerHandler,
    ]) {
      const { pre } = await against(context, handler, { on_error: 'allow' });
      assert.equal(code(await pre()), 'pdp.opa.error');
    }
  });
});

describe('opa: what loading finds', () => {
  const step = { query: 'data.policy.marked' };
  const errors: readonly (readonly [JsonObject, JsonObject, RegExp])[] = [
    [{}, step, /write either `wasm_file` or `url`/],
    [{ ...COMPILED, url: 'http://127.0.0.1:1' }, step, /write either `wasm_file` or `url`/],
    [{ modules: ['package p'] }, step, /`modules`: Rego text is not run here; compile it with `opa build -t wasm`/],
    [{ module_files: ['p.rego'] }, step, /`module_files`: Rego text is not run here/],
    [{ wasm_file: 'nowhere.wasm' }, step, /there is no such file/],
    [{ wasm_file: 'policy.wat' }, step, /neither a WebAssembly module nor an OPA bundle/],
    [{ wasm_file: 'needs-http.wasm' }, step, /calls functions that are not available here: http.send/],
    [{ url: 'http://127.0.0.1:1', data: {} }, step, /an OPA server has its own data/],
    [
      COMPILED,
      { query: 'data.policy.markd' },
      /was not built with the entrypoint `policy\/markd`; it has `data.policy.marked`/,
    ],
    [COMPILED, { query: 'data.policy.marked == true' }, /names no rule/],
    [COMPILED, { query: 5 }, /`query` must name a rule/],
    [COMPILED, { ...step, module: 'package p' }, /`module`: Rego text is not run here/],
    [COMPILED, { ...step, inputs: {} }, /unknown key `inputs`; did you mean `input`/],
    [COMPILED, { ...step, input: 3 }, /`input` must be a map/],
    [{ ...COMPILED, descision_field: 'x' }, step, /unknown key `descision_field`/],
  ];
  for (const [entry, written, message] of errors) {
    it(message.source, async () => {
      const found = await findings(bundle(entry, written), { baseDirectory: FIXTURES });
      assert.ok(
        found.some((finding) => finding.severity === 'error' && message.test(finding.message)),
        JSON.stringify(found.map((each) => each.message)),
      );
    });
  }

  it('a module that is no policy', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'opa-'));
    context.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'empty.wasm'), Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    const [error] = await findings(bundle({ wasm_file: 'empty.wasm' }, step), { baseDirectory: folder });
    assert.match(error?.message ?? '', /no compiled policy/);
  });

  it('the rule may stand in parentheses', async (context) => {
    const text = `global: {pdp: [{kind: opa, wasm_file: policy.wasm}]}\nroutes:\n  - tool: t\n    pre_invocation:\n      - opa("policy/marked"): {on_deny: ["deny('no', 'own')"]}\n`;
    const { pre } = await start(context, text, { baseDirectory: FIXTURES });
    assert.equal((await pre(MARKED)).violation, null);
    assert.equal(code(await pre()), 'own');
  });
});

/** A ustar archive. */
function tar(files: Readonly<Record<string, Buffer>>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${content.length.toString(8).padStart(11, '0')} `, 124);
    header.write('0', 156);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HttpAdapterOptions } from '../../src/adapters/http-guard.ts';
import type { Alarm, Engine, PolicyEngine } from '../../src/index.ts';
import { EMPLOYEE, startConnect, startExpress, startFastify, type GuardedApp } from '../support/guarded-apps.ts';
import { ask, type Answer, type Ask } from '../support/http-peer.ts';
import { loadedEngine } from '../support/loaded-engine.ts';
import { bearerIdentity, deny, pending, scriptedEngine, withArgs, withResult } from '../support/scripted-engine.ts';

const RULES = `
global:
  pre_invocation:
    - "http.path == '/admin' & !role.admin: deny('admins only', 'http.admin')"
    - "http.method == 'OPTIONS' & http.request_headers['x-block'] == 'yes': deny('no', 'http.options')"
routes:
  - tool: pay
    args: {amount: "int | 0..100", memo: "str | mask(2)"}
    response: {status: 422, body: '{"pay":"refused"}', headers: {x-why: policy, connection: close}}
  - tool: report
    result: {"got.ssn": redact}
`;
const REDACTING = RULES.replace('global:', 'global:\n  result: {ssn: redact}');

const APPS = { fastify: startFastify, express: startExpress, connect: startConnect };

const get = (app: GuardedApp, path: string, more: Ask = {}): Promise<Answer> =>
  ask(app.url, { method: 'GET', path, ...more });

function post(app: GuardedApp, path: string, body: unknown, headers = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return ask(app.url, { path, headers: { 'content-type': 'application/json', ...headers }, body: text });
}

const violationOf = ({ body }: Pick<Answer, 'body'>): unknown =>
  (JSON.parse(body) as Record<string, unknown>)['violation'];

for (const [name, start] of Object.entries(APPS)) {
  const withApp = async (
    engine: Engine,
    use: (app: GuardedApp) => Promise<void>,
    options: Parameters<typeof start>[1] = {},
  ): Promise<void> => {
    const app = await start(engine, options);
    try {
      await use(app);
    } finally {
      await app.close();
    }
  };

  describe(`${name}, with rules before the handler only`, () => {
    let engine: PolicyEngine;
    let app: GuardedApp;
    before(async () => {
      ({ engine } = await loadedEngine(RULES));
      app = await start(engine);
    });
    after(async () => {
      await app.close();
      await engine.close();
    });

    it('lets an allowed request through untouched', async () => {
      const answer = await get(app, '/employee?x=1');
      assert.equal(answer.status, 200);
      assert.deepEqual(JSON.parse(answer.body), EMPLOYEE);
      const run = app.runs.at(-1);
      assert.equal(run?.policy?.decision.decision, 'allow');
      assert.equal(run?.policy?.entity.type, 'http');
    });

    it('streams what policy does not look at', async () => {
      const answer = await get(app, '/raw/events');
      assert.equal(answer.headers['content-type'], 'text/event-stream');
      assert.match(answer.body, /data: more/);
    });

    it('answers a denial with 403, and the handler does not run', async () => {
      const runs = app.runs.length;
      for (const path of ['/admin', '/admin?x', '/%61dmin', '/adm%69n']) {
        const answer = await get(app, path);
        assert.equal(answer.status, 403, path);
        assert.equal(violationOf(answer), 'http.admin', path);
        assert.equal(answer.headers['x-before'], name === 'fastify' ? undefined : 'kept');
      }
      assert.equal(app.runs.length, runs);
    });

    it('refuses targets that two handlers could read differently', async () => {
      for (const path of ['/x/../admin', '/x/%2e%2e/admin', '/admin%00', '/%ff', '/x%5cadmin', 'http://h/admin']) {
        const answer = await get(app, path);
        assert.ok([400, 404].includes(answer.status), `${path} ${answer.status}`);
      }
    });

    it('decides on HEAD and OPTIONS', async () => {
      const runs = app.runs.length;
      assert.equal((await get(app, '/admin', { method: 'HEAD' })).status, 403);
      assert.equal((await get(app, '/employee', { method: 'OPTIONS', headers: { 'x-block': 'yes' } })).status, 403);
      assert.equal(app.runs.length, runs);
      assert.equal((await get(app, '/employee', { method: 'HEAD' })).status, 200);
      assert.equal((await get(app, '/employee', { method: 'OPTIONS' })).status, 204);
    });

    it('guards a route as a tool, and gives its handler the arguments that policy made', async () => {
      const answer = await post(app, '/tools/pay', { amount: 5, memo: 'rent' });
      assert.deepEqual(JSON.parse(answer.body), { got: { amount: 5, memo: '**nt' } });
      assert.equal(app.runs.at(-1)?.policy?.decision.route, 'tool:pay');
    });

    it('denies a tool with the response of its route', async () => {
      const runs = app.runs.length;
      const answer = await post(app, '/tools/pay', { amount: 500 });
      assert.equal(answer.status, 422);
      assert.equal(answer.body, '{"pay":"refused"}');
      assert.equal(answer.headers['x-why'], 'policy');
      const unmatched = await post(app, '/tools/delete', {});
      assert.equal(unmatched.status, 403);
      assert.equal(violationOf(unmatched), 'route.unmatched');
      assert.equal(app.runs.length, runs);
    });

    it('does not run the handler for a malformed body or a header given twice', async () => {
      const runs = app.runs.length;
      assert.equal((await post(app, '/tools/pay', '{"amount":')).status, 400);
      const twice = await get(app, '/employee', { headers: { authorization: ['Bearer a', 'Bearer b'] } });
      assert.equal(twice.status, 400);
      assert.equal(violationOf(twice), 'gateway.repeated_header');
      assert.equal(app.runs.length, runs);
    });
  });

  describe(`${name}, with policy that looks at answers`, () => {
    let engine: PolicyEngine;
    let app: GuardedApp;
    before(async () => {
      ({ engine } = await loadedEngine(REDACTING));
      app = await start(engine);
    });
    after(async () => {
      await app.close();
      await engine.close();
    });

    for (const path of ['/employee', '/stream', '/raw/pieces', '/raw/piped', '/raw/trailers']) {
      it(`changes the answer of ${path}`, async () => {
        const answer = await get(app, path);
        assert.equal(answer.status, 200);
        assert.deepEqual(JSON.parse(answer.body), { ...EMPLOYEE, ssn: '[REDACTED]' });
        assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
        const length = answer.headers['content-length'];
        if (length !== undefined) assert.equal(Number(length), Buffer.byteLength(answer.body));
        assert.equal(answer.headers['etag'], undefined);
        assert.equal(answer.headers['x-before'], path.startsWith('/raw/') && name === 'fastify' ? undefined : 'kept');
      });
    }

    for (const kind of ['events', 'flushed', 'bytes', 'encoded', 'latin', 'part', 'twice', 'broken']) {
      it(`denies what it cannot decide on: ${kind}`, async () => {
        const answer = await get(app, `/raw/${kind}`);
        assert.equal(answer.status, 403);
        assert.equal(violationOf(answer), 'gateway.result_undecidable');
        assert.doesNotMatch(answer.body, /123-45/);
        assert.equal(answer.headers['set-cookie'], undefined);
        assert.equal(answer.headers['content-encoding'], undefined);
        assert.equal(app.runs.at(-1)?.path, `/raw/${kind}`);
      });
    }

    it('lets text, errors and answers without a body through', async () => {
      const failed = await get(app, '/fails');
      assert.equal(failed.status, 500);
      assert.match(failed.body, /no ssn/);
      assert.equal((await get(app, '/raw/nothing')).status, 204);
      const head = await get(app, '/employee', { method: 'HEAD' });
      assert.deepEqual([head.status, head.body, head.headers['etag']], [200, '', undefined]);
      assert.notEqual(head.headers['content-length'], String(JSON.stringify(EMPLOYEE).length));
    });

    it('looks at the answer of a tool', async () => {
      const answer = await post(app, '/tools/report', { ssn: '1', name: 'x' });
      assert.deepEqual(JSON.parse(answer.body), { got: { ssn: '[REDACTED]', name: 'x' } });
    });

    it('denies an answer that is too long', async () => {
      await withApp(
        engine,
        async (small) => {
          assert.equal(violationOf(await get(small, '/employee')), 'gateway.result_undecidable');
        },
        { maxResultBytes: 10 },
      );
    });
  });

  describe(`${name}, when something fails`, () => {
    const noRun = async (
      engine: Engine,
      code: string,
      options: Omit<HttpAdapterOptions<object>, 'extensions'> = {},
    ) => {
      await withApp(
        engine,
        async (app) => {
          for (const answer of [await get(app, '/employee'), await post(app, '/tools/pay', { amount: 1 })]) {
            assert.equal(answer.status, code === 'gateway.engine_failure!' ? 401 : 403);
            assert.equal(violationOf(answer), code.replace('!', ''));
          }
          assert.deepEqual(app.runs, []);
        },
        options,
      );
    };
    const boom = (): never => {
      throw new Error('boom');
    };

    it('the engine throws or rejects', async () => {
      await noRun({ ...scriptedEngine(), pre: boom }, 'gateway.engine_failure');
      await noRun({ ...scriptedEngine(), pre: () => Promise.reject(new Error('boom')) }, 'gateway.engine_failure');
      await noRun({ ...scriptedEngine(), examinesResult: boom }, 'gateway.engine_failure');
    });

    it('identification rejects', () =>
      noRun({ ...scriptedEngine(), identify: () => Promise.reject(new Error('boom')) }, 'gateway.engine_failure!'));

    it('the engine is closed', async () => {
      const { engine } = await loadedEngine(RULES);
      await engine.close();
      await withApp(engine, async (app) => {
        const answer = await get(app, '/employee');
        assert.equal(violationOf(answer), 'engine.closed');
        assert.deepEqual(app.runs, []);
      });
    });

    it('the alarm itself throws', () =>
      noRun({ ...scriptedEngine(), pre: boom }, 'gateway.engine_failure', { alarm: boom }));

    it('there is nothing to decide in `post`, and it denies all the same', async () => {
      const engine = { ...scriptedEngine({ post: () => deny('late') }), examinesResult: () => false };
      await noRun(engine, 'late');
    });

    it('the decision on the answer throws, denies, or does not fit', async () => {
      const raised: Alarm[] = [];
      const cases: readonly [Partial<Engine>, string][] = [
        [{ post: boom, examinesResult: () => true }, 'gateway.engine_failure'],
        [scriptedEngine({ post: () => deny('no.result') }), 'no.result'],
        [
          scriptedEngine({ post: () => ({ modified: { args: false, result: true }, result: undefined }) }),
          'gateway.result_unwritable',
        ],
      ];
      for (const [broken, code] of cases) {
        await withApp(
          { ...scriptedEngine(), ...broken },
          async (app) => {
            const answer = await get(app, '/employee');
            assert.equal(answer.status, 403);
            assert.equal(violationOf(answer), code);
            assert.equal(answer.headers['x-before'], name === 'fastify' ? undefined : 'kept');
            assert.equal(app.runs.length, 1);
          },
          { alarm: (alarm) => raised.push(alarm) },
        );
      }
      assert.deepEqual(
        raised.map(({ alarm }) => alarm),
        ['adapter_failure'],
      );
    });

    it('a function of the route throws, or its arguments are no JSON', async () => {
      const routes = [
        [{ entity: boom }, 'gateway.engine_failure'],
        [{ entity: { type: 'tool', name: 'x' }, args: { read: boom, write: boom } }, 'gateway.engine_failure'],
        [
          { entity: { type: 'tool', name: 'x' }, args: { read: () => new Map(), write: boom } },
          'gateway.arguments_unreadable',
        ],
        [{ entity: { type: 'tool', name: 'x' }, args: { read: () => ({}), write: boom } }, 'gateway.engine_failure'],
      ] as const;
      for (const [route, code] of routes) {
        await withApp(
          scriptedEngine({ pre: () => withArgs({ a: 1 }) }),
          async (app) => {
            assert.equal(violationOf(await post(app, '/tools/pay', {})), code);
            assert.deepEqual(app.runs, []);
          },
          { route },
        );
      }
    });
  });

  describe(`${name}, who is calling`, () => {
    it('is asked for credentials', async () => {
      const engine = scriptedEngine({ identify: bearerIdentity });
      await withApp(
        engine,
        async (app) => {
          const answer = await get(app, '/employee', { headers: { authorization: 'Bearer bad' } });
          assert.equal(answer.status, 401);
          assert.equal(violationOf(answer), 'auth.invalid_token');
          assert.equal(
            answer.headers['www-authenticate'],
            'Bearer resource_metadata="https://rs.example/meta", error="invalid_token"',
          );
          assert.equal(app.runs.length, 0);
          const allowed = await get(app, '/employee', { headers: { authorization: 'Bearer ann', cookie: 'a=b' } });
          assert.equal(allowed.status, 200);
          const { extensions, credentials } = engine.preCalls[0] ?? {};
          assert.equal(extensions?.subject?.id, 'ann');
          assert.equal(credentials?.[0]?.token, 'ann');
          assert.deepEqual(
            [extensions?.http?.request_headers?.['authorization'], extensions?.http?.request_headers?.['cookie']],
            [undefined, undefined],
          );
          assert.deepEqual(app.runs[0]?.policy?.identity, { subject: { id: 'ann', issuer: 'test' } });
        },
        { resourceMetadata: 'https://rs.example/meta' },
      );
    });

    it('and by which name of the server', async () => {
      const engine = scriptedEngine();
      await withApp(
        engine,
        async (app) => {
          const foreign = await get(app, '/employee', { headers: { host: 'evil.example' } });
          assert.equal(violationOf(foreign), 'gateway.forbidden_host');
          assert.equal((await get(app, '/employee', { headers: { host: 'API.example:80' } })).status, 200);
          assert.equal(engine.preCalls[0]?.extensions?.http?.host, 'api.example');
          assert.equal(engine.preCalls[0]?.extensions?.http?.scheme, 'https');
        },
        { hosts: ['api.example'], scheme: 'https' },
      );
    });

    it('a human may have to be asked first', async () => {
      const engine = scriptedEngine({ pre: () => pending({ elicitation_id: 'q-1', approver: 'boss' }) });
      await withApp(engine, async (app) => {
        const answer = await post(app, '/tools/pay', {});
        assert.equal(answer.status, 403);
        assert.deepEqual(JSON.parse(answer.body), { elicitation_id: 'q-1', approver: 'boss' });
        assert.deepEqual(app.runs, []);
      });
    });

    it('a request that only asks what became of its question is not executed', async () => {
      await withApp(scriptedEngine(), async (app) => {
        const peek = { 'x-policy-elicitation-peek': 'true' };
        assert.equal((await get(app, '/employee', { headers: peek })).status, 403);
        assert.deepEqual(app.runs, []);
        assert.equal(
          (await get(app, '/employee', { headers: { ...peek, 'x-policy-elicitation-peek': '0' } })).status,
          200,
        );
      });
    });

    it('gets changed text as text', async () => {
      await withApp(scriptedEngine({ post: (_, result) => withResult(`<${String(result)}>`) }), async (app) => {
        const answer = await get(app, '/admin');
        assert.equal(answer.body, '<the keys>');
      });
    });
  });
}

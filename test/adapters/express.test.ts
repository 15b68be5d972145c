import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as startRequest } from 'node:http';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import express from 'express';
import { createGuard, policyOf } from '../../src/adapters/express.ts';
import { ask, type Answer } from '../support/http-peer.ts';
import { loadedEngine } from '../support/loaded-engine.ts';
import { scriptedEngine, withArgs, withResult } from '../support/scripted-engine.ts';

async function serving(
  app: RequestListener,
  use: (get: (path: string) => Promise<Answer>, url: string) => Promise<void>,
) {
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  try {
    const url = `http://127.0.0.1:${address.port}`;
    await use((path) => ask(url, { method: 'GET', path }), url);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('the middleware in Express', () => {
  it('knows a path as the default router compares it, under a mounted router too', async () => {
    const { engine } = await loadedEngine(`global: {pre_invocation: ["http.path == '/api/keys': deny('no', 'no')"]}`);
    const router = express.Router();
    router.use(createGuard(engine)());
    router.get('/keys', (_request, response) => void response.send('ran'));
    const app = express();
    app.use('/api', router);
    await serving(app, async (get) => {
      for (const path of ['/api/keys', '/API/Keys', '/api/keys/', '/api/keys?x']) {
        assert.equal((await get(path)).status, 403, path);
      }
      assert.equal((await get('/api/other')).status, 404);
    });
    await engine.close();
  });

  it('replaces `query`, which Express gives by a getter', async () => {
    const app = express();
    const guard = createGuard<express.Request>(scriptedEngine({ pre: () => withArgs({ q: 'changed' }) }));
    app.get('/', guard({ entity: { type: 'tool', name: 'search' }, args: 'query' }), (request, response) => {
      response.json(request.query);
    });
    await serving(app, async (get) => assert.equal((await get('/?q=1')).body, '{"q":"changed"}'));
  });

  it('denies a body that nobody has parsed yet', async () => {
    const app = express();
    const engine = scriptedEngine();
    app.post(
      '/',
      createGuard(engine)({ entity: { type: 'tool', name: 'pay' } }),
      express.json(),
      (_request, response) => {
        response.send('ran');
      },
    );
    await serving(app, async (_, url) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await ask(url, { headers, body: '{"amount":1}' });
      assert.equal(answer.status, 403);
      assert.match(answer.body, /gateway\.arguments_unreadable/);
      assert.equal(engine.preCalls.length, 0);
    });
  });

  it('runs in front of every route and once more at one, under what was restricted before', async () => {
    const { engine } = await loadedEngine(`
global: {pre_invocation: ["http.method == 'GET': allow", {restrict: {allow_regions: [eu]}}]}
routes: [{tool: search, pre_invocation: [{restrict: {allow_models: [a-*]}}]}]
`);
    const app = express();
    const guard = createGuard<express.Request>(engine, { backend: 'handler' });
    app.use(guard());
    app.get('/', guard({ entity: { type: 'tool', name: 'search' }, args: 'query' }), (request, response) => {
      response.json(policyOf(request)?.decision.constraint);
    });
    await serving(app, async (get) => {
      const { body } = await get('/');
      assert.match(body, /eu/);
      assert.match(body, /a-\*/);
    });
    await engine.close();
  });

  it('denies what is restricted to backends that this server is none of', async () => {
    const { engine } = await loadedEngine(`
global: {pre_invocation: [{restrict: {allow_regions: [eu]}}]}
`);
    for (const [backend, status] of [
      [undefined, 403],
      [{ region: 'us' }, 403],
      [{ region: 'eu' }, 200],
    ] as const) {
      const app = express();
      app.use(createGuard(engine, backend === undefined ? {} : { backend })());
      app.get('/', (_request, response) => void response.send('ran'));
      await serving(app, async (get) => assert.equal((await get('/')).status, status));
    }
    await engine.close();
  });

  it('sends an answer that was written and ended twice once', async () => {
    const app = express();
    app.use(createGuard(scriptedEngine({ post: (_, result) => withResult({ was: result ?? null }) }))());
    app.get('/', (_request, response) => {
      response.json({ first: 1 });
      response.status(500).json({ second: 2 });
    });
    await serving(app, async (get) => {
      const answer = await get('/');
      assert.deepEqual([answer.status, answer.body], [200, '{"was":{"first":1}}']);
    });
  });

  it('survives a client that goes away while its answer is decided', async () => {
    let arrived = (): void => undefined;
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const engine = scriptedEngine({
      post: async () => {
        arrived();
        await gate;
        return {};
      },
    });
    const app = express();
    let gone: Promise<unknown> | undefined;
    app.use((_request, response, next) => {
      gone ??= once(response, 'close');
      next();
    });
    app.use(createGuard(engine)());
    app.get('/', (_request, response) => void response.json({}));
    await serving(app, async (get, url) => {
      const leaving = startRequest(url);
      leaving.on('error', () => undefined);
      leaving.end();
      await asked;
      leaving.destroy();
      await gone;
      open();
      assert.equal((await get('/')).status, 200);
    });
  });
});

import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { policyPlugin } from '../../src/adapters/fastify.ts';
import type { Engine } from '../../src/index.ts';
import { loadedEngine } from '../support/loaded-engine.ts';
import { deny, scriptedEngine, withArgs, withResult } from '../support/scripted-engine.ts';

const REFUSING = (): Engine => scriptedEngine({ pre: () => deny('no') });

describe('the Fastify plugin and the contexts of an application', () => {
  it('guards its own context and those below, and no other', async () => {
    const app = fastify();
    await app.register(async (child: FastifyInstance) => {
      await child.register(policyPlugin, { engine: REFUSING() });
      child.get('/inside', () => Promise.resolve('ran'));
      await child.register(async (below) => void below.get('/below', () => Promise.resolve('ran')));
    });
    app.get('/outside', () => Promise.resolve('ran'));
    assert.equal((await app.inject('/inside')).statusCode, 403);
    assert.equal((await app.inject('/below')).statusCode, 403);
    assert.equal((await app.inject('/outside')).body, 'ran');
    await app.close();
  });

  it('guards routes of its context that were there before, and whatever answers unknown paths', async () => {
    const app = fastify();
    app.get('/before', () => Promise.resolve('ran'));
    await app.register(policyPlugin, { engine: REFUSING() });
    app.setNotFoundHandler((_request, reply) => reply.send('ran'));
    assert.equal((await app.inject('/before')).statusCode, 403);
    assert.equal((await app.inject('/nowhere')).statusCode, 403);
    await app.close();
  });

  it('cannot be registered twice in one context', async () => {
    const app = fastify();
    await app.register(policyPlugin, { engine: REFUSING() });
    await assert.rejects(async () => app.register(policyPlugin, { engine: REFUSING() }), /policy/);
    await app.close();
  });

  it('refuses options that cannot be used', async () => {
    const app = fastify();
    await assert.rejects(async () => app.register(policyPlugin, { engine: REFUSING(), hosts: ['a b'] }), TypeError);
  });
});

describe('the Fastify plugin and the steps of a request', () => {
  it('shows policy what the handler gets: parsed, validated and coerced', async () => {
    const engine = scriptedEngine();
    const app = fastify();
    await app.register(policyPlugin, { engine });
    const schema = {
      body: { type: 'object', properties: { amount: { type: 'integer' }, dry: { type: 'boolean', default: true } } },
    };
    const policy = { entity: { type: 'tool', name: 'pay' } } as const;
    app.post('/pay', { schema, config: { policy } }, (request) => Promise.resolve(request.body));
    const answer = await app.inject({ method: 'POST', url: '/pay', payload: { amount: '5' } });
    assert.deepEqual(answer.json(), { amount: 5, dry: true });
    assert.deepEqual(engine.preCalls[0]?.args, { amount: 5, dry: true });
    await app.close();
  });

  it('sees who was authenticated by hooks before it', async () => {
    const engine = scriptedEngine();
    const app = fastify();
    app.decorateRequest('user', '');
    app.addHook('onRequest', async (request) => void Object.assign(request, { user: 'ann' }));
    await app.register(policyPlugin, {
      engine,
      extensions: (request) => ({ subject: { id: String(Reflect.get(request, 'user')) } }),
    });
    app.get('/', () => Promise.resolve('ran'));
    assert.equal((await app.inject('/')).body, 'ran');
    assert.equal(engine.preCalls[0]?.extensions?.subject?.id, 'ann');
    await app.close();
  });

  it('reads and writes arguments where the route says', async () => {
    const app = fastify();
    await app.register(policyPlugin, { engine: scriptedEngine({ pre: () => withArgs({ q: 'changed' }) }) });
    const entity = { type: 'tool', name: 'search' } as const;
    app.get('/query', { config: { policy: { entity, args: 'query' } } }, (request) => Promise.resolve(request.query));
    app.get('/params/:q', { config: { policy: { entity, args: 'params' } } }, (request) =>
      Promise.resolve(request.params),
    );
    for (const url of ['/query?q=1', '/params/1']) {
      assert.deepEqual((await app.inject(url)).json(), { q: 'changed' });
    }
    await app.close();
  });

  it('knows a route by its own path, however the router was told to compare', async () => {
    const { engine } = await loadedEngine(`global: {pre_invocation: ["http.path == '/admin/keys': deny('no', 'no')"]}`);
    const app = fastify({
      routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    });
    await app.register(policyPlugin, { engine });
    await app.register(async (child) => void child.get('/keys', () => Promise.resolve('ran')), { prefix: '/admin' });
    for (const url of ['/admin/keys', '/Admin/KEYS', '/admin/keys/', '/admin//keys', '/admin/%6beys']) {
      assert.equal((await app.inject(url)).statusCode, 403, url);
    }
    await app.close();
    await engine.close();
  });

  it('keeps the headers that earlier plugins gave a denied answer, and none of the handler’s', async () => {
    const app = fastify();
    app.addHook('onRequest', async (_request, reply) => void reply.header('access-control-allow-origin', '*'));
    await app.register(policyPlugin, { engine: scriptedEngine({ post: () => deny('no') }) });
    app.get('/', (_request, reply) => reply.header('x-secret', 'yes').send({ a: 1 }));
    const { statusCode, headers } = await app.inject('/');
    assert.deepEqual([statusCode, headers['access-control-allow-origin'], headers['x-secret']], [403, '*', undefined]);
    await app.close();
  });

  it('lets later hooks make what they like of an answer, and decides on what they made', async () => {
    const app = fastify();
    await app.register(policyPlugin, {
      engine: scriptedEngine({ post: (_, result) => withResult({ was: result ?? null }) }),
    });
    app.addHook('onSend', (_request, _reply, _payload, done) => done(null, '{"late":true}'));
    app.get('/', () => Promise.resolve({ early: true }));
    assert.deepEqual((await app.inject('/')).json(), { was: { late: true } });
    await app.close();
  });

  it('denies a WebSocket that nobody could look into', async () => {
    const app = fastify();
    await app.register(policyPlugin, { engine: scriptedEngine({ post: () => ({}) }) });
    app.get('/', () => Promise.resolve('ran'));
    const answer = await app.inject({ url: '/', headers: { connection: 'upgrade', upgrade: 'websocket' } });
    assert.equal(answer.statusCode, 403);
    await app.close();
  });

  it('works over HTTP/2', async () => {
    const app = fastify({ http2: true });
    const engine = scriptedEngine({ post: () => withResult({ ssn: '[REDACTED]' }) });
    await app.register(policyPlugin, { engine, hosts: [] });
    app.get('/', () => Promise.resolve({ ssn: '1' }));
    const session = connect(await app.listen({ host: '127.0.0.1', port: 0 }));
    const stream = session.request({ ':path': '/' });
    let body = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    const [headers] = (await once(stream, 'response')) as [Record<string, string | number>];
    await once(stream, 'end');
    assert.equal(headers[':status'], 200);
    assert.equal(body, '{"ssn":"[REDACTED]"}');
    assert.equal(engine.preCalls[0]?.extensions?.http?.host, '127.0.0.1');
    session.close();
    await app.close();
  });
});

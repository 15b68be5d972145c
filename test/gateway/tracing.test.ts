import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SignJWT } from 'jose';
import { Registry } from 'prom-client';
import { storeMetrics, traceStore } from '../../src/gateway/index.ts';
import { post, startPeer, toolCall } from '../support/http-peer.ts';
import type { Peer } from '../support/http-peer.ts';
import { loadedEngine } from '../support/loaded-engine.ts';
import { startSessionUpstream } from '../support/mcp-upstream.ts';
import { recordSpans } from '../support/recorded-spans.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;
const SECRET = 'a secret that is long enough for the hash';

const recorded = recordSpans();
let valkey: ValkeyServer;
let token: string;

before(async () => {
  valkey = await ValkeyServer.start();
  token = await new SignJWT({ scope: 'x' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('test')
    .setSubject('hanna')
    .setExpirationTime('1h')
    .sign(Buffer.from(SECRET));
});
after(() => valkey.stop());

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  recorded.reset();
});

async function serve(rules: string, upstream?: Peer): Promise<{ running: RunningGateway; upstream: Peer }> {
  const peer =
    upstream ??
    (await startPeer((_, response, body) => {
      const { id } = JSON.parse(body) as { id: number };
      const result = { content: [{ type: 'text', text: 'a RESULT' }] };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    }));
  const policy = `
plugins:
  - name: jwt
    kind: identity/jwt
    hooks: [identity.resolve]
    config: {trusted_issuers: [{issuer: test, algorithms: [HS256], decoding_key: {kind: secret, secret: ${SECRET}}}]}
global:
  authentication: [jwt]
  session_store: {kind: valkey, endpoint: "${valkey.endpoint}", command_timeout_ms: 4000}
  pdp: [{kind: cel}]
routes: [{tool: pay, ${rules}}]
`;
  const storeObserver = traceStore(storeMetrics(new Registry()));
  const { engine } = await loadedEngine(policy, { storeObserver });
  const running = await startGateway([{ name: 'bank', url: peer.url }], {}, { engine });
  closers.push(
    () => peer.close(),
    () => engine.close(),
    () => running.gateway.close(),
  );
  return { running, upstream: peer };
}

function pay(url: string): Promise<{ body: string }> {
  const headers = { authorization: `Bearer ${token}`, traceparent: TRACEPARENT };
  return post(url, toolCall(1, 'pay', { iban: 'an ARGUMENT' }), headers);
}

function outcomes(attributes: Attributes): string {
  const shown = ['outcome', 'decision', 'code', 'upstream', 'session.source'];
  return shown.flatMap((name) => attributes[`indelible.${name}`] ?? []).join(' ');
}

/** The span of the request, which ends a little after the client has its answer. */
function requestSpan(): Promise<ReadableSpan> {
  return recorded.ended(({ kind }) => kind === SpanKind.SERVER);
}

test('a denied call is one tree under the trace of the client', async () => {
  const { running } = await serve(`pre_invocation: [taint(secret), "deny('no', 'pay.closed')"]`);
  await pay(running.url);
  const span = await requestSpan();
  assert.deepEqual(recorded.tree(TRACE, outcomes), [
    'tools/call pay deny pay.closed',
    '  indelible.identify identified',
    '  indelible.pre deny pay.closed identity',
    '    indelible.labels.load',
    '    indelible.labels.append',
  ]);
  assert.equal(span.parentSpanContext?.spanId, PARENT);
  assert.equal(span.status.code, SpanStatusCode.UNSET);
  const { 'indelible.request_id': requestId, ...attributes } = span.attributes;
  assert.equal(typeof requestId, 'string');
  assert.deepEqual(attributes, {
    'http.request.method': 'POST',
    'url.path': '/mcp',
    'http.response.status_code': 200,
    'mcp.method.name': 'tools/call',
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'pay',
    'rpc.response.status_code': '-32001',
    'error.type': 'pay.closed',
    'indelible.outcome': 'deny',
    'indelible.code': 'pay.closed',
    'indelible.route': 'tool:pay',
    'indelible.entity': 'tool:pay',
  });
});

test('an allowed call goes on under the trace, with its decision points', async () => {
  const { running, upstream } = await serve(`pre_invocation: [{cel: {expr: "args.iban != ''"}}]`);
  await pay(running.url);
  await requestSpan();
  assert.deepEqual(recorded.tree(TRACE, outcomes), [
    'tools/call pay allow bank',
    '  indelible.identify identified',
    '  indelible.pre allow identity',
    '    indelible.labels.load',
    '  POST bank',
    '  indelible.post allow identity',
    '    indelible.labels.load',
  ]);
  const sent = recorded.spans().find(({ kind }) => kind === SpanKind.CLIENT);
  assert.equal(upstream.requests[0]?.headers['traceparent'], `00-${TRACE}-${sent?.spanContext().spanId}-01`);
  const pre = recorded.spans().find(({ name }) => name === 'indelible.pre');
  assert.deepEqual(
    pre?.events.map(({ name, attributes }) => [name, attributes]),
    [['indelible.consultation', { dialect: 'cel', place: 'routes.tool:pay.pre_invocation[0]', outcome: 'allow' }]],
  );
  assert.match(String(pre?.attributes['indelible.bundle']), /^[\da-f]{64}$/);
});

test('spans hold no arguments, results, labels, tokens or session ids', async () => {
  const { running } = await serve('pre_invocation: ["taint(top-SECRET)"]');
  assert.match((await pay(running.url)).body, /a RESULT/);
  await requestSpan();
  const written = JSON.stringify(
    recorded.spans().map(({ name, attributes, events }) => ({ name, attributes, events })),
  );
  for (const secret of ['ARGUMENT', 'RESULT', 'top-SECRET', token, 'hanna', SECRET]) {
    assert.ok(!written.includes(secret), secret);
    assert.ok(!running.log.join('').includes(secret), secret);
  }
});

test('the log names the span of the request', async () => {
  const { running } = await serve('pre_invocation: [deny]');
  await pay(running.url);
  const { traceId, spanId } = (await requestSpan()).spanContext();
  const lines = running.log.map((line) => (JSON.parse(line) as { request?: { traceparent: string } }).request);
  assert.deepEqual(
    lines.flatMap((request) => request?.traceparent ?? []),
    [`00-${traceId}-${spanId}-01`],
  );
  assert.equal(traceId, TRACE);
});

test('failures of the upstream and of the store are errors of their spans', async () => {
  const { running, upstream } = await serve('pre_invocation: [taint(a)]');
  await upstream.close();
  await pay(running.url);
  const span = await requestSpan();
  assert.deepEqual(
    [span.status.code, span.attributes['error.type']],
    [SpanStatusCode.ERROR, 'gateway.upstream_unreachable'],
  );
  const sent = recorded.spans().find(({ kind }) => kind === SpanKind.CLIENT);
  assert.deepEqual([sent?.status.code, sent?.attributes['error.type']], [SpanStatusCode.ERROR, 'unreachable']);
  recorded.reset();
  await valkey.kill();
  await pay(running.url);
  await requestSpan();
  const load = recorded.spans().find(({ name }) => name === 'indelible.labels.load');
  assert.equal(load?.status.code, SpanStatusCode.ERROR);
  assert.equal(load.attributes['error.type'], 'unavailable');
  await valkey.restart();
});

test('the requests of a real client are named after what they ask for', async () => {
  const upstream = await startSessionUpstream();
  const { running } = await serve('pre_invocation: []', upstream);
  const client = new Client({ name: 't', version: '1' });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const transport = new StreamableHTTPClientTransport(new URL(running.url), { requestInit });
  await client.connect(transport);
  const { sessionId } = transport;
  assert.ok(sessionId !== undefined);
  await client.listTools();
  await assert.rejects(client.callTool({ name: 'echo', arguments: { text: 'x' } }), { code: -32001 });
  await transport.terminateSession();
  await client.close();
  const names = ['initialize', 'notifications/initialized', 'tools/list', 'tools/call echo', 'DELETE'];
  const spans = await Promise.all(
    names.map((name) => recorded.ended((span) => span.name === name && span.kind === SpanKind.SERVER)),
  );
  assert.deepEqual(
    spans.map(({ attributes }) => attributes['indelible.code']),
    [undefined, undefined, undefined, 'route.unmatched', undefined],
  );
  assert.ok(!JSON.stringify(recorded.spans().map(({ attributes }) => attributes)).includes(sessionId));
});

import assert from 'node:assert/strict';
import { on } from 'node:events';
import { watch } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTelemetry, storeMetrics } from '../../../src/gateway/index.ts';
import { logDestination } from '../../../src/gateway/telemetry/telemetry.ts';
import { ask, post, startPeer, toolCall } from '../../support/http-peer.ts';
import { startGateway } from '../../support/running-gateway.ts';
import { bearerIdentity, deny, scriptedEngine } from '../../support/scripted-engine.ts';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;

interface Family {
  readonly type: string;
  readonly samples: { readonly name: string; readonly labels: ReadonlyMap<string, string>; readonly value: number }[];
}

/** Reads what the text exposition format 0.0.4 allows, and nothing else; comments other than HELP and TYPE are refused. */
function readExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>();
  let help: string | undefined;
  let current: [string, Family] | undefined;
  assert.ok(text.endsWith('\n'));
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [hash, keyword = '', name = '', ...rest] = line.split(' ');
    if (hash === '#' && keyword === 'HELP') {
      assert.ok(NAME.test(name) && !families.has(name) && rest.length > 0, line);
      help = name;
    } else if (hash === '#') {
      assert.ok(
        keyword === 'TYPE' && name === help && ['counter', 'gauge', 'histogram'].includes(rest.join(' ')),
        line,
      );
      current = [name, { type: rest.join(' '), samples: [] }];
      families.set(...current);
    } else {
      const [, sampled = '', labels = '', value] = SAMPLE.exec(line) ?? [];
      assert.ok(current !== undefined && sampled !== '', line);
      const suffix = sampled.slice(current[0].length);
      assert.ok(sampled.startsWith(current[0]), line);
      assert.ok(current[1].type === 'histogram' ? ['_bucket', '_sum', '_count'].includes(suffix) : suffix === '', line);
      current[1].samples.push({
        name: sampled,
        labels: readLabels(labels),
        value: Number(value?.replace('Inf', 'Infinity')),
      });
    }
  }
  return families;
}

function readLabels(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  let end = 0;
  while (end < text.length) {
    LABEL.lastIndex = end;
    const [, name = '', value = ''] = LABEL.exec(text) ?? [];
    assert.ok(name !== '' && !labels.has(name), text);
    labels.set(name, value);
    end = LABEL.lastIndex;
  }
  return labels;
}

test('the metrics are Prometheus text, whatever names turn up in them', async (t) => {
  const telemetry = createTelemetry({ level: 'silent' });
  storeMetrics(telemetry.registry).operation('load', 3, undefined);
  telemetry.alarm({ alarm: 'odd "name"\n\\' });
  telemetry.upstreamError('a "b"\n\\c', 'unreachable');
  const upstream = await startPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  const running = await startGateway([{ name: 'eu', url: upstream.url }], {}, { telemetry, engine: scriptedEngine() });
  t.after(async () => {
    await running.gateway.close();
    await upstream.close();
  });
  for (const round of [1, 2, 3]) await post(running.url, toolCall(round === 2 ? 1 : round, 'pay'));
  const { body, headers } = await ask(running.adminUrl, { method: 'GET', path: '/metrics' });
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  const families = readExposition(body);
  for (const [name, { type, samples }] of families) {
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    const series = samples.map(({ name: sampled, labels }) => JSON.stringify([sampled, ...labels].toSorted()));
    assert.equal(new Set(series).size, series.length, name);
    if (type !== 'counter') continue;
    assert.ok(
      samples.every(({ value }) => value >= 0),
      name,
    );
  }
  const odd = families.get('indelible_upstream_errors_total')?.samples[0];
  assert.equal(odd?.labels.get('upstream'), 'a \\"b\\"\\n\\\\c');
  const durations = families.get('indelible_request_duration_seconds')?.samples ?? [];
  const calls = durations.filter(({ labels }) => labels.get('method') === 'tools/call');
  const buckets = calls.filter(({ name }) => name.endsWith('_bucket'));
  assert.deepEqual(
    buckets.map(({ value }) => value),
    buckets.map(({ value }) => value).toSorted((a, b) => a - b),
  );
  assert.equal(buckets.at(-1)?.labels.get('le'), '+Inf');
  assert.equal(buckets.at(-1)?.value, calls.find(({ name }) => name.endsWith('_count'))?.value);
});

test('a request is one JSON line, without anything that could be secret', async (t) => {
  const upstream = await startPeer((_, response) => {
    const result = { content: [{ type: 'text', text: 'SECRET-result' }] };
    response.writeHead(200, { 'content-type': 'application/json', 'x-token': 'SECRET-header' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
  });
  const running = await startGateway(upstream.url, {
    identify: bearerIdentity,
    pre: ({ entity }) => {
      if (entity.type === 'resource') return { route: 'resource:file:*' };
      return entity.name === 'denied' ? deny('a.b', 'SECRET-reason', { about: 'SECRET-detail' }) : {};
    },
  });
  t.after(() => upstream.close());
  const headers = {
    authorization: 'Bearer SECRET-token',
    cookie: 'SECRET-cookie',
    'x-request-id': 'given-1',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  };
  for (const name of ['allowed', 'denied'])
    await post(running.url, toolCall(1, name, { iban: 'SECRET-argument' }), headers);
  const read = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'file:///SECRET-uri' } };
  await post(running.url, read, { ...headers, traceparent: 'SECRET-traceparent', 'x-request-id': 'SECRET id' });
  await ask(running.url, { method: 'GET', path: '/other?key=SECRET-query', headers });
  await running.gateway.close();
  const lines = running.log.join('').trimEnd().split('\n');
  assert.ok(!lines.join('').includes('SECRET'), lines.join('\n'));
  const records = lines.flatMap((line) => (JSON.parse(line) as { request?: { durationMs: unknown } }).request ?? []);
  assert.deepEqual(
    records.map(({ durationMs }) => typeof durationMs),
    ['number', 'number', 'number', 'number'],
  );
  const [allowed, denied] = records.map((record) => ({ ...record, durationMs: 0 }));
  const common = { requestId: 'given-1', traceparent: headers.traceparent, method: 'POST', path: '/mcp', status: 200 };
  assert.deepEqual(allowed, {
    ...common,
    rpcMethod: 'tools/call',
    entity: 'tool:allowed',
    outcome: 'allow',
    route: 'tool:allowed',
    upstream: new URL(upstream.url).host,
    durationMs: 0,
  });
  assert.deepEqual(denied, {
    ...common,
    rpcMethod: 'tools/call',
    entity: 'tool:denied',
    outcome: 'deny',
    route: 'tool:denied',
    code: 'a.b',
    rpcCode: -32001,
    durationMs: 0,
  });
});

test('lines of requests wait for others, but not for long', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-log-'));
  const file = join(folder, 'log');
  await writeFile(file, '');
  const watcher = watch(file);
  t.after(async () => {
    watcher.close();
    await rm(folder, { recursive: true });
  });
  const telemetry = createTelemetry({ destination: logDestination(file) });
  const record = { requestId: 'a', method: 'POST', path: '/mcp', status: 200, durationMs: 1 };
  const unknown = { traceparent: undefined, rpcMethod: undefined, entity: undefined, outcome: undefined };
  const none = { route: undefined, code: undefined, rpcCode: undefined, upstream: undefined };
  const changes = on(watcher, 'change');
  telemetry.request({ ...record, ...unknown, ...none });
  for await (const _ of changes) if ((await readFile(file, 'utf8')).endsWith('"message":"request"}\n')) break;
  const later = on(watcher, 'change');
  telemetry.request({ ...record, ...unknown, ...none });
  telemetry.alarm({ alarm: 'loud' });
  for await (const _ of later) if ((await readFile(file, 'utf8')).endsWith('"message":"alarm"}\n')) break;
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { message: unknown }).message),
    ['request', 'request', 'alarm'],
  );
});

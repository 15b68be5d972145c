import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { storeMetrics, traceEngine, traceStore } from '../../../src/gateway/index.ts';
import { registeredTracer } from '../../../src/gateway/telemetry/tracer.ts';
import { post, startPeer, toolCall } from '../../support/http-peer.ts';
import { startGateway } from '../../support/running-gateway.ts';
import { scriptedEngine } from '../../support/scripted-engine.ts';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('without an SDK nothing is wrapped, and the trace context of the client goes on as it came', async (t) => {
  assert.equal(registeredTracer(), undefined);
  const engine = scriptedEngine();
  assert.equal(traceEngine(engine), engine);
  const observer = storeMetrics(new Registry());
  assert.equal(traceStore(observer), observer);

  const upstream = await startPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  const running = await startGateway(upstream.url);
  t.after(async () => {
    await running.gateway.close();
    await upstream.close();
  });
  const sent = { traceparent: TRACEPARENT, tracestate: 'vendor=1', baggage: 'a=b' };
  await post(running.url, toolCall(1, 't'), sent);
  const headers = upstream.requests[0]?.headers;
  assert.deepEqual(
    [headers?.['traceparent'], headers?.['tracestate'], headers?.['baggage']],
    [TRACEPARENT, 'vendor=1', 'a=b'],
  );
});

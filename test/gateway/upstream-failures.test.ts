import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import type { GatewayLimits } from '../../src/gateway/index.ts';
import { ask, post, startPeer, toolCall } from '../support/http-peer.ts';
import type { Answer, Peer, PeerHandler } from '../support/http-peer.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';

let upstream: Peer | undefined;
let running: RunningGateway;

afterEach(async () => {
  await running.gateway.close();
  await upstream?.close();
  upstream = undefined;
});

async function start(handler: PeerHandler, limits: Partial<GatewayLimits> = {}): Promise<void> {
  upstream = await startPeer(handler);
  running = await startGateway(upstream.url, {}, { limits });
}

interface Failure {
  readonly code: number;
  readonly data: { readonly code: string };
}

const errorOf = (answer: Answer): Failure => (JSON.parse(answer.body) as { error: Failure }).error;

/** What the client got: status, JSON-RPC code, stable code. */
function outcome(answer: Answer): readonly [number, number, string] {
  const { code, data } = errorOf(answer);
  return [answer.status, code, data.code];
}

const INVALID = [502, -32004, 'gateway.upstream_invalid_response'] as const;
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"SECRET"}]}}';

function answering(body: string, headers: Readonly<Record<string, string>> = {}, status = 200): PeerHandler {
  return (_, response) => void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

test('nobody listens', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  running = await startGateway(`http://127.0.0.1:${address.port}/mcp`);
  const answer = await post(running.url, toolCall(1, 't'));
  assert.deepEqual(outcome(answer), [502, -32002, 'gateway.upstream_unreachable']);
  assert.doesNotMatch(answer.body, /127\.0\.0\.1|ECONN/);
  assert.equal((await ask(running.url, { method: 'GET', headers: { accept: 'text/event-stream' } })).status, 502);
});

test('no headers in time', async () => {
  await start(() => {}, { upstreamHeadersMs: 50 });
  const answer = await post(running.url, toolCall(1, 't'));
  assert.deepEqual(outcome(answer), [504, -32003, 'gateway.upstream_timeout']);
});

test('no end of the body in time', async () => {
  await start((_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'), {
    upstreamBodyMs: 50,
  });
  assert.deepEqual(outcome(await post(running.url, toolCall(1, 't'))), [504, -32003, 'gateway.upstream_timeout']);
});

describe('an answer that is none', () => {
  const cases: Readonly<Record<string, PeerHandler>> = {
    'no JSON': answering('SECRET'),
    'half of it': answering(RESULT.slice(0, 40)),
    'a duplicate key': answering(`{"id":1,${RESULT.slice(1)}`),
    'a key in another case': answering(`{"Result":{},${RESULT.slice(1)}`),
    nothing: answering(''),
    'another media type': answering(RESULT, { 'content-type': 'text/html' }),
    'an encoding': answering(RESULT, { 'content-encoding': 'gzip' }),
    'the id of nobody': answering(RESULT.replace('"id":1', '"id":2')),
    'an id of another type': answering(RESULT.replace('"id":1', '"id":"1"')),
    'result and error': answering(RESULT.replace('{', '{"error":{"code":1,"message":"x"},')),
    'a result that is no object': answering('{"jsonrpc":"2.0","id":1,"result":"SECRET"}'),
    'a text that repeats a key': answering(
      JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: '{"a":"SECRET","a":1}' }] } }),
    ),
    'bytes that are not UTF-8': (_, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(Buffer.concat([Buffer.from(RESULT.slice(0, -6)), Buffer.from([0xff]), Buffer.from(RESULT.slice(-6))])),
    'a connection that is cut': (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write(RESULT, () => response.destroy());
    },
  };
  for (const [name, handler] of Object.entries(cases)) {
    test(name, async () => {
      await start(handler);
      const answer = await post(running.url, toolCall(1, 't'));
      assert.equal(errorOf(answer).code, INVALID[1]);
      assert.equal(errorOf(answer).data.code, INVALID[2]);
      assert.ok(answer.status === 502 || answer.status === 200);
      assert.doesNotMatch(answer.body, /SECRET/);
    });
  }

  test('too much of it', async () => {
    await start(answering(RESULT), { maxResponseBytes: 20 });
    assert.equal(errorOf(await post(running.url, toolCall(1, 't'))).data.code, 'gateway.upstream_response_too_large');
  });
});

describe('a stream that goes wrong', () => {
  const note = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n';
  const cases: Readonly<Record<string, (write: (text: string) => void, end: () => void, cut: () => void) => void>> = {
    'ends without the response': (write, end) => {
      write(note);
      end();
    },
    'ends within the event': (write, end) => {
      write(`${note}data: ${RESULT}\n`);
      end();
    },
    'is cut': (write, _, cut) => {
      write(`${note}data: ${RESULT}\n`);
      cut();
    },
    'holds no JSON': (write, end) => {
      write(`data: SECRET\n\n${note}`);
      end();
    },
    'holds the response to somebody else': (write, end) => {
      write(`data: ${RESULT.replace('"id":1', '"id":2')}\n\n${note}`);
      end();
    },
  };
  for (const [name, play] of Object.entries(cases)) {
    test(name, async () => {
      await start((_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        let last = Promise.resolve();
        const write = (text: string): void => {
          last = new Promise((resolve) => void response.write(text, () => resolve()));
        };
        play(
          write,
          () => response.end(),
          () => void last.then(() => response.destroy()),
        );
      });
      const { body } = await post(running.url, toolCall(1, 't'));
      assert.match(body, /"id":1,"error":\{"code":-32004,.*gateway\.upstream_invalid_response/);
      assert.ok(body.includes(note) || name === 'is cut');
      assert.doesNotMatch(body, /SECRET/);
    });
  }

  test('falls silent', async () => {
    await start(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(note);
      },
      { streamIdleMs: 50 },
    );
    assert.match((await post(running.url, toolCall(1, 't'))).body, /gateway\.upstream_timeout/);
  });

  test('sends an event without end', async () => {
    await start(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${'x'.repeat(200)}`);
      },
      { maxEventBytes: 100 },
    );
    assert.match((await post(running.url, toolCall(1, 't'))).body, /gateway\.upstream_invalid_response/);
  });
});

describe('a refusal', () => {
  test('keeps its status and loses its words', async () => {
    for (const [status, expected] of [
      [429, 429],
      [401, 401],
      [500, 502],
      [302, 502],
    ] as const) {
      await start(answering('SECRET page', { 'content-type': 'text/html', 'retry-after': '7' }, status));
      const answer = await post(running.url, toolCall(1, 't'));
      assert.deepEqual(outcome(answer), [expected, -32005, 'gateway.upstream_status']);
      assert.equal(answer.headers['retry-after'], '7');
      assert.doesNotMatch(answer.body, /SECRET/);
      await running.gateway.close();
      await upstream?.close();
    }
    await start(() => {});
  });

  test('that is a JSON-RPC error goes through as it is', async () => {
    const body = '{"jsonrpc":"2.0", "id":null,"error":{"code":-32020,"message":"m"}}';
    await start(answering(body, {}, 400));
    const answer = await post(running.url, toolCall(1, 't'));
    assert.deepEqual([answer.status, answer.body], [400, body]);
    assert.equal(running.engine.postCalls.length, 1);
  });

  test('cannot smuggle a result', async () => {
    await start(answering(RESULT.replace('"id":1', '"id":null'), {}, 400));
    assert.doesNotMatch((await post(running.url, toolCall(1, 't'))).body, /SECRET/);
  });
});

test('after a failure the next request is served', async () => {
  let broken = true;
  await start((request, response, body) => {
    if (broken) request.socket.destroy();
    else void answering(RESULT)(request, response, body);
  });
  assert.deepEqual(outcome(await post(running.url, toolCall(1, 't'))), [502, -32002, 'gateway.upstream_unreachable']);
  broken = false;
  assert.equal((await post(running.url, toolCall(1, 't'))).body, RESULT);
  const metrics = await ask(running.adminUrl, { method: 'GET', path: '/metrics' });
  assert.match(metrics.body, /indelible_upstream_errors_total\{upstream="127[^"]+",failure="unreachable"\} 1/);
});

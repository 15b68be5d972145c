import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { isJsonObject } from '../../src/gateway/json/json-value.ts';
import { ask, openResponse, post, readAll, startPeer, toolCall } from '../support/http-peer.ts';
import type { Answer, Peer } from '../support/http-peer.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { bearerIdentity, withResult } from '../support/scripted-engine.ts';

let upstream: Peer;
let running: RunningGateway;

afterEach(async () => {
  await running.gateway.close();
  await upstream.close();
});

const SECRET = { content: [], structuredContent: { ssn: '123' } };
const results: Readonly<Record<string, object>> = {
  'tools/call': { task: { taskId: 't1', status: 'working' } },
  'tasks/result': SECRET,
  'tasks/get': { taskId: 't1', status: 'completed', result: SECRET },
  'tasks/list': { tasks: [] },
};

async function start(changed: Readonly<Record<string, object>> = {}): Promise<void> {
  upstream = await startPeer((_, response, body) => {
    const { id, method } = JSON.parse(body) as { id: number; method: string };
    const result = changed[method] ?? results[method];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  running = await startGateway(upstream.url, {
    identify: bearerIdentity,
    post: (_, result) => (isJsonObject(result) && 'ssn' in result ? withResult({ ...result, ssn: 'x' }) : {}),
  });
}

const ANN = { Authorization: 'Bearer ann' };

function taskRequest(method: string, taskId = 't1', headers = ANN): Promise<Answer> {
  return post(running.url, { jsonrpc: '2.0', id: 2, method, params: { taskId } }, headers);
}

test('the result of a task is decided as the call that began it', async () => {
  await start();
  await post(running.url, toolCall(1, 'get_employee'), ANN);
  for (const method of ['tasks/result', 'tasks/get']) {
    const answer = await taskRequest(method);
    assert.match(answer.body, /"ssn":"x"/, method);
    assert.equal(running.engine.postCalls.at(-1)?.operation.entity.name, 'get_employee');
  }
});

test('the task may be the result itself, and its result not there yet', async () => {
  const task = { taskId: 't1', status: 'working' };
  await start({ 'tools/call': { resultType: 'task', ...task }, 'tasks/get': task });
  await post(running.url, toolCall(1, 'get_employee'), ANN);
  const answer = await taskRequest('tasks/get');
  assert.deepEqual((JSON.parse(answer.body) as { result: object }).result, task);
});

test('results of tasks that nobody here began are not fetched', async () => {
  await start();
  await post(running.url, toolCall(1, 'get_employee'), ANN);
  const before = upstream.requests.length;
  const answers = [
    await taskRequest('tasks/result', 'other'),
    await taskRequest('tasks/get', 't1', { Authorization: 'Bearer bob' }),
    await post(
      running.url,
      '{"jsonrpc":"2.0","id":2,"method":"tasks/result","params":{"taskId":"t1","TaskId":"t2"}}',
      ANN,
    ),
  ];
  for (const answer of answers) {
    const { error } = JSON.parse(answer.body) as { error: { data: { code: string } } };
    assert.deepEqual([answer.status, error.data.code], [400, 'gateway.unknown_task']);
  }
  assert.equal(upstream.requests.length, before);
  assert.equal((await taskRequest('tasks/list')).status, 200);
});

test('a notification cannot tell the result of a task', async () => {
  const told = {
    jsonrpc: '2.0',
    method: 'notifications/tasks',
    params: { taskId: 't1', status: 'completed', result: SECRET },
  };
  const status = {
    jsonrpc: '2.0',
    method: 'notifications/tasks/status',
    params: { taskId: 't1', status: 'completed' },
  };
  upstream = await startPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end([told, status].map((message) => `data: ${JSON.stringify(message)}\n\n`).join(''));
  });
  running = await startGateway(upstream.url);
  const stream = await ask(running.url, { method: 'GET', headers: { accept: 'text/event-stream' } });
  assert.equal(stream.body, `data: ${JSON.stringify(status)}\n\n`);
});

test('a listening request is a stream, which closing does not wait for', async () => {
  upstream = await startPeer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
  });
  running = await startGateway(upstream.url, {}, { limits: { maxStreams: 1 } });
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: {} });
  const headers = { 'content-type': 'application/json' };
  const stream = await openResponse(running.url, { headers, body });
  assert.equal((await post(running.url, body)).status, 503);
  await running.gateway.close();
  assert.equal(await readAll(stream), ': hello\n\n');
});

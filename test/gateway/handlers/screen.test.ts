import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createDecider } from '../../../src/gateway/handlers/decide.ts';
import type { PendingRequest } from '../../../src/gateway/sessions/pending-requests.ts';
import { joinScreened, screenText } from '../../../src/gateway/handlers/screen.ts';
import { createLocalTasks } from '../../../src/gateway/sessions/task-ledger.ts';
import { createTelemetry } from '../../../src/gateway/telemetry/telemetry.ts';
import { deny, scriptedEngine } from '../../support/scripted-engine.ts';

const telemetry = createTelemetry({ level: 'silent' });
const engine = scriptedEngine({ post: () => deny('a.b') });
const denying = {
  engine,
  decider: createDecider(engine, telemetry),
  tasks: createLocalTasks(10),
};

const operation = { entity: { type: 'tool', name: 't' } } as const;
const mediated: PendingRequest = {
  id: 1,
  idText: '1',
  method: 'tools/call',
  mediated: { method: 'tools/call', operation, scope: '', nested: false },
};
const passing: PendingRequest = { id: 'p', idText: '"p"', method: 'ping' };
const find = (id: unknown): PendingRequest | undefined => (id === 1 ? mediated : id === 'p' ? passing : undefined);

const SECRET = '{"content":[{"type":"text","text":"SECRET"}]}';
const member = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('"id":1', '"id": 1.0', '"\\u0069d":1') },
  { weight: 4, arbitrary: fc.constantFrom(`"result":${SECRET}`, `"error":{"code":1,"message":"SECRET"}`) },
  fc.constantFrom('"id":"p"', '"id":null', '"id":"1"', '"id":2', '"ID":1', '"id":[1]'),
  fc.constantFrom(
    `"Result":${SECRET}`,
    `"re\\u0073ult":${SECRET}`,
    `"re\u017fult":${SECRET}`,
    `"result":[${SECRET}]`,
    '"result":null',
  ),
  fc.constantFrom(
    '"method":"ping"',
    '"method":"notifications/tasks"',
    `"params":{"result":${SECRET}}`,
    '"jsonrpc":"2.0"',
  ),
);
const message = fc.array(member, { minLength: 1, maxLength: 5 }).map((members) => `{${members.join(',')}}`);
const text = fc.oneof(
  message,
  fc.array(message, { maxLength: 3 }).map((messages) => `[${messages.join(', ')}]`),
);

/** Whether some client could take a message of the text for the response to a mediated request, or to none that is known. */
function leaks(output: string): boolean {
  const parsed: unknown = JSON.parse(output);
  const messages: unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return messages.some((one) => {
    const folded = new Map(
      Object.entries(one as object).map(([key, value]) => [key.toUpperCase().toLowerCase(), value as unknown]),
    );
    const answers = JSON.stringify([folded.get('result'), folded.get('error')]).includes('SECRET');
    const tells =
      folded.get('method') === 'notifications/tasks' && JSON.stringify([folded.get('params')]).includes('SECRET');
    return (answers && folded.get('id') !== 'p') || tells;
  });
}

test('whatever an upstream sends, nothing of a denied response is left', async () => {
  await fc.assert(
    fc.asyncProperty(text, async (given) => {
      const screened = await screenText(given, find, denying);
      const output = screened === undefined ? undefined : joinScreened(screened, []);
      if (output !== undefined) assert.equal(leaks(output), false, output);
      if (screened?.unchanged === true && screened.messages.length > 0) assert.equal(leaks(given), false, given);
    }),
    { numRuns: 2000 },
  );
});

test('requests and notifications of the server pass, responses to what needs no decision too', async () => {
  for (const given of [
    '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}',
    '{"jsonrpc":"2.0","method":"notifications/progress"}',
    '{"jsonrpc":"2.0","id":"p","result":{"n":1.0}}',
    '{"jsonrpc":"2.0","id":"p","error":{"code":1,"message":"m"}}',
  ]) {
    const screened = await screenText(given, find, denying);
    assert.equal(screened?.unchanged, true);
    assert.equal(screened.messages[0]?.text, given);
  }
});

test('a result that is the same for all no longer says so, wherever it stands', async () => {
  const allowing = { ...denying, decider: createDecider(scriptedEngine(), telemetry) };
  const result = '{ "contents":[{"uri":"a://b","text":"\\u0041"}], "ttlMs":1.0,\n"cacheScope" : "public"}';
  const screened = async (response: string, nested: boolean): Promise<string | undefined> => {
    const request: PendingRequest = {
      id: 1,
      idText: '1',
      method: nested ? 'tasks/get' : 'resources/read',
      mediated: {
        method: 'resources/read',
        operation: { entity: { type: 'resource', name: 'a://b' } },
        scope: '',
        nested,
      },
    };
    return (await screenText(response, () => request, allowing))?.messages[0]?.text;
  };
  const whole = `{"jsonrpc":"2.0","id":1,"result":${result}}`;
  assert.equal(await screened(whole, false), whole.replace('"public"', '"private"'));
  const task = `{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","result":${result}}}`;
  assert.equal(await screened(task, true), task.replace(' : "public"', ' : "private"'));
  const other = whole.replace('"public"', '"private"');
  assert.equal(await screened(other, false), other);
});

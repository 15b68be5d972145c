import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { createTelemetry, serveApprovals } from '../../src/gateway/index.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { AskedEngine, type AskedOptions } from '../support/asked-engine.ts';

const folder = await mkdtemp(join(tmpdir(), 'approvals-'));
after(() => rm(folder, { recursive: true }));
let sockets = 0;

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A socket in front of an engine that asks operators. */
interface Desk {
  readonly asked: AskedEngine;
  readonly path: string;
  readonly call: (method: string, path: string, body?: string) => Promise<Reply>;
  readonly answer: (id: string, answer: object) => Promise<string>;
  readonly close: () => Promise<void>;
}

const ASK =
  "require_approval(h, from: claim.manager, channel: desk, purpose: 'pay ${args.amount}', show: [amount], timeout: 10m)";

async function desk(step = ASK, options: AskedOptions = {}): Promise<Desk> {
  const asked = await AskedEngine.of(step, {
    ...options,
    rest: { plugins: [{ name: 'h', kind: 'elicitation/local' }], ...options.rest },
  });
  sockets += 1;
  const path = join(folder, `${sockets}.sock`);
  const telemetry = createTelemetry({ level: 'silent' });
  const served = await serveApprovals({ path, questions: () => asked.engine.questions, telemetry });
  const call: Desk['call'] = async (method, target, body) => {
    const sent = request({ socketPath: path, method, path: target });
    sent.end(body);
    const [response] = await once(sent, 'response');
    return { status: response.statusCode, body: (await json(response)) as Reply['body'] };
  };
  return {
    asked,
    path,
    call,
    answer: async (id, answer) => {
      const { status, body } = await call('POST', `/questions/${id}/answer`, JSON.stringify(answer));
      return status === 200 ? 'taken' : `${status} ${String(body['error'])}`;
    },
    close: () => served.close(),
  };
}

describe('the approvals socket', () => {
  it('is for its owner alone', async () => {
    const { path, close } = await desk();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await close();
    await assert.rejects(stat(path), { code: 'ENOENT' });
  });

  it('lists who asks for what, with masked arguments, until when', async () => {
    const { asked, call, close } = await desk();
    const id = await asked.ask({ amount: 5, account: 'DE02 1203' });
    const { status, body } = await call('GET', '/questions');
    assert.equal(status, 200);
    assert.deepEqual(body['questions'], [
      {
        id,
        verb: 'require_approval',
        requester: 'ann',
        operation: 'tool:t',
        approver: 'eve',
        channel: 'desk',
        purpose: 'pay 5',
        arguments: { amount: 5, account: '***' },
        asked_at: '2023-11-14T22:13:20.000Z',
        expires_at: '2023-11-14T22:23:20.000Z',
      },
    ]);
    asked.clock.now += 600_000;
    assert.deepEqual((await call('GET', '/questions')).body, { questions: [] });
    await close();
  });

  it('takes the first answer of whoever is asked, and lets the call go on', async () => {
    const { asked, answer, call, close } = await desk();
    const id = await asked.ask();
    assert.equal(await asked.retry(id), 'elicitation.pending');
    assert.equal(await answer(id, { outcome: 'approved', approver: 'ann' }), '403 wrong_approver');
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve' }), 'taken');
    assert.equal(await answer(id, { outcome: 'denied', approver: 'eve' }), '409 answered');
    assert.deepEqual((await call('GET', '/questions')).body, { questions: [] });
    assert.equal(await asked.retry(id), 'allow');
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve' }), '409 used');
    const refused = await asked.ask({ amount: 6 });
    assert.equal(await answer(refused, { outcome: 'denied', approver: 'eve', text: 'no money' }), 'taken');
    const { violation } = await asked.pre({ amount: 6 }, { elicitation: { id: refused } });
    assert.deepEqual([violation?.code, violation?.reason], ['elicitation.denied', 'no money']);
    await close();
  });

  it('takes no answer that is late, unknown or malformed', async () => {
    const { asked, answer, call, close } = await desk();
    const id = await asked.ask();
    assert.equal(await answer('a'.repeat(64), { outcome: 'approved', approver: 'eve' }), '404 unknown');
    for (const bad of [{}, { outcome: 'approved' }, { outcome: 'yes', approver: 'eve' }]) {
      assert.equal(await answer(id, bad), '400 invalid_answer');
    }
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve', authentication: {} }), '400 invalid_answer');
    const path = `/questions/${id}/answer`;
    for (const body of ['', '[]', '{', `"${'x'.repeat(20_000)}"`]) {
      assert.equal((await call('POST', path, body)).status, 400);
    }
    assert.equal((await call('GET', path)).status, 405);
    assert.equal((await call('GET', '/questions/../questions')).status, 404);
    asked.clock.now += 600_000;
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve' }), '410 expired');
    await close();
  });

  it('asks for words where the verb needs some', async () => {
    const { asked, answer, close } = await desk("request_info(h, from: 'eve')");
    const id = await asked.ask();
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve' }), '422 incomplete_answer');
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve', text: '42' }), 'taken');
    assert.equal(await asked.retry(id), 'allow');
    await close();
  });

  it('neither lists nor answers questions of other channels, nor step-ups', async () => {
    const stepUp = await desk('require_step_up(h, from: subject.id)');
    const id = await stepUp.asked.ask();
    assert.deepEqual((await stepUp.call('GET', '/questions')).body, { questions: [] });
    assert.equal(await stepUp.answer(id, { outcome: 'approved', approver: 'ann' }), '404 unknown');
    await stepUp.close();
    const other = await desk(ASK, { rest: { plugins: [{ name: 'h', kind: 'test' }] } });
    const question = await other.asked.ask();
    assert.deepEqual((await other.call('GET', '/questions')).body, { questions: [] });
    assert.equal(await other.answer(question, { outcome: 'approved', approver: 'eve' }), '404 unknown');
    await other.close();
  });

  it('of one replica answers for another that shares the storage', async () => {
    const storage = new LocalStorage();
    const [a, b] = [await desk(ASK, { storage }), await desk(ASK, { storage })];
    const id = await a.asked.ask();
    assert.equal(await b.answer(id, { outcome: 'approved', approver: 'eve' }), 'taken');
    const outcomes = await Promise.all([a.asked.retry(id), b.asked.retry(id)]);
    assert.deepEqual(outcomes.toSorted(), ['allow', 'elicitation.used']);
    await a.close();
    await b.close();
  });

  it('says so when the storage does not answer', async () => {
    const storage = new LocalStorage();
    const { asked, call, answer, close } = await desk(ASK, { storage });
    const id = await asked.ask();
    Object.assign(storage, {
      load: () => {
        throw new TransportStorageError('unavailable', 'down');
      },
    });
    assert.deepEqual(await call('GET', '/questions'), { status: 503, body: { error: 'unavailable' } });
    assert.equal(await answer(id, { outcome: 'approved', approver: 'eve' }), '503 unavailable');
    await close();
  });

  it('replaces what a dead process left, and nothing else', async () => {
    const telemetry = createTelemetry({ level: 'silent' });
    const { asked, path, close } = await desk();
    const questions = (): typeof asked.engine.questions => asked.engine.questions;
    await assert.rejects(serveApprovals({ path, questions, telemetry }), { code: 'EADDRINUSE' });
    await close();
    const stale = join(folder, 'stale.sock');
    const dead = createServer().listen(stale);
    await once(dead, 'listening');
    const file = join(folder, 'file');
    await writeFile(file, 'mine');
    await chmod(file, 0o644);
    await assert.rejects(serveApprovals({ path: file, questions, telemetry }), { code: 'EADDRINUSE' });
    dead.close();
  });
});

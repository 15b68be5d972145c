import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { main } from '../../src/cli/main.ts';
import { schemaErrors, type JsonSchema } from '../../src/config/compiled-schema.ts';
import { runCli } from '../support/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-eval-'));
after(() => rmSync(folder, { recursive: true }));

function bundle(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const answerSchema: JsonSchema = JSON.parse(
  readFileSync(new URL('../../schemas/answer.schema.json', import.meta.url), 'utf8'),
);
const request = (fields: object): string => `${JSON.stringify({ entity: { type: 'tool', name: 'pay' }, ...fields })}\n`;
const session = (id: string): object => ({ extensions: { subject: { id: 'ann' }, agent: { session_id: id } } });

void describe('eval', () => {
  void test('every answer line fits its schema', async () => {
    const policy = bundle(
      'all.yaml',
      `routes:
  - tool: pay
    args: {note: redact, amount: "0..10"}
    pre_invocation:
      - taint(paid)
      - taint(seen, [session, message])
      - restrict: {allow_models: [a], custom: {tier: gold}}
    response: {status: 402, body: "no", headers: {x-why: policy}}
`,
    );
    const lines = [
      request({ id: 'a', ...session('s'), args: { note: 'x', amount: 5 }, result: [1] }),
      request({ id: 'b', args: { amount: 11 } }),
      request({ id: 'c', entity: { type: 'llm', name: 'gpt' } }),
      request({ id: 'd', entity: 'pay' }),
      'no JSON\n',
    ];
    const run = await runCli(['eval', policy, '--trace', '--requests', '-'], { stdin: lines.join('') });
    const answers = run.stdout.trimEnd().split('\n');
    assert.equal(answers.length, lines.length);
    for (const answer of answers) assert.deepEqual(schemaErrors(answerSchema, JSON.parse(answer)), [], answer);
    assert.equal(run.exitCode, 2);
  });

  void test('labels live in a fresh store unless the one of the bundle is asked for', async () => {
    const policy = bundle(
      'small-store.yaml',
      `global: {session_store: {kind: memory, max_sessions: 1}}
routes: [{tool: pay, pre_invocation: [taint(paid)]}]
`,
    );
    const stdin = request(session('a')) + request(session('b'));
    const decisions = async (...argv: readonly string[]): Promise<readonly unknown[]> => {
      const { stdout, stderr } = await runCli(['eval', policy, '--requests', '-', ...argv], { stdin });
      const answers = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Answer);
      return [answers.map(({ violation }) => violation?.code), stderr];
    };
    assert.deepEqual(await decisions(), [[undefined, undefined], '']);
    assert.deepEqual(await decisions('--session-store', 'bundle'), [
      [undefined, 'session.persist_failed'],
      'indelible: alarm {"alarm":"session_store_failure","op":"append","route":"tool:pay","decision_was_allow":true,"failure":"full","detail":"no room beyond 1 sessions"}\n',
    ]);
  });

  void test('a request is read only when the answers before it found a reader', async () => {
    const policy = bundle('wide.yaml', 'routes: [{tool: pay}]\n');
    let read = 0;
    const input = async function* (): AsyncGenerator<Buffer> {
      for (; read < 10_000; read++) yield Buffer.from(request({ args: 'x'.repeat(1000) }));
    };
    let resume: () => void = () => undefined;
    const blocked = new Promise<void>((seen) => {
      resume = seen;
    });
    let release: () => void = () => undefined;
    const stdout = new Writable({
      highWaterMark: 10_000,
      write(_chunk, _encoding, done) {
        release = done;
        resume();
      },
    });
    const running = main(['eval', policy, '--requests', '-'], {
      stdin: Readable.from(input(), { highWaterMark: 1 }),
      stdout,
      stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
      env: {},
    });
    await blocked;
    await new Promise((settled) => setImmediate(settled));
    stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', errno: -32, syscall: 'write' }));
    release();
    assert.equal(await running, 2);
    assert.ok(read < 100, `${read} requests were read for a reader that took none`);
  });

  void test('a reader that leaves is told in one line', async () => {
    const policy = bundle('left.yaml', 'routes: [{tool: pay}]\n');
    const stdout = new Writable({
      write: (_chunk, _encoding, done) =>
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', errno: -32, syscall: 'write' })),
    });
    const told: string[] = [];
    const stderr = new Writable({
      write(chunk: Buffer, _encoding, done) {
        told.push(chunk.toString());
        done();
      },
    });
    const stdin = Readable.from(Array.from({ length: 10 }, () => Buffer.from(request({}))));
    assert.equal(await main(['eval', policy, '--requests', '-'], { stdin, stdout, stderr, env: {} }), 2);
    assert.deepEqual(told, ['indelible: the answers cannot be written: broken pipe\n']);
  });

  void test('standard input that fails is told in one line', async () => {
    const policy = bundle('input.yaml', 'routes: [{tool: pay}]\n');
    const told: string[] = [];
    const sink = (into: string[]): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          into.push(chunk.toString());
          done();
        },
      });
    const answers: string[] = [];
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from(request({ id: 'a' }));
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' });
    };
    const streams = { stdin: Readable.from(failing()), stdout: sink(answers), stderr: sink(told), env: {} };
    assert.equal(await main(['eval', policy, '--requests', '-'], streams), 2);
    assert.equal(answers.length, 1);
    assert.deepEqual(told, ['indelible: `standard input` cannot be read: i/o error\n']);
  });
});

interface Answer {
  readonly violation: { readonly code: string } | null;
}

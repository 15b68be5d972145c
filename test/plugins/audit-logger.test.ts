import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parseDocument } from 'yaml';
import { definePlugin, SessionStoreError } from '../../src/index.ts';
import type { EngineOptions, LoadOptions, Operation, PluginKind, SessionStoreFactory } from '../../src/index.ts';
import { loadedEngine, refusals, type LoadedEngine } from '../support/loaded-engine.ts';
import { runCli } from '../support/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-audit-'));
after(() => rmSync(folder, { recursive: true }));

type AuditRecord = Readonly<Record<string, unknown>>;

function recordsIn(name: string): readonly AuditRecord[] {
  const text = readFileSync(join(folder, name), 'utf8');
  assert.ok(text === '' || text.endsWith('\n'));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditRecord);
}

interface RecordedOptions extends LoadOptions {
  /** More of the logger's entry, and of its config. */
  readonly entry?: string;
  readonly config?: string;
  readonly engine?: EngineOptions;
}

let files = 0;

/** Runs `use` on a bundle whose logger `log` writes to a file of its own, and reads what was written. */
async function recorded(
  rest: string,
  use: (loaded: LoadedEngine) => Promise<void>,
  { entry = '', config = '', engine, ...options }: RecordedOptions = {},
): Promise<readonly AuditRecord[]> {
  files += 1;
  const name = `${files}.ndjson`;
  const text = `
plugins:
  - name: log
    kind: audit/logger
    hooks: [cmf.tool_pre_invoke, cmf.tool_post_invoke]
    config: {destination: file, path: ${name}${config === '' ? '' : `, ${config}`}}
${entry === '' ? '' : `    ${entry}\n`}${rest}`;
  const loaded = await loadedEngine(text, { baseDirectory: folder, ...options }, engine);
  await use(loaded);
  await loaded.engine.close();
  return recordsIn(name);
}

const CALLER = {
  subject: {
    id: 'ada',
    issuer: 'https://idp',
    roles: ['hr'],
    teams: ['payroll'],
    claims: { email: 'ada@example.com' },
  },
  client: { client_id: 'agent-1', client_name: 'Agent' },
  agent: { session_id: 's1' },
};

function pay(over: Partial<Operation> = {}): Operation {
  return {
    id: 'op-1',
    entity: { type: 'tool', name: 'pay' },
    args: { to: 'bob', amount: 5 },
    extensions: CALLER,
    ...over,
  };
}

const codes = (records: readonly AuditRecord[]): readonly unknown[] =>
  records.map(({ phase, decision, code }) => [phase, decision, code]);

describe('a record of audit/logger', () => {
  it('tells who did what, how it was decided and by which bundle', async () => {
    let digest = '';
    const records = await recorded(
      'routes:\n  - {tool: pay, authorization: {pre_invocation: ["taint(money, session)"]}}\n',
      async (loaded) => {
        digest = loaded.digest;
        await loaded.engine.pre(pay());
      },
      {
        entry: 'capabilities: [read_subject, read_roles, read_teams, read_client, read_labels]',
        config: 'source: gateway-1',
        now: () => 1_763_800_000_123,
      },
    );
    const [record, ...others] = records;
    assert.ok(record);
    assert.deepEqual(others, []);
    const { duration_ms, session_id, ...rest } = record;
    assert.ok(typeof duration_ms === 'number' && duration_ms >= 0 && duration_ms < 10_000);
    assert.match(String(session_id), /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      ts: '2025-11-22T08:26:40.123Z',
      plugin: 'log',
      source: 'gateway-1',
      subject: { id: 'ada', issuer: 'https://idp', roles: ['hr'], teams: ['payroll'] },
      client: { client_id: 'agent-1', client_name: 'Agent' },
      entity: { type: 'tool', name: 'pay' },
      tool_call: { name: 'pay', args: { to: '[MASKED]', amount: '[MASKED]' } },
      operation_id: 'op-1',
      phase: 'pre',
      route: 'tool:pay',
      decision: 'allow',
      modified: false,
      labels: { before: [], after: ['money'] },
      bundle_digest: digest,
    });
  });

  it('leaves out what the capabilities do not reveal', async () => {
    const [record] = await recorded('routes: [{tool: pay}]\n', async ({ engine }) => void (await engine.pre(pay())));
    assert.ok(record);
    for (const key of ['subject', 'client', 'labels']) assert.ok(!(key in record), key);
    const [some] = await recorded('routes: [{tool: pay}]\n', async ({ engine }) => void (await engine.pre(pay())), {
      entry: 'capabilities: [read_subject]',
    });
    assert.deepEqual(some?.['subject'], { id: 'ada', issuer: 'https://idp', roles: [], teams: [] });
  });

  it('has the values of arguments only when told so, as they are forwarded', async () => {
    const args = { to: 'bob', card: '4111', n: 9007199254740993n };
    const records = await recorded(
      'routes:\n  - {tool: pay, args: {card: redact}}\n',
      async ({ engine }) => void (await engine.pre(pay({ args }))),
      { config: 'mask_arguments: false' },
    );
    assert.deepEqual(records[0]?.['tool_call'], {
      name: 'pay',
      // As JSON.parse rounds it; the line has every digit.
      args: { to: 'bob', card: '[REDACTED]', n: 9007199254740992 },
    });
    assert.equal(records[0]?.['modified'], true);
    assert.match(readFileSync(join(folder, `${files}.ndjson`), 'utf8'), /"n":9007199254740993\b/);
  });

  it('never holds values of arguments or results by default', async () => {
    const rest = 'routes:\n  - {tool: pay, args: {to: "enum(carol)"}}\n  - {tool: get, result: {x: int}}\n';
    await recorded(rest, async ({ engine }) => {
      await engine.pre(pay({ args: { to: 'SECRET-1', nested: { SECRET: 'SECRET-2' } } }));
      await engine.pre(pay({ args: ['SECRET-3'] }));
      const get = pay({ entity: { type: 'tool', name: 'get' } });
      await engine.pre(get);
      await engine.post(get, { x: 'SECRET-4' });
    });
    const text = readFileSync(join(folder, `${files}.ndjson`), 'utf8');
    assert.equal(text.split('\n').length, 5);
    assert.ok(!text.includes('SECRET'), text);
  });
});

describe('audit/logger records', () => {
  const denies = `routes:
  - tool: pay
    authorization: {pre_invocation: ["deny('no', 'payroll.no')", "run(log)"]}
`;

  it('a denial by a step before the one that calls it, once', async () => {
    const records = await recorded(denies, async ({ engine }) => void (await engine.pre(pay())));
    assert.deepEqual(codes(records), [['pre', 'deny', 'payroll.no']]);
    assert.equal(records[0]?.['reason'], 'no');
  });

  it('each phase once, though it is listed and called by several steps', async () => {
    const rest = `plugin_settings: {routing_enabled: true}
routes:
  - tool: pay
    plugins: [log]
    authorization: {pre_invocation: ["run(log)", "run(log)"], post_invocation: ["run(log)"]}
`;
    const records = await recorded(rest, async ({ engine }) => {
      const operation = pay();
      await engine.pre(operation);
      await engine.post(operation, 'done');
    });
    assert.deepEqual(codes(records), [
      ['pre', 'allow', undefined],
      ['post', 'allow', undefined],
    ]);
  });

  it('only at its hooks, and with routing only where it is active', async () => {
    const rest = `plugin_settings: {routing_enabled: true}
routes:
  - {tool: pay, plugins: [log]}
  - {tool: get}
  - {prompt: greet, plugins: [log]}
`;
    const records = await recorded(rest, async ({ engine }) => {
      const operation = pay();
      await engine.pre(operation);
      await engine.post(operation, 'done');
      await engine.pre(pay({ entity: { type: 'tool', name: 'get' } }));
      await engine.pre(pay({ entity: { type: 'prompt', name: 'greet' } }));
      await engine.pre(pay({ entity: { type: 'tool', name: 'unknown' } }));
    });
    assert.deepEqual(codes(records), [
      ['pre', 'allow', undefined],
      ['post', 'allow', undefined],
    ]);
  });

  it('in every mode but disabled', async () => {
    for (const mode of ['sequential', 'transform', 'audit', 'concurrent', 'fire_and_forget', 'disabled']) {
      const use = async ({ engine }: LoadedEngine): Promise<void> => void (await engine.pre(pay()));
      const records = await recorded('routes: [{tool: pay}]\n', use, { entry: `mode: ${mode}` });
      assert.equal(records.length, mode === 'disabled' ? 0 : 1, mode);
    }
  });

  it('what no route matches, and what failed to load the labels of its session', async () => {
    const broken: SessionStoreFactory = {
      kind: 'broken',
      schema: {},
      build: () => ({
        kind: 'broken',
        loadLabels: () => Promise.reject(new SessionStoreError('unavailable', 'gone')),
        appendLabels: () => Promise.reject(new SessionStoreError('unavailable', 'gone')),
        health: () => ({ healthy: false, detail: 'gone' }),
        close: () => undefined,
      }),
    };
    const records = await recorded(
      'global: {session_store: {kind: broken}}\nroutes: [{tool: pay}]\n',
      async ({ engine }) => {
        await engine.pre(pay());
        await engine.pre(pay({ entity: { type: 'tool', name: 'unknown' }, extensions: {} }));
      },
      { sessionStores: [broken] },
    );
    assert.deepEqual(codes(records), [
      ['pre', 'deny', 'session.load_failed'],
      ['pre', 'deny', 'route.unmatched'],
    ]);
  });

  it('a caller who could not be identified, without the credential', async () => {
    const refuses = definePlugin({
      kind: 'test/refuses',
      configSchema: {},
      hooks: ['identity.resolve'],
      create: () => ({
        resolveIdentity: () => ({
          outcome: 'denied',
          violation: { code: 'auth.no', reason: 'who are you', details: {} },
        }),
      }),
    });
    const rest = '  - {name: who, kind: test/refuses, hooks: [identity.resolve]}\nroutes: [{tool: pay}]\n';
    const records = await recorded(
      rest,
      async ({ engine }) => {
        const headers = { authorization: 'Bearer SECRET' };
        const identity = await engine.identify({ entity: { type: 'tool', name: 'pay' }, headers });
        assert.equal(identity.outcome, 'denied');
      },
      { plugins: [refuses] },
    );
    assert.deepEqual(codes(records), [['identify', 'deny', 'auth.no']]);
    assert.ok(!JSON.stringify(records).includes('SECRET'));
  });

  it('what failed inside or took too long', async () => {
    const never = definePlugin({
      kind: 'test/never',
      configSchema: {},
      hooks: ['cmf.tool_pre_invoke'],
      create: () => ({
        invoke: (_, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new Error('given up')));
          }),
      }),
    });
    const rest = `  - {name: never, kind: test/never}
routes: [{tool: pay, authorization: {pre_invocation: ["run(never)"]}}, {tool: get}]
`;
    const records = await recorded(
      rest,
      async ({ engine, alarms }) => {
        const broken = pay({ entity: { type: 'tool', name: 'get' } });
        Object.defineProperty(broken, 'attributes', {
          get: () => {
            throw new Error('SECRET');
          },
        });
        await engine.pre(broken);
        await engine.pre(pay());
        assert.deepEqual(
          alarms.map(({ alarm }) => alarm),
          ['engine_internal_error', 'operation_deadline'],
        );
      },
      { plugins: [never], engine: { deadline: 50 } },
    );
    assert.deepEqual(codes(records), [
      ['pre', 'deny', 'engine.internal_error'],
      ['pre', 'deny', 'engine.deadline'],
    ]);
  });

  it('a question to a human', async () => {
    const asks = definePlugin({
      kind: 'test/asks',
      configSchema: {},
      hooks: ['elicit'],
      create: () => ({
        elicit: ({ state }) => (state === undefined ? { outcome: 'pending', state: {} } : { outcome: 'approved' }),
      }),
    });
    const rest = `  - {name: ciba, kind: test/asks, hooks: [elicit]}
routes:
  - tool: pay
    authorization: {pre_invocation: ["require_approval(ciba, from: boss)"]}
`;
    const run = async ({ engine }: LoadedEngine): Promise<void> => {
      const { violation } = await engine.pre(pay());
      const asked = String(violation?.details['elicitation_id']);
      await engine.pre(pay({ elicitation: { id: asked, peek: true } }));
      await engine.pre(pay({ elicitation: { id: asked } }));
    };
    const records = await recorded(rest, run, { plugins: [asks] });
    assert.deepEqual(codes(records), [
      ['pre', 'pending', 'elicitation.pending'],
      ['pre', 'pending', 'elicitation.approved'],
      ['pre', 'allow', undefined],
    ]);
    const { elicitation_id: id, expires_at: expiry, ...question } = Object(records[0]?.['elicitation']);
    assert.match(String(id), /^[0-9a-f]{64}$/);
    assert.match(String(expiry), /^\d{4}-.*Z$/);
    assert.deepEqual(question, { plugin: 'ciba', verb: 'require_approval', approver: 'boss' });
    const place = 'routes.tool:pay.pre_invocation[0]';
    assert.deepEqual(
      records.map(({ approvals }) => approvals),
      [undefined, undefined, [{ id, verb: 'require_approval', place, approver: 'boss' }]],
    );
  });

  it('with the settings that the route gives it', async () => {
    const rest = `routes:
  - tool: pay
    apl:
      pre_invocation: ["run(log)"]
      plugins: {log: {config: {destination: file, path: over.ndjson, source: pay}}}
`;
    assert.deepEqual(await recorded(rest, async ({ engine }) => void (await engine.pre(pay()))), []);
    assert.deepEqual(
      recordsIn('over.ndjson').map(({ source }) => source),
      ['pay'],
    );
  });

  it('only requests that meet its conditions', async () => {
    const use = async ({ engine }: LoadedEngine): Promise<void> => {
      await engine.pre(pay());
      await engine.pre(pay({ entity: { type: 'tool', name: 'get' } }));
    };
    const records = await recorded('routes: [{tool: pay}, {tool: get}]\n', use, {
      entry: 'conditions: [{tools: [get]}]',
    });
    assert.deepEqual(
      records.map(({ route }) => route),
      ['tool:get'],
    );
  });

  it('the calls of a whole bundle: identity, a decision point, labels', async () => {
    const bundle = parseDocument(readFileSync('fixtures/config/accept/identity-audit-and-cel.yaml', 'utf8'));
    bundle.setIn(['plugins', 1, 'config'], { destination: 'file', path: 'calls.ndjson' });
    const { engine } = await loadedEngine(String(bundle), { baseDirectory: folder });
    const call = (name: string, roles: readonly string[]): Operation => ({
      entity: { type: 'tool', name },
      args: { ward: 'other' },
      extensions: { subject: { id: 'ada', roles }, agent: { session_id: 's' } },
    });
    await engine.pre(call('read_chart', []));
    await engine.pre(call('read_chart', ['nurse']));
    await engine.pre(call('search_rota', ['nurse']));
    await engine.pre(call('search_rota', ['head']));
    await engine.pre(call('send_fax', ['nurse']));
    await engine.close();
    const rows = recordsIn('calls.ndjson').map(({ route, decision, code }) => [route, decision, code]);
    assert.deepEqual(rows, [
      ['tool:read_chart', 'deny', 'routes.tool:read_chart.pre_invocation[0]'],
      ['tool:read_chart', 'allow', undefined],
      ['tool:search_rota', 'deny', 'rota.own_ward'],
      ['tool:search_rota', 'allow', undefined],
      ['tool:send_fax', 'deny', 'fax.patient_read'],
    ]);
  });
});

describe('a trial run', () => {
  it('with `eval` writes no records', async () => {
    const path = join(folder, 'trial.yaml');
    const entry = 'name: log, kind: audit/logger, config: {destination: file, path: trial.ndjson}';
    writeFileSync(
      path,
      `plugins: [{${entry}}]\nroutes: [{tool: pay, authorization: {pre_invocation: ["run(log)"]}}]\n`,
    );
    const stdin = '{"entity":{"type":"tool","name":"pay"}}\n';
    const { stdout, exitCode } = await runCli(['eval', path, '--requests', '-'], { stdin });
    assert.match(stdout, /"decision":"allow"/);
    assert.equal(exitCode, 0);
    assert.ok(!existsSync(join(folder, 'trial.ndjson')));
  });
});

describe('plugins that observe', () => {
  const observing = (observe: () => void | Promise<void>): PluginKind =>
    definePlugin({
      kind: 'test/observes',
      configSchema: {},
      hooks: ['cmf.tool_pre_invoke'],
      create: () => ({ observe }),
    });
  const text = 'plugins: [{name: eye, kind: test/observes, hooks: [cmf.tool_pre_invoke]}]\nroutes: [{tool: pay}]\n';

  it('cannot change the decision by failing, which is alarmed', async () => {
    const failures = [
      () => {
        throw new Error('SECRET');
      },
      () => Promise.reject(new Error('SECRET')),
    ];
    for (const failure of failures) {
      const { engine, alarms } = await loadedEngine(text, { plugins: [observing(failure)] });
      assert.equal((await engine.pre(pay())).decision, 'allow');
      await engine.close();
      assert.deepEqual(alarms, [{ alarm: 'audit_write_failed', plugin: 'eye', failure: 'error' }]);
    }
  });

  it('get copies that nothing can be changed through', async () => {
    const tampers = definePlugin({
      kind: 'test/observes',
      configSchema: {},
      hooks: ['cmf.tool_pre_invoke'],
      create: () => ({
        observe: (record) => {
          const { args, extensions, violation } = record;
          for (const part of [record, args, extensions, extensions.subject, extensions.subject?.roles]) {
            assert.ok(Object.isFrozen(part));
          }
          assert.equal(violation, null);
          assert.notEqual(args, operation.args);
        },
      }),
    });
    const operation = pay();
    const subject = text.replace('hooks:', 'capabilities: [read_subject, read_roles], hooks:');
    const { engine, alarms } = await loadedEngine(subject, { plugins: [tampers] });
    await engine.pre(operation);
    await engine.close();
    assert.deepEqual(alarms, []);
    assert.ok(!Object.isFrozen(operation.args));
  });

  it('keep a decision synchronous', async () => {
    const { engine } = await loadedEngine(text, { plugins: [observing(() => undefined)] });
    assert.ok(!(engine.pre(pay()) instanceof Promise));
    await engine.close();
  });

  it('deny as steps at a hook that they do not serve', async () => {
    const rest = text.replace('{tool: pay}', '{tool: pay, authorization: {post_invocation: ["run(eye)"]}}');
    const { engine } = await loadedEngine(rest, { plugins: [observing(() => undefined)] });
    const operation = pay();
    await engine.pre(operation);
    assert.equal((await engine.post(operation, 'done')).violation?.code, 'plugin.eye.error');
    await engine.close();
  });
});

describe('audit/logger writes to', () => {
  const run = async (config: string): Promise<{ readonly stdout: string; readonly stderr: string }> => {
    const script = `
      import { loadBundle, createEngine } from './src/index.ts';
      const text = 'plugins: [{name: log, kind: audit/logger, hooks: [cmf.tool_pre_invoke], config: ${config}}]\\nroutes: [{tool: pay}]';
      const loaded = await loadBundle({ name: 'policy.yaml', text });
      const engine = await createEngine(loaded.bundle);
      for (let i = 0; i < 3; i += 1) engine.pre({ entity: { type: 'tool', name: 'pay' }, id: String(i) });
      if (process.argv[1] === 'exit') process.exit(0);
      await engine.close();`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    return promisify(execFile)(process.execPath, config.includes('source: exit') ? [...args, 'exit'] : args);
  };
  const ids = (lines: string): readonly unknown[] =>
    lines
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as AuditRecord)['operation_id']);

  it('stderr unless told otherwise', async () => {
    const { stdout, stderr } = await run('{}');
    assert.deepEqual([ids(stderr), stdout], [['0', '1', '2'], '']);
  });

  it('stdout', async () => {
    const { stdout, stderr } = await run('{destination: stdout, hash_chain: true}');
    assert.deepEqual([ids(stdout), stderr], [['0', '1', '2'], '']);
  });

  it('the process log', async () => {
    const { stderr } = await run('{destination: tracing}');
    const [line] = stderr.split('\n').map((text) => JSON.parse(text === '' ? 'null' : text) as AuditRecord);
    assert.deepEqual([line?.['target'], line?.['level'], line?.['message']], ['apl.audit', 30, 'audit']);
    assert.ok(line);
    assert.equal((line['record'] as AuditRecord)['operation_id'], '0');
  });

  it('all that was decided when the process just exits', async () => {
    const { stdout } = await run('{destination: stdout, source: exit}');
    assert.deepEqual(ids(stdout), ['0', '1', '2']);
  });
});

describe('a bundle with audit/logger loads only when it can record', () => {
  const entry = (config: string, hooks = '[cmf.tool_pre_invoke]'): string =>
    `plugins: [{name: log, kind: audit/logger, hooks: ${hooks}, config: ${config}}]\n`;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a file without a path', entry('{destination: file}'), /needs a `path`/],
    ['a path without a file', entry('{path: a}'), /`path` has no effect/],
    ['rotation without a file', entry('{destination: stdout, max_bytes: 2000}'), /`max_bytes` has no effect/],
    ['a number of files without a size', entry('{destination: file, path: a, max_files: 2}'), /without `max_bytes`/],
    ['a chain in the process log', entry('{destination: tracing, hash_chain: true}'), /not `tracing`/],
    ['an unknown destination', entry('{destination: syslog}'), /syslog/],
    ['an unknown key', entry('{masked: true}'), /masked/],
    ['a hook of another kind', entry('{}', '[identity.resolve]'), /do not serve/],
  ];
  for (const [name, text, message] of cases) {
    it(name, async () => {
      const [first] = await refusals(text);
      assert.ok(first);
      assert.match(first[2], message);
    });
  }

  it('and starts only when the file can be opened', async () => {
    const path = join(folder, 'missing', 'audit.ndjson');
    await assert.rejects(loadedEngine(entry(`{destination: file, path: ${path}}`)), { code: 'ENOENT' });
  });
});

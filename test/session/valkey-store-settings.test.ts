import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, inspect } from 'node:util';
import { loadBundle, type LoadOptions } from '../../src/index.ts';
import type { Alarm } from '../../src/session/label-store.ts';

const SECRET = 'pa55word-that-must-not-show';

/** The bundle whose `session_store` has these lines. */
const bundleOf = (...lines: string[]): string =>
  [
    'global:',
    '  session_store:',
    '    kind: valkey',
    ...lines.map((line) => `    ${line}`),
    'routes:',
    '  - tool: t',
    '',
  ]
    .join('\n')
    .replaceAll('$SECRET', SECRET);

async function load(text: string, options: LoadOptions = {}): Promise<{ ok: boolean; texts: readonly string[] }> {
  const result = await loadBundle({ name: 'policy.yaml', text }, { environment: { SECRET, EMPTY: '' }, ...options });
  if (result.ok) await result.bundle.sessions.store.close();
  const shown = result.diagnostics.map(({ span: _span, ...rest }) => rest);
  assert.ok(!inspect(shown, { depth: 9 }).includes(SECRET), 'a diagnostic shows the secret');
  return {
    ok: result.ok,
    texts: result.diagnostics.map(({ code, message, help }) => `${code} ${message} ${help ?? ''}`),
  };
}

const ACCEPTED: Readonly<Record<string, readonly string[]>> = {
  'IPv6 loopback': ['endpoint: "[::1]:6379"'],
  'any address of 127.0.0.0/8': ['endpoint: 127.8.9.10:6379'],
  localhost: ['endpoint: localhost:6379'],
  'localhost in capitals': ['endpoint: LOCALHOST:6379'],
  'a host without a port': ['endpoint: localhost'],
  'TLS by URL': ['endpoint: rediss://valkey.prod.internal:6379'],
  'TLS by URL, with credentials': ['endpoint: rediss://gw:$SECRET@valkey.prod.internal:6379/0'],
  'TLS by key': ['endpoint: valkey.prod.internal:6379', 'tls: true'],
  'TLS by URL and key': ['endpoint: rediss://valkey.prod.internal', 'tls: true'],
  'TLS with a name': ['endpoint: 10.0.0.5:6379', 'tls: {server_name: valkey.prod.internal}'],
  'a lone password': ['endpoint: localhost:6379', 'password: $SECRET'],
  'a lone password in a URL': ['endpoint: "redis://:$SECRET@localhost:6379"'],
  'password from the environment': [
    'endpoint: localhost:6379',
    'username: gw',
    'password_source: {kind: env_var, name: SECRET}',
  ],
  sentinel: ['sentinel: {master_name: main, addresses: ["127.0.0.1:26379", localhost]}'],
  'sentinel with credentials': [
    'sentinel: {master_name: main, addresses: [localhost], username: s, password: $SECRET}',
  ],
  cluster: ['cluster: {nodes: ["127.0.0.1:7000", "[::1]:7001"]}'],
  durability: ['endpoint: localhost:6379', 'durability: {ack: aof, timeout_ms: 300}'],
  'durability by memory': ['endpoint: localhost:6379', 'durability: {ack: memory}'],
  integrity: ['endpoint: localhost:6379', 'integrity: {key_source: {kind: env_var, name: KEY}}'],
  'a sound lifetime': ['endpoint: localhost:6379', 'ttl_seconds: 3600', 'max_session_lifetime_seconds: 3600'],
};

const REJECTED: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'no endpoint': [[], /endpoint.*sentinel.*cluster/],
  'two topologies': [['endpoint: localhost:6379', 'cluster: {nodes: [localhost]}'], /only one/],
  'plaintext to a name': [['endpoint: valkey.prod.internal:6379'], /needs `tls`/],
  'plaintext to a private address': [['endpoint: 10.0.0.5:6379'], /needs `tls`/],
  'plaintext URL': [['endpoint: redis://valkey.prod.internal:6379'], /needs `tls`/],
  'plaintext to an IPv6 address': [['endpoint: "[fe80::1]:6379"'], /needs `tls`/],
  'a name that only begins like loopback': [['endpoint: 127.0.0.1.evil.example:6379'], /needs `tls`/],
  'a name that only begins like localhost': [['endpoint: localhost.evil.example:6379'], /needs `tls`/],
  'loopback in another notation': [['endpoint: "redis://2130706433:6379"'], /needs `tls`/],
  'IPv4 in IPv6': [['endpoint: "[::ffff:127.0.0.1]:6379"'], /needs `tls`/],
  'a user name that looks like loopback': [
    ['endpoint: "redis://localhost:$SECRET@valkey.prod.internal"'],
    /needs `tls`/,
  ],
  'plaintext sentinel': [['sentinel: {master_name: m, addresses: [localhost, "10.0.0.5:26379"]}'], /needs `tls`/],
  'plaintext cluster': [['cluster: {nodes: [localhost, "10.0.0.5"]}'], /needs `tls`/],
  'TLS with a plaintext URL': [['endpoint: redis://localhost:6379', 'tls: true'], /plaintext.*rediss/],
  'TLS settings with a plaintext URL': [
    ['endpoint: redis://localhost:6379', 'tls: {server_name: x}'],
    /plaintext.*rediss/,
  ],
  'no TLS with a TLS URL': [['endpoint: rediss://localhost:6379', 'tls: false'], /asks for TLS/],
  'a URL and a password': [['endpoint: redis://localhost:6379', 'password: $SECRET'], /`password`.*one place/],
  'a URL and a user': [['endpoint: "redis://:$SECRET@localhost"', 'username: gw'], /`username`.*one place/],
  'a URL and a password source': [
    ['endpoint: redis://localhost', 'password_source: {kind: env_var, name: SECRET}'],
    /`password_source`.*one place/,
  ],
  'a user without a password': [['endpoint: localhost:6379', 'username: gw'], /`username`.*`password`/],
  'a user without a password in a URL': [['endpoint: "redis://gw@localhost:6379"'], /username.*password/],
  'a user without a password for sentinel': [
    ['sentinel: {master_name: m, addresses: [localhost], username: s}'],
    /`username`.*`password`/,
  ],
  'two passwords': [
    ['endpoint: localhost', 'password: $SECRET', 'password_source: {kind: env_var, name: SECRET}'],
    /keep one/,
  ],
  'credentials before a bare host': [['endpoint: "gw:$SECRET@localhost:6379"'], /credentials/],
  'a port that is none': [['endpoint: "rediss://gw:$SECRET@valkey.prod.internal:port"'], /`endpoint`.*valid URL/],
  'a port out of range': [['endpoint: localhost:70000'], /`endpoint`/],
  'a bare IPv6 address': [['endpoint: "::1:6379"'], /brackets/],
  'another scheme': [['endpoint: "https://gw:$SECRET@localhost"'], /another kind/],
  'options in a URL': [['endpoint: "redis://localhost:6379?enableOfflineQueue=false"'], /query/],
  'a path that is no number': [['endpoint: "redis://:$SECRET@localhost:6379/labels"'], /database/],
  'wrong percent-encoding': [['endpoint: "redis://:$SECRET%zz@localhost"'], /percent-encoded/],
  'an unknown key': [['endpoint: localhost:6379', 'ttl_second: 60'], /`ttl_second`.*ttl_seconds/],
  'a lifetime that is no number': [['endpoint: localhost:6379', 'ttl_seconds: soon'], /`ttl_seconds`/],
  'a lifetime of nothing': [['endpoint: localhost:6379', 'ttl_seconds: 0'], /`ttl_seconds`/],
  'a number for a password': [['endpoint: localhost:6379', 'password: 123456'], /`password`/],
  'a missing variable': [
    ['endpoint: localhost', 'password_source: {kind: env_var, name: NOT_SET}'],
    /`NOT_SET` is not set/,
  ],
  'an empty variable': [['endpoint: localhost', 'password_source: {kind: env_var, name: EMPTY}'], /`EMPTY` is empty/],
  'a missing file': [['endpoint: localhost', 'password_source: {kind: file, path: /nowhere/pw}'], /cannot be read/],
  'a missing certificate': [['endpoint: localhost', 'tls: {ca_file: /nowhere/ca.pem}'], /`ca_file`.*cannot be read/],
  'a certificate without its key': [['endpoint: localhost', 'tls: {cert_file: a.pem}'], /key_file/],
  'a confirmation slower than the command': [
    ['endpoint: localhost', 'command_timeout_ms: 300', 'durability: {ack: aof, timeout_ms: 300}'],
    /below `command_timeout_ms`/,
  ],
  'confirmation on a cluster': [['cluster: {nodes: [localhost]}', 'durability: {ack: aof}'], /`cluster`/],
  'replicas without confirmation': [
    ['endpoint: localhost', 'durability: {ack: memory, min_replicas: 1}'],
    /min_replicas/,
  ],
  'a short key': [['endpoint: localhost', 'integrity: {key_source: {kind: env_var, name: SECRET}}'], /32 bytes/],
  'a prefix with a hash tag': [['endpoint: localhost', 'key_prefix: "{taint}"'], /`key_prefix`/],
};

const KEY = 'k'.repeat(32);

describe('valkey store settings', () => {
  for (const [name, lines] of Object.entries(ACCEPTED)) {
    test(`accepted: ${name}`, async () => {
      const { ok, texts } = await load(bundleOf(...lines), { environment: { SECRET, KEY } });
      assert.ok(ok, texts.join('\n'));
      assert.deepEqual(texts, []);
    });
  }

  for (const [name, [lines, wanted]] of Object.entries(REJECTED)) {
    test(`rejected: ${name}`, async () => {
      const { ok, texts } = await load(bundleOf(...lines));
      assert.ok(!ok);
      assert.ok(
        texts.some((text) => wanted.test(text)),
        texts.join('\n'),
      );
    });
  }

  test('a lifetime of labels below that of sessions is warned of, and alarmed', async () => {
    const alarms: Alarm[] = [];
    const text = bundleOf('endpoint: localhost', 'ttl_seconds: 600', 'max_session_lifetime_seconds: 3600');
    const { ok, texts } = await load(text, { alarm: (alarm) => void alarms.push(alarm) });
    assert.ok(ok);
    assert.equal(texts.length, 1);
    assert.match(texts[0] ?? '', /^session\/ttl-unsound /);
    assert.deepEqual(alarms, [
      { alarm: 'session_store_ttl_unsound', ttl_seconds: 600, max_session_lifetime_seconds: 3600 },
    ]);
  });

  test('the same block under `apl` is read', async () => {
    const text = bundleOf('endpoint: valkey.prod.internal:6379')
      .replaceAll('\n    ', '\n      ')
      .replace('  session_store:', '  apl:\n    session_store:');
    const { ok, texts } = await load(text);
    assert.ok(!ok);
    assert.match(texts.join('\n'), /needs `tls`/);
  });

  test('paths start from the folder of the bundle', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
    writeFileSync(join(folder, 'pw'), `${SECRET}\n`);
    writeFileSync(join(folder, 'ca.pem'), 'a certificate');
    const lines = ['endpoint: localhost', 'password_source: {kind: file, path: pw}', 'tls: {ca_file: ca.pem}'];
    const { ok, texts } = await load(bundleOf(...lines), { baseDirectory: folder });
    rmSync(folder, { recursive: true });
    assert.ok(ok, texts.join('\n'));
  });
});

const run = promisify(execFile);
const program = (text: string): string => `
  import { createRequire } from 'node:module';
  import { createEngine, loadBundle } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
  const result = await loadBundle({ name: 'p.yaml', text: ${JSON.stringify(text)} });
  const engine = await createEngine(result.bundle);
  await engine.pre({ entity: { type: 'tool', name: 't' }, extensions: { subject: { id: 's' }, agent: { session_id: '1' } } });
  await new Promise((resolve) => setImmediate(resolve));
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  console.log(JSON.stringify(loaded.filter((path) => /iovalkey|cockatiel|redis-parser|denque/.test(path)).length));
  await engine.close();`;
const loaded = async (text: string): Promise<number> => {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program(text)]);
  return Number(stdout);
};

describe('the client is loaded only when a bundle selects it', () => {
  test('a bundle with the store in process loads none of it', async () => {
    assert.equal(await loaded('routes:\n  - tool: t\n    pre_invocation: ["taint(x, session)"]\n'), 0);
  });

  test('a bundle with Valkey loads it', async () => {
    assert.ok((await loaded(bundleOf('endpoint: 127.0.0.1:1'))) > 10);
  });

  test('only the valkey room names the client', () => {
    const source = readFileSync(new URL('../../src/session/valkey-store-factory.ts', import.meta.url), 'utf8');
    assert.ok(!/from '.*valkey-store\.ts'/.test(source), 'the factory must import the store lazily');
  });
});

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../support/run-cli.ts';
import { freePort, makeCertificates, ValkeyServer } from '../support/valkey-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
after(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly healthy: boolean;
  readonly checks: readonly {
    readonly store: string;
    readonly name: string;
    readonly outcome: string;
    readonly detail: string;
  }[];
}

function bundle(block: Readonly<Record<string, unknown>>): string {
  const path = join(folder, 'policy.yaml');
  writeFileSync(path, JSON.stringify({ global: { session_store: block }, routes: [{ tool: 't' }] }));
  return path;
}

async function diagnose(block: Readonly<Record<string, unknown>>): Promise<Answer & { readonly exitCode: number }> {
  const { stdout, exitCode } = await runCli(['doctor', bundle(block), '--format', 'json']);
  const answer = JSON.parse(stdout) as Answer;
  return { ...answer, exitCode };
}

const outcomes = ({ checks }: Answer): Readonly<Record<string, string>> =>
  Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));

describe('doctor', () => {
  test('the store in process has nothing to examine', async () => {
    const { stdout, exitCode } = await runCli(['doctor', bundle({ kind: 'memory' })]);
    assert.match(stdout, /^session_store server: ok, `memory` has no server/);
    assert.equal(exitCode, 0);
  });

  test('a server that does not answer is a problem', async () => {
    const found = await diagnose({ kind: 'valkey', endpoint: `127.0.0.1:${await freePort()}` });
    assert.deepEqual(outcomes(found), { reachable: 'problem' });
    assert.equal(found.exitCode, 1);
  });

  test('the storage of transport sessions is examined too, when the bundle configures one', async () => {
    const server = await ValkeyServer.start({ config: ['maxmemory-policy allkeys-lru'] });
    const path = join(folder, 'transport.yaml');
    const block = { kind: 'redis', addr: server.endpoint };
    writeFileSync(path, JSON.stringify({ global: { transport_sessions: block } }));
    const { stdout, exitCode } = await runCli(['doctor', path]);
    await server.stop();
    assert.match(stdout, /^session_store server: ok/);
    assert.match(stdout, /^transport_sessions reachable: ok, the server answers$/m);
    assert.match(stdout, /^transport_sessions eviction_policy: problem, transport sessions can be evicted/m);
    assert.equal(exitCode, 1);
  });

  test('a rejected bundle is told as `check` does', async () => {
    const { stderr, exitCode } = await runCli(['doctor', bundle({ kind: 'valkey', endpoint: '10.0.0.1:6379' })]);
    assert.match(stderr, /needs `tls`/);
    assert.equal(exitCode, 1);
  });

  test('a server as it is out of the box has problems, each with what to do', async () => {
    const server = await ValkeyServer.start({ config: ['maxmemory-policy allkeys-lru'] });
    const block = { kind: 'valkey', endpoint: server.endpoint, durability: { ack: 'aof', min_replicas: 1 } };
    const found = await diagnose(block);
    const text = await runCli(['doctor', bundle(block)]);
    await server.stop();
    assert.deepEqual(outcomes(found), {
      transport: 'ok',
      reachable: 'ok',
      role: 'ok',
      eviction_policy: 'problem',
      evicted_keys: 'ok',
      persistence: 'problem',
      replicas: 'problem',
      waitaof: 'ok',
      user: 'problem',
      clock: 'ok',
    });
    assert.equal(found.exitCode, 1);
    assert.match(
      text.stdout,
      /eviction_policy: problem, labels can be evicted \(`allkeys-lru`\)\n {2}= help: set `maxmemory/,
    );
  });

  test('a missing permission is `could not check`, and no problem', async () => {
    const server = await ValkeyServer.start();
    await server.admin((client) =>
      client.call('ACL', 'SETUSER', 'gw', 'on', '>doctor-s3cret', '~taint:v1:*', '-@all', '+@scripting'),
    );
    const found = await diagnose({
      kind: 'valkey',
      endpoint: server.endpoint,
      username: 'gw',
      password: 'doctor-s3cret',
    });
    await server.stop();
    const { transport, reachable, ...rest } = outcomes(found);
    assert.deepEqual([transport, reachable], ['ok', 'ok']);
    assert.deepEqual([...new Set(Object.values(rest))], ['unknown']);
    assert.equal(found.exitCode, 0);
  });
});

describe('the deployment that comes with the package', () => {
  let server: ValkeyServer;
  before(async () => {
    const { certFile, keyFile, caFile } = await makeCertificates(folder);
    const port = await freePort();
    const deploy = (name: string): string => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');
    writeFileSync(join(folder, 'users.acl'), deploy('valkey-users.acl').replaceAll('>CHANGE-ME', '>deploy-s3cret'));
    // Ports, folders and files are those of this test; every other line is as delivered.
    const settings = deploy('valkey.conf')
      .split('\n')
      .filter((line) => !/^(#|$|port|tls-port|bind|dir|tls-.*-file|aclfile)/.test(line));
    server = await ValkeyServer.start({
      port,
      tls: true,
      client: { tls: { rejectUnauthorized: false }, username: 'gateway', password: 'deploy-s3cret' },
      config: [
        ...settings,
        `tls-cert-file ${certFile}`,
        `tls-key-file ${keyFile}`,
        `tls-ca-cert-file ${caFile}`,
        `aclfile ${join(folder, 'users.acl')}`,
      ],
    });
  });
  after(() => server.stop());

  test('is healthy in every check', async () => {
    const found = await diagnose({
      kind: 'valkey',
      endpoint: server.endpoint,
      username: 'gateway',
      password: 'deploy-s3cret',
      tls: {
        ca_file: join(folder, 'ca.crt'),
        cert_file: join(folder, 'server.crt'),
        key_file: join(folder, 'server.key'),
      },
      durability: { ack: 'aof' },
      ttl_seconds: 3600,
      connect_timeout_ms: 3000,
      command_timeout_ms: 3000,
    });
    assert.deepEqual(
      found.checks.filter(({ outcome }) => outcome !== 'ok'),
      [],
    );
    assert.equal(found.checks.length, 9);
    assert.equal(found.exitCode, 0);
  });
});

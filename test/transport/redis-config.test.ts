import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { inspect, promisify } from 'node:util';
import { loadBundle, RedisConfigError, RedisStorage, type RedisConfig } from '../../src/index.ts';
import { checkRedisConfig } from '../../src/transport/check-redis-config.ts';
import { describeConnection } from '../../src/transport/redis-config.ts';

const SECRET = 'pa55word-that-must-not-show';
const good: RedisConfig = { addr: 'localhost:6379', keyPrefix: 'mcp:session:' };
const sentinel = { masterName: 'main', addrs: ['127.0.0.1:26379', 'localhost'] };
const source = { kind: 'value', value: () => SECRET } as const;

/** Both `addr` and what replaces it are given here, so undefined takes `addr` away. */
function configOf(rest: object): RedisConfig {
  const entries = Object.entries({ ...good, ...rest }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as RedisConfig;
}

const ACCEPTED: Readonly<Record<string, object>> = {
  standalone: {},
  'IPv6 loopback': { addr: '[::1]:6379' },
  'a server elsewhere with TLS': { addr: 'redis.example.com:6379', tls: {} },
  'a private authority as text': { addr: 'redis.example.com:6379', tls: { caCert: 'PEM', serverName: 'x' } },
  'mutual TLS': { addr: '10.0.0.5', tls: { caFile: '/ca', certFile: '/cert', keyFile: '/key' } },
  sentinel: { addr: undefined, sentinel },
  'sentinel with credentials': { addr: undefined, sentinel: { ...sentinel, username: 's', password: SECRET } },
  'a lone password': { password: SECRET },
  'a user and a password source': { username: 'gw', passwordSource: source },
  'a database and limits': { db: 3, dialTimeout: 1, readTimeout: 2, writeTimeout: 3 },
};

const REFUSED: Readonly<Record<string, readonly [rest: object, code: string, key: string]>> = {
  'neither addr nor sentinel': [{ addr: undefined }, 'transport/one-deployment', ''],
  'both addr and sentinel': [{ sentinel }, 'transport/one-deployment', 'sentinel'],
  'a URL for addr': [{ addr: 'redis://localhost:6379' }, 'transport/address', 'addr'],
  'an address without brackets': [{ addr: '::1:6379' }, 'transport/address', 'addr'],
  'no Sentinels': [{ addr: undefined, sentinel: { ...sentinel, addrs: [] } }, 'transport/address', 'sentinel.addrs'],
  'an empty master name': [
    { addr: undefined, sentinel: { ...sentinel, masterName: '' } },
    'transport/address',
    'sentinel.masterName',
  ],
  'plaintext to a name': [{ addr: 'redis.example.com:6379' }, 'transport/plaintext', 'addr'],
  'plaintext to what begins like loopback': [{ addr: '127.0.0.1.evil.example' }, 'transport/plaintext', 'addr'],
  'plaintext to a Sentinel': [
    { addr: undefined, sentinel: { ...sentinel, addrs: ['localhost', '10.0.0.5'] } },
    'transport/plaintext',
    'sentinel.addrs',
  ],
  'credentials before the host': [{ addr: `gw:${SECRET}@localhost:6379` }, 'transport/credentials', 'addr'],
  'a password in two places': [{ password: SECRET, passwordSource: source }, 'transport/credentials', 'passwordSource'],
  'a user without a password': [{ username: 'gw' }, 'transport/credentials', 'username'],
  'a Sentinel user without a password': [
    { addr: undefined, sentinel: { ...sentinel, username: 's' } },
    'transport/credentials',
    'sentinel.username',
  ],
  'a prefix without a colon': [{ keyPrefix: 'sessions' }, 'transport/key-prefix', 'keyPrefix'],
  'an empty prefix': [{ keyPrefix: '' }, 'transport/key-prefix', 'keyPrefix'],
  'a prefix with a hash tag': [{ keyPrefix: '{a}:' }, 'transport/key-prefix', 'keyPrefix'],
  'a limit of nothing': [{ readTimeout: 0 }, 'transport/range', 'readTimeout'],
  'a limit that is no number': [{ dialTimeout: Number.NaN }, 'transport/range', 'dialTimeout'],
  'a database that cannot be': [{ db: 1.5 }, 'transport/range', 'db'],
  'trusted certificates twice': [{ tls: { caCert: 'PEM', caFile: '/ca' } }, 'transport/tls', 'tls.caCert'],
  'a certificate without its key': [{ tls: { certFile: '/cert' } }, 'transport/tls', 'tls'],
  'an unknown key': [{ adress: 'localhost' }, 'config/unknown-key', 'adress'],
  'an unknown key of tls': [{ tls: { insecure: true } }, 'config/unknown-key', 'tls.insecure'],
  'an unknown key of sentinel': [
    { addr: undefined, sentinel: { ...sentinel, master: 'main' } },
    'config/unknown-key',
    'sentinel.master',
  ],
};

describe('RedisConfig in code', () => {
  for (const [name, rest] of Object.entries(ACCEPTED)) {
    test(`accepted: ${name}`, () => {
      assert.deepEqual(checkRedisConfig(configOf(rest), { ttl: 1 }), []);
      assert.equal(new RedisStorage(configOf(rest), 1).kind, 'redis');
    });
  }

  for (const [name, [rest, code, key]] of Object.entries(REFUSED)) {
    test(`refused: ${name}`, () => {
      const thrown = errorOf(() => new RedisStorage(configOf(rest), 1));
      assert.deepEqual(
        thrown.findings.map((finding) => [finding.code, finding.key.join('.')]),
        [[code, key]],
      );
      assert.ok(!inspect(thrown, { depth: 9, showHidden: true }).includes(SECRET));
    });
  }

  test('refused: lifetimes that are not positive', () => {
    for (const ttl of [0, -1, Number.NaN]) {
      assert.equal(errorOf(() => new RedisStorage(good, ttl)).findings[0]?.code, 'transport/range');
    }
    const { findings } = errorOf(() => new RedisStorage(good, 1, { maxLifetime: 0 }));
    assert.deepEqual(findings[0]?.key, ['maxLifetime']);
  });

  test('an unverified certificate is warned of, and no error', () => {
    const config = configOf({ tls: { insecureSkipVerify: true } });
    const findings = checkRedisConfig(config, { ttl: 1 });
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['transport/insecure-skip-verify'],
    );
    assert.equal(new RedisStorage(config, 1).kind, 'redis');
  });

  test('the timeouts default to 5 s, 3 s and 3 s', () => {
    const { connectTimeout, commandTimeout } = describeConnection(good);
    assert.deepEqual([connectTimeout, commandTimeout], [5000, 3000]);
  });
});

function errorOf(make: () => unknown): RedisConfigError {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof RedisConfigError);
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

const bundleOf = (block: string): string =>
  `global: {transport_sessions: {kind: redis, ${block}}}\nroutes: [{tool: t}]\n`;

async function check(block: string): Promise<{ readonly ok: boolean; readonly codes: readonly string[] }> {
  const text = bundleOf(block);
  const result = await loadBundle({ name: 'policy.yaml', text }, { environment: { SECRET } });
  if (result.ok) await result.bundle.transport.storage.close();
  const shown = result.diagnostics.map(({ span: _span, ...rest }) => rest);
  assert.ok(!inspect(shown, { depth: 9 }).includes(SECRET), 'a diagnostic shows the secret');
  return { ok: result.ok, codes: result.diagnostics.map(({ code, message }) => `${code} ${message}`) };
}

describe('transport_sessions in a bundle', () => {
  const accepted = [
    'addr: "localhost:6379"',
    'addr: redis.example.com, tls: true, username: gw, password_source: {kind: env_var, name: SECRET}',
    'sentinel: {master_name: main, addrs: [localhost], password: x}, db: 2, key_prefix: "a:b:"',
    'addr: localhost, dial_timeout_ms: 1, read_timeout_ms: 2, write_timeout_ms: 3, ttl_seconds: 60, max_lifetime_seconds: 90',
    'addr: redis.example.com, tls: {ca_cert: "-----BEGIN", server_name: redis}',
  ];
  for (const block of accepted) {
    test(`accepted: ${block}`, async () => {
      assert.deepEqual(await check(block), { ok: true, codes: [] });
    });
  }

  const refused: readonly (readonly [string, RegExp])[] = [
    ['ttl_seconds: 1', /^transport\/one-deployment neither of `addr` and `sentinel`/],
    ['addr: localhost, ttl_seconds: 0', /^transport\/range `ttl_seconds`/],
    ['addr: localhost, max_lifetime_seconds: -1', /^transport\/range `max_lifetime_seconds`/],
    ['addr: localhost, key_prefix: a', /^transport\/key-prefix `key_prefix`/],
    ['addr: 10.0.0.5', /^transport\/plaintext .*`tls`/],
    [`addr: "gw:${SECRET}@localhost:6379"`, /^transport\/credentials/],
    [`addr: localhost, password: ${SECRET}, password_source: {kind: env_var, name: SECRET}`, /`password_source`/],
    ['addr: localhost, password_source: {kind: file, path: nowhere}', /^transport\/credentials .*cannot be read/],
    ['addr: localhost, addres: localhost', /^config\/unknown-key/],
    ['addr: localhost, tls: {insecure_skip: true}', /^config\/unknown-key/],
    ['addr: localhost, db: one', /^config\/plugin-config .*`db`/],
  ];
  for (const [block, wanted] of refused) {
    test(`refused: ${block.replace(SECRET, '…')}`, async () => {
      const { ok, codes } = await check(block);
      assert.ok(!ok);
      assert.equal(codes.length, 1, codes.join('\n'));
      assert.match(codes[0] ?? '', wanted);
    });
  }

  test('an unverified certificate is warned of, and the bundle loads', async () => {
    const { ok, codes } = await check('addr: redis.example.com, tls: {insecure_skip_verify: true}');
    assert.ok(ok);
    assert.match(codes.join('\n'), /^transport\/insecure-skip-verify [^\n]*$/);
  });

  test('the block under `apl` is read, on a route it is warned of', async () => {
    const bad = 'global: {apl: {transport_sessions: {kind: redis, addr: 10.0.0.5}}}';
    const misplaced = 'routes: [{tool: t, transport_sessions: {kind: memory}}]';
    const codes = async (text: string): Promise<readonly string[]> =>
      (await loadBundle({ name: 'p.yaml', text })).diagnostics.map(({ code }) => code);
    assert.deepEqual(await codes(bad), ['transport/plaintext']);
    assert.ok((await codes(misplaced)).includes('config/global-only-key'));
  });
});

const run = promisify(execFile);
const program = (text: string): string => `
  import { createRequire } from 'node:module';
  import { createEngine, loadBundle } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
  const result = await loadBundle({ name: 'p.yaml', text: ${JSON.stringify(text)} });
  const engine = await createEngine(result.bundle);
  await result.bundle.transport.storage.health();
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  console.log(JSON.stringify(loaded.filter((path) => /iovalkey|cockatiel|redis-parser|denque/.test(path)).length));
  await engine.close();`;
const loaded = async (text: string): Promise<number> => {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program(text)]);
  return Number(stdout);
};

describe('the client is loaded only when a bundle selects it', () => {
  test('a bundle with sessions in process loads none of it', async () => {
    assert.equal(await loaded('routes: [{tool: t}]'), 0);
  });

  test('a bundle with Redis loads it, at the first use', async () => {
    assert.ok((await loaded(bundleOf('addr: "127.0.0.1:1", read_timeout_ms: 200'))) > 10);
  });
});

import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { DocumentCache, MAX_ENTRIES } from '../../src/config/document-cache.ts';
import { LocalReader } from '../../src/config/document-reader.ts';
import type { LoadOptions } from '../../src/config/load-options.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { loadBundle, type Alarm, type LoadResult } from '../../src/index.ts';

const SECRET = 'q7-literal-passphrase';
const POLICY = `global:
  hash_key: {kind: literal, secret: "${SECRET}\\x21"}
groups: {g: {response: {status: 403}}}
routes:
  - tool: pay
    response: {status: oops}
    pre_invocation: ["require(role.hr)", "data.names contains 'eve': deny"]
    args: {v: hash}
`;

const root = mkdtempSync(join(tmpdir(), 'indelible-cache-'));
after(() => rmSync(root, { recursive: true }));

let turn = 0;
let folder: string;
let cache: string;
let policy: string;
let raised: Alarm[];

beforeEach(() => {
  folder = join(root, String((turn += 1)));
  mkdirSync(folder);
  cache = join(folder, 'deep', 'cache');
  policy = join(folder, 'policy.yaml');
  writeFileSync(policy, POLICY);
  raised = [];
});

function load(options: LoadOptions = {}): Promise<LoadResult> {
  return loadBundle(policy, { cache, alarm: (alarm) => void raised.push(alarm), ...options });
}

/** Entries of the cache. */
function entries(): readonly string[] {
  return readdirSync(cache).map((name) => join(cache, name));
}

function onlyEntry(): string {
  const [entry, ...others] = entries();
  assert.ok(entry !== undefined && others.length === 0, `${others.length}`);
  return entry;
}

/** Whether the entry for the policy is believed. */
async function isBelieved(): Promise<boolean> {
  const documents = new DocumentCache(cache, (alarm) => void raised.push(alarm));
  const sources = [{ name: policy, text: readFileSync(policy, 'utf8') }];
  return (await documents.find(documents.entry(sources, 'bundle'), sources)) !== undefined;
}

async function assertSameAsWithout(): Promise<void> {
  const plain = await loadBundle(policy);
  const loaded = await load();
  assert.ok(plain.ok && loaded.ok);
  assert.deepEqual(loaded.diagnostics, plain.diagnostics);
  assert.equal(loaded.bundle.digest, plain.bundle.digest);
  assert.deepEqual(loaded.outline(), plain.outline());
}

describe('the cache of documents', () => {
  test('keeps what reading found, findings included, where nobody else can read it', async () => {
    await assertSameAsWithout();
    assert.equal(statSync(cache).mode & 0o777, 0o700);
    assert.equal(statSync(onlyEntry()).mode & 0o777, 0o600);
    assert.ok(await isBelieved());
    const written = statSync(onlyEntry());
    await assertSameAsWithout();
    assert.deepEqual(statSync(onlyEntry()).ino, written.ino);
    assert.deepEqual(raised, []);
  });

  test('is told apart by name, text and purpose', () => {
    const documents = new DocumentCache(cache, () => undefined);
    const names = [
      documents.entry([{ name: 'a', text: 'b' }], 'bundle'),
      documents.entry([{ name: 'a', text: 'b' }], 'attributes'),
      documents.entry([{ name: 'a', text: 'c' }], 'bundle'),
      documents.entry([{ name: 'c', text: 'b' }], 'bundle'),
      documents.entry(
        [
          { name: 'a', text: '' },
          { name: 'b', text: '' },
        ],
        'bundle',
      ),
    ].map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });

  test('holds no text of the policy, no secret and nothing of the environment', async () => {
    const value = 'q7-environment-value';
    const environment = { KEY: value };
    writeFileSync(
      policy,
      `global: {hash_key: {kind: env_var, name: KEY}}\nroutes: [{tool: pay, args: {v: hash}, response: "${SECRET}"}]`,
    );
    assert.ok((await load({ environment })).ok);
    writeFileSync(policy, POLICY);
    assert.ok((await load({ environment })).ok);
    assert.equal(entries().length, 2);
    for (const entry of entries()) {
      const bytes = readFileSync(entry);
      for (const text of [SECRET, `${SECRET}!`, value, 'role.hr', 'pay']) {
        assert.equal(bytes.indexOf(text), -1, text);
        assert.equal(bytes.indexOf(Buffer.from(text, 'utf16le')), -1, text);
      }
    }
  });

  test('leaves secrets to be read at each load', async () => {
    writeFileSync(policy, 'global: {hash_key: {kind: env_var, name: KEY}}\nroutes: [{tool: pay, args: {v: hash}}]');
    assert.ok((await load({ environment: { KEY: 'one' } })).ok);
    const loaded = await load({ environment: {} });
    assert.ok(await isBelieved());
    assert.deepEqual(
      loaded.diagnostics.map(({ code }) => code),
      ['config/secret'],
    );
  });

  test('keeps attribute files too, by their own text', async () => {
    const data = join(folder, 'names.yaml');
    writeFileSync(policy, 'global: {attribute_files: [names.yaml]}\nroutes: [{tool: pay}]');
    writeFileSync(data, 'data: {names: [bob]}');
    await assertSameAsWithout();
    await assertSameAsWithout();
    assert.equal(entries().length, 2);
    writeFileSync(data, 'data: {names: [eve]}');
    await assertSameAsWithout();
    assert.equal(entries().length, 3);
    writeFileSync(data, 'datum: {names: [eve]}');
    assert.equal((await load()).ok, false);
    assert.equal(entries().length, 3);
  });

  test('keeps nothing of a bundle with errors, of whatever kind', async () => {
    for (const text of ['routes: [', 'roots: []', 'routes: [{tool: a, pre_invocation: ["plugin(gone)"]}]']) {
      writeFileSync(policy, text);
      assert.equal((await load()).ok, false);
    }
    assert.throws(() => readdirSync(cache), { code: 'ENOENT' });
  });

  for (const [what, damage] of [
    ['an entry cut short', (entry) => truncateSync(entry, statSync(entry).size - 1)],
    ['an empty entry', (entry) => truncateSync(entry, 0)],
    ['an entry with a changed byte', (entry) => flip(entry, 60)],
    ['an entry with a changed nonce', (entry) => flip(entry, 20)],
    ['an entry that others may write', (entry) => chmodSync(entry, 0o620)],
    ['a folder that others may write', () => chmodSync(cache, 0o702)],
    [
      'a link',
      (entry) => {
        linkSync(entry, join(folder, 'elsewhere'));
        rmSync(entry);
        symlinkSync(join(folder, 'elsewhere'), entry);
      },
    ],
    [
      'a folder in its place',
      (entry) => {
        rmSync(entry);
        mkdirSync(entry);
      },
    ],
  ] as readonly (readonly [string, (entry: string) => void])[]) {
    test(`does not believe ${what}, and says so`, async () => {
      await load();
      damage(onlyEntry());
      await assertSameAsWithout();
      assert.deepEqual([...new Set(raised.map(({ alarm }) => alarm))], ['bundle_cache_unusable']);
    });
  }

  test('writes a damaged entry anew', async () => {
    await load();
    flip(onlyEntry(), 100);
    assert.equal(await isBelieved(), false);
    await load();
    assert.ok(await isBelieved());
  });

  test('takes no entry for another', async () => {
    await load();
    const first = onlyEntry();
    writeFileSync(policy, `${POLICY}  - tool: ship\n`);
    await load();
    const second = entries().find((entry) => entry !== first);
    assert.ok(second);
    writeFileSync(second, readFileSync(first));
    assert.equal(await isBelieved(), false);
    await assertSameAsWithout();
  });

  test('does without a folder that cannot be made', async () => {
    cache = join(policy, 'cache');
    await assertSameAsWithout();
    assert.ok(raised.length > 0 && raised.every(({ alarm }) => alarm === 'bundle_cache_unusable'));
  });

  test('keeps a bounded number of entries, the latest, and removes what writers left behind', async () => {
    mkdirSync(cache, { recursive: true, mode: 0o700 });
    const file = (name: string, hoursAgo: number): string => {
      const path = join(cache, name);
      writeFileSync(path, '');
      utimesSync(path, Date.now() / 1000 - hoursAgo * 3600, Date.now() / 1000 - hoursAgo * 3600);
      return name;
    };
    const hex = (index: number): string => index.toString(16).padStart(64, '0');
    const oldest = file(`${hex(0)}.cache`, 900);
    for (let index = 1; index < MAX_ENTRIES; index += 1) file(`${hex(index)}.cache`, 100 + index);
    const uuid = '00000000-0000-4000-8000-000000000000';
    const abandoned = file(`${hex(1)}.${uuid}.tmp`, 2);
    const current = file(`${hex(2)}.${uuid}.tmp`, 0);
    const foreign = file('notes.txt', 900);
    await load();
    const left = readdirSync(cache);
    assert.equal(left.filter((name) => name.endsWith('.cache')).length, MAX_ENTRIES);
    assert.deepEqual(
      [oldest, abandoned, current, foreign].map((name) => left.includes(name)),
      [false, false, true, true],
    );
  });

  test('a reader without one keeps nothing', async () => {
    const reader = new LocalReader(undefined);
    assert.ok(await reader.read(policy, 'bundle', new Report()));
    await reader.keep();
    assert.throws(() => readdirSync(cache), { code: 'ENOENT' });
  });
});

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';

/** Rooms of `src`, each above those that may import it. */
const ROOMS = [
  'text',
  'diagnostics',
  'language',
  'valkey',
  'session',
  'transport',
  'engine',
  'plugins',
  'pdp',
  'config',
];
const HOSTS = ['gateway', 'adapters', 'cli'];
const ORDER = [...ROOMS, ...HOSTS];

/** Folders of the gateway, each above those that may import it; the files beside them may import all. */
const GATEWAY = ['json', 'protocol', 'http', 'telemetry', 'options', 'upstream', 'sessions', 'handlers'];

/** Packages that one place alone may know. */
const SOLE_USERS: Readonly<Record<string, RegExp>> = {
  yaml: /^config\/(?:load|plain-document)\.ts$/,
  ajv: /^config\/compiled-schema\.ts$/,
  iovalkey: /^valkey\//,
  commander: /^cli\//,
  fastify: /^adapters\/fastify\.ts$/,
};

const root = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'));

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(root, from), 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm,
  );
  return [...found].map(([, type, fixed, lazy]) => ({ from, to: fixed ?? lazy ?? '', typeOnly: type !== undefined }));
});

const local = imports
  .filter(({ to }) => to.startsWith('.'))
  .map((each) => ({ ...each, to: relative(root, join(root, dirname(each.from), each.to)).replaceAll('\\', '/') }));

function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

describe('the architecture', () => {
  it('has no rooms besides those of the table', () => {
    const unknown = new Set(files.map(roomOf).filter((room) => room !== '' && !ORDER.includes(room)));
    assert.deepEqual([...unknown], []);
  });

  it('imports go upward in the table of rooms', () => {
    const downward = local.filter(({ from, to }) => {
      const room = roomOf(from);
      return room !== '' && roomOf(to) !== '' && ORDER.indexOf(roomOf(to)) > ORDER.indexOf(room);
    });
    assert.deepEqual(downward, []);
  });

  it('imports go upward among the folders of the gateway', () => {
    const folderOf = (file: string): number => {
      const [room, folder, below] = file.split('/');
      if (room !== 'gateway') return -1;
      return below === undefined ? GATEWAY.length : GATEWAY.indexOf(folder ?? '');
    };
    const unknown = files.filter((file) => roomOf(file) === 'gateway' && folderOf(file) === -1);
    assert.deepEqual(unknown, []);
    const downward = local.filter(
      ({ from, to }) => roomOf(from) === 'gateway' && roomOf(to) === 'gateway' && folderOf(to) > folderOf(from),
    );
    assert.deepEqual(downward, []);
  });

  it('plugins and decision points know nothing of each other, and the engine nothing of its hosts', () => {
    const wrong = local.filter(
      ({ from, to }) =>
        (roomOf(from) === 'plugins' && roomOf(to) === 'pdp') ||
        (roomOf(from) === 'session' && roomOf(to) === 'transport'),
    );
    assert.deepEqual(wrong, []);
  });

  it('every import names a file that exists', () => {
    assert.deepEqual(
      local.filter(({ to }) => !files.includes(to) && !to.startsWith('..')),
      [],
    );
  });

  it('has no cycles', () => {
    const next = new Map<string, readonly string[]>();
    for (const file of files)
      next.set(
        file,
        local.filter(({ from, typeOnly }) => from === file && !typeOnly).map(({ to }) => to),
      );
    const done = new Set<string>();
    const walk = (file: string, path: readonly string[]): void => {
      assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`);
      if (done.has(file)) return;
      for (const to of next.get(file) ?? []) walk(to, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
  });

  it('packages are known where they are meant to be', () => {
    const wrong = imports.filter(({ from, to }) => {
      const name = Object.keys(SOLE_USERS).find((known) => to === known || to.startsWith(`${known}/`));
      return name !== undefined && SOLE_USERS[name]?.test(from) === false;
    });
    assert.deepEqual(wrong, []);
  });

  it('optional packages are known by their types alone', () => {
    const wrong = imports.filter(
      ({ to, typeOnly }) => !typeOnly && /^(?:fastify|express|@modelcontextprotocol\/\w+)$/.test(to),
    );
    assert.deepEqual(wrong, []);
  });

  it('the public face exports by name', () => {
    const text = readFileSync(join(root, 'index.ts'), 'utf8');
    assert.doesNotMatch(text, /export\s+(?:\*|default)/);
    const statements = text.split(/;\s*\n/).filter((statement) => statement.trim() !== '');
    for (const statement of statements) assert.match(statement, /^\s*export (?:type )?\{[^}]+\} from '\.\//, statement);
  });

  it('nothing has a default export or writes to the console', () => {
    for (const file of files) {
      const text = readFileSync(join(root, file), 'utf8');
      assert.doesNotMatch(text, /^export default/m, file);
      assert.doesNotMatch(text, /\bconsole\./, file);
    }
  });
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MAX_SIZE } from '../../src/config/document-limits.ts';
import { readSources } from '../../src/config/read-source.ts';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { positionAt, type Source } from '../../src/text/source.ts';

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'indelible-read-source-'));
});

after(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function read(path: string): Promise<{ sources: readonly Source[] | undefined; found: readonly Diagnostic[] }> {
  const report = new Report();
  const sources = await readSources(path, report);
  assert.equal(sources === undefined, report.hasErrors);
  return { sources, found: report.diagnostics };
}

describe('readSources', () => {
  it('reads one file of any name', async () => {
    const path = await write('one.policy', 'routes: []\n');
    assert.deepEqual((await read(path)).sources, [{ name: path, text: 'routes: []\n' }]);
  });

  it('leaves out a UTF-8 byte order mark', async () => {
    const path = await write('mark.yaml', '\ufeffa: 1');
    assert.deepEqual((await read(path)).sources, [{ name: path, text: 'a: 1' }]);
  });

  it('reads the YAML files of a folder in name order', async () => {
    for (const name of ['b.yml', 'B.yaml', 'a.yaml', '10.yaml', '9.yaml', '.hidden.yaml', 'notes.md', 'sub/c.yaml']) {
      await write(`bundle/${name}`, `# ${name}\n`);
    }
    const { sources } = await read(join(folder, 'bundle'));
    assert.deepEqual(
      sources?.map(({ name }) => name.slice(folder.length)),
      ['/bundle/10.yaml', '/bundle/9.yaml', '/bundle/B.yaml', '/bundle/a.yaml', '/bundle/b.yml'],
    );
  });

  it('reports a folder without YAML files', async () => {
    await write('empty/readme.txt', '');
    const { found } = await read(join(folder, 'empty'));
    assert.deepEqual(
      found.map(({ code }) => code),
      ['config/no-files'],
    );
  });

  it('reports a path that does not exist', async () => {
    const path = join(folder, 'missing.yaml');
    const { found } = await read(path);
    assert.deepEqual(
      found.map(({ code, message }) => [code, message]),
      [['config/unreadable', `\`${path}\` cannot be read: it does not exist`]],
    );
  });

  it('reports every unreadable file of a folder', async () => {
    await mkdir(join(folder, 'odd/a.yaml'), { recursive: true });
    await write('odd/b.yaml', Uint8Array.of(0x61, 0xff));
    await write('odd/c.yaml', 'c: 1');
    const { found } = await read(join(folder, 'odd'));
    assert.deepEqual(
      found.map(({ code }) => code),
      ['config/unreadable', 'config/encoding'],
    );
  });

  const wrongBytes: readonly { name: string; before: string; bytes: readonly number[]; after: string }[] = [
    { name: 'a Latin-1 letter', before: 'a: 1\nb: caf', bytes: [0xe9], after: '\n' },
    { name: 'a sequence that is cut short', before: 'a: "\ufffd😀', bytes: [0xe2, 0x82], after: '"\n' },
    { name: 'a sequence that begins like U+FFFD', before: 'a: é', bytes: [0xef, 0xbf], after: 'b' },
    { name: 'an encoded surrogate', before: '\ufeffa: ', bytes: [0xed, 0xa0, 0x80], after: '' },
    { name: 'the end of the file within a sequence', before: 'a: ', bytes: [0xf0, 0x9f], after: '' },
  ];
  for (const { name, before: head, bytes, after: tail } of wrongBytes) {
    it(`points at the first byte that is not UTF-8: ${name}`, async () => {
      const content = Buffer.concat([Buffer.from(head), Uint8Array.from(bytes), Buffer.from(tail)]);
      const { found } = await read(await write('wrong.yaml', content));
      const [first] = found;
      assert.equal(first?.code, 'config/encoding');
      assert.ok(first);
      const lines = head.split('\n');
      const expected = { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
      assert.deepEqual(positionAt(first.span.source, first.span.start), expected);
      assert.match(first.message, new RegExp(`offset ${Buffer.byteLength(head)} `));
    });
  }

  it('names UTF-16 as such', async () => {
    const { found } = await read(await write('wide.yaml', Buffer.from('\ufeffa: 1', 'utf16le')));
    assert.match(found[0]?.message ?? '', /UTF-16/);
  });

  it('accepts the size limit and no byte more, over all files together', async () => {
    await write('large/a.yaml', `# ${'x'.repeat(MAX_SIZE - 12)}`);
    const path = await write('large/b.yaml', '# 34567890');
    assert.deepEqual((await read(join(folder, 'large'))).found, []);
    await writeFile(path, '# 345678901');
    assert.deepEqual(
      (await read(join(folder, 'large'))).found.map(({ code }) => code),
      ['config/too-large'],
    );
  });

  it('stops reading an endless file', async () => {
    const { found } = await read('/dev/zero');
    assert.deepEqual(
      found.map(({ code }) => code),
      ['config/too-large'],
    );
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { appendFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { loadBundle, type Operation } from '../../src/index.ts';
import { linkOf, linkRecord, verifyChain, CHAIN_START } from '../../src/plugins/audit-logger/hash-chain.ts';
import { loadedEngine, type LoadedEngine } from '../support/loaded-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-audit-file-'));
after(() => rmSync(folder, { recursive: true }));

const pay = (id: string): Operation => ({ entity: { type: 'tool', name: 'pay' }, id });

function bundle(config: string, source = 'gateway'): string {
  return `plugins: [{name: log, kind: audit/logger, hooks: [cmf.tool_pre_invoke], config: {destination: file, source: ${source}, ${config}}}]
routes: [{tool: pay}]
`;
}

async function start(config: string): Promise<LoadedEngine> {
  return loadedEngine(bundle(config), { baseDirectory: folder });
}

/** Decides so many operations, in several turns, and ends. */
async function run(config: string, from: number, count: number): Promise<LoadedEngine> {
  const loaded = await start(config);
  for (let id = from; id < from + count; id += 1) {
    await loaded.engine.pre(pay(String(id)));
    if (id % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await loaded.engine.close();
  return loaded;
}

function linesOf(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    assert.ok(text.endsWith('\n'), name);
    return text.split('\n').slice(0, -1);
  });
}

const idOf = (line: string): number => Number((JSON.parse(line) as { operation_id: string }).operation_id);
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const aside = (name: string): readonly string[] =>
  readdirSync(folder)
    .filter((file) => file.startsWith(`${name}.`))
    .toSorted();

describe('the file of audit/logger', () => {
  it('keeps records in order, appends to what is there, and is not for everybody', async () => {
    writeFileSync(join(folder, 'order.ndjson'), '{"operation_id":"-1"}\n');
    await run('path: order.ndjson', 0, 500);
    assert.deepEqual(linesOf('order.ndjson').map(idOf), [-1, ...upTo(500)]);
    await run('path: fresh.ndjson', 0, 1);
    assert.equal(statSync(join(folder, 'fresh.ndjson')).mode & 0o007, 0);
  });

  it('is put aside when it is full, and nothing is lost', async () => {
    await run('path: full.ndjson, max_bytes: 2048, hash_chain: true', 0, 100);
    await run('path: full.ndjson, max_bytes: 2048, hash_chain: true', 100, 100);
    const names = aside('full.ndjson');
    assert.ok(names.length > 10);
    assert.equal(names[0], 'full.ndjson.000001');
    for (const name of [...names, 'full.ndjson']) assert.ok(statSync(join(folder, name)).size <= 2048, name);
    const lines = linesOf(...names, 'full.ndjson');
    assert.deepEqual(lines.map(idOf), upTo(200));
    const report = await verifyChain(lines);
    assert.deepEqual([report.findings, report.records, report.after], [[], 200, CHAIN_START]);
  });

  it('leaves only the newest that were put aside, when told how many', async () => {
    await run('path: few.ndjson, max_bytes: 1024, max_files: 2', 0, 60);
    const names = aside('few.ndjson');
    assert.equal(names.length, 2);
    const ids = linesOf(...names, 'few.ndjson').map(idOf);
    assert.deepEqual(ids, upTo(60).slice(-ids.length));
  });

  it('is followed when it was moved away, on reload, without a break in the chain', async () => {
    const config = 'path: moved.ndjson, hash_chain: true';
    const { engine } = await start(config);
    await engine.pre(pay('0'));
    const next = await loadBundle({ name: 'policy.yaml', text: bundle(config, 'next') }, { baseDirectory: folder });
    assert.ok(next.ok);
    // The first record is on its way; the writer may already have written it to the file that is moved.
    while (!existsSync(join(folder, 'moved.ndjson')) || statSync(join(folder, 'moved.ndjson')).size === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    renameSync(join(folder, 'moved.ndjson'), join(folder, 'moved.old'));
    await engine.reload(next.bundle);
    await engine.pre(pay('1'));
    await engine.close();
    assert.deepEqual(linesOf('moved.old').map(idOf), [0]);
    assert.deepEqual(linesOf('moved.ndjson').map(idOf), [1]);
    assert.deepEqual((await verifyChain(linesOf('moved.old', 'moved.ndjson'))).findings, []);
  });

  it('is shared by the loggers of a bundle', async () => {
    const text = `plugins:
  - {name: a, kind: audit/logger, hooks: [cmf.tool_pre_invoke], config: {destination: file, path: shared.ndjson, hash_chain: true}}
  - {name: b, kind: audit/logger, hooks: [cmf.tool_pre_invoke], config: {destination: file, path: ./shared.ndjson, hash_chain: true}}
routes: [{tool: pay}]
`;
    const { engine } = await loadedEngine(text, { baseDirectory: folder });
    for (let id = 0; id < 50; id += 1) await engine.pre(pay(String(id)));
    await engine.close();
    const lines = linesOf('shared.ndjson');
    assert.equal(lines.length, 100);
    assert.deepEqual((await verifyChain(lines)).findings, []);
  });

  it('is mended when a crash tore its last line', async () => {
    await run('path: torn.ndjson, hash_chain: true', 0, 2);
    appendFileSync(join(folder, 'torn.ndjson'), '{"ts":"2025');
    await run('path: torn.ndjson, hash_chain: true', 2, 1);
    const lines = linesOf('torn.ndjson');
    assert.equal(lines.length, 4);
    assert.equal(idOf(lines[3] ?? ''), 2);
    assert.deepEqual((await verifyChain(lines)).findings, [{ line: 3, problem: 'record is not linked' }]);
  });

  it('that cannot be written to is alarmed, and decisions go on', async () => {
    const { engine, alarms } = await start('path: /dev/full');
    for (let id = 0; id < 5; id += 1) assert.equal((await engine.pre(pay(String(id)))).decision, 'allow');
    await engine.close();
    const failures = alarms.map(({ alarm, plugin, failure, lost }) => [alarm, plugin, failure, lost]);
    assert.deepEqual(failures, [
      ['audit_write_failed', 'log', 'ENOSPC', 0],
      ['audit_write_failed', 'log', 'closed', 5],
    ]);
  });
});

describe('a destination of audit/logger that does not keep up', () => {
  const MEBIBYTE = 'x'.repeat(1024 * 1024);
  const large = (id: number): Operation => ({ ...pay(String(id)), args: { text: MEBIBYTE } });

  it('loses records beyond a bound, and the next record and an alarm say how many', async () => {
    const path = join(folder, 'fifo');
    execFileSync('/usr/bin/mkfifo', [path]);
    const { engine, alarms } = await start('path: fifo, hash_chain: true, mask_arguments: false');
    for (let id = 0; id < 20; id += 1) assert.equal((await engine.pre(large(id))).decision, 'allow');
    const overflow = { alarm: 'audit_write_failed', plugin: 'log', failure: 'overflow' };
    assert.deepEqual(alarms, [{ ...overflow, lost: 1 }]);

    const lines: string[] = [];
    const input = createReadStream(path);
    for await (const line of createInterface({ input })) {
      lines.push(line);
      if (lines.length === 15) await engine.pre(pay('20'));
      if (lines.length === 16) break;
    }
    input.destroy();
    await engine.close();
    assert.deepEqual(lines.map(idOf), [...upTo(15), 20]);
    assert.equal((JSON.parse(lines[15] ?? '') as { lost_before: number }).lost_before, 5);
    assert.deepEqual((await verifyChain(lines)).findings, []);
    assert.deepEqual(alarms.slice(1), [{ ...overflow, lost: 5 }]);
  });
});

describe('the chain of hashes', () => {
  const chain = (count: number): string[] => {
    let link = CHAIN_START;
    return upTo(count).map((id) => {
      const linked = linkRecord(JSON.stringify({ id, text: `","seq":7,"hash":"${id}` }), link);
      ({ link } = linked);
      return linked.text;
    });
  };

  it('is found whole, read line by line from a file', async () => {
    await run('path: chain.ndjson, hash_chain: true', 0, 20);
    const input = createReadStream(join(folder, 'chain.ndjson'));
    const report = await verifyChain(createInterface({ input }));
    assert.deepEqual(report.findings, []);
    assert.equal(report.last?.seq, 20);
    assert.deepEqual(report.last, linkOf(linesOf('chain.ndjson').at(-1) ?? ''));
  });

  it('shows every record that was changed, removed, added or moved', async () => {
    const lines = chain(12);
    const index = fc.nat({ max: 10 });
    const change = fc.oneof(
      fc.record({ kind: fc.constant('change'), at: index, character: fc.nat() }),
      fc.record({ kind: fc.constant('remove'), at: fc.integer({ min: 1, max: 10 }), character: fc.constant(0) }),
      fc.record({ kind: fc.constant('repeat'), at: index, character: fc.constant(0) }),
      fc.record({ kind: fc.constant('swap'), at: index, character: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(change, async ({ kind, at, character }) => {
        const copy = [...lines];
        const line = copy[at] ?? '';
        const place = character % line.length;
        if (kind === 'change') copy[at] = `${line.slice(0, place)}~${line.slice(place + 1)}`;
        if (kind === 'remove') copy.splice(at, 1);
        if (kind === 'repeat') copy.splice(at, 0, line);
        if (kind === 'swap') copy.splice(at, 2, copy[at + 1] ?? '', line);
        assert.notDeepEqual((await verifyChain(copy)).findings, []);
      }),
    );
  });

  it('tells where it begins and ends when records were taken off either', async () => {
    const lines = chain(5);
    const report = await verifyChain(lines.slice(2, 4));
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.after, linkOf(lines[1] ?? ''));
    assert.deepEqual(report.last, linkOf(lines[3] ?? ''));
  });
});

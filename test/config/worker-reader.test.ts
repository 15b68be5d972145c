import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { LocalReader, type BundleSource, type DocumentReader } from '../../src/config/document-reader.ts';
import type { Purpose } from '../../src/config/document-set.ts';
import { WorkerReader, type WorkerReaderOptions } from '../../src/config/worker-reader.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { createEngine, definePlugin, loadBundle, type Alarm } from '../../src/index.ts';
import { describeNode, documentFiles } from '../support/document-files.ts';
import { alarms, call } from '../support/engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-worker-'));
after(() => rmSync(folder, { recursive: true }));

const policy = join(folder, 'policy.yaml');
writeFileSync(policy, 'routes: [{tool: pay, pre_invocation: ["require(role.hr)"]}]');

function readerOf(options: Partial<WorkerReaderOptions> = {}): WorkerReader {
  return new WorkerReader({ cache: undefined, alarm: () => undefined, ...options });
}

/** A reader whose thread runs `program` instead. */
function readerRunning(program: string, options: Partial<WorkerReaderOptions> = {}): WorkerReader {
  const path = join(mkdtempSync(join(folder, 'program-')), 'program.mjs');
  writeFileSync(path, program);
  return readerOf({ entry: pathToFileURL(path), ...options });
}

/** All that reading gives. */
async function told(reader: DocumentReader, source: BundleSource, purpose: Purpose): Promise<unknown> {
  const report = new Report();
  const set = await reader.read(source, purpose, report);
  const { diagnostics, dropped, hasErrors } = report;
  const documents = set?.documents.map(describeNode);
  return { diagnostics, dropped, hasErrors, sources: set?.sources, documents, root: describeNode(set?.root) };
}

describe('a thread that reads bundles', () => {
  test('finds what the main thread finds', async () => {
    const local = new LocalReader(undefined);
    const worker = readerOf();
    const several = [
      { name: 'a.yaml', text: 'routes: [{tool: a}]\nglobal: {}' },
      { name: 'b.yaml', text: 'routes: [{tool: b}]\nglobal: {unmatched: allow}' },
    ];
    const sources: readonly BundleSource[] = [
      ...documentFiles(join(folder, 'documents')),
      folder,
      'nowhere.yaml',
      several,
    ];
    for (const source of sources) {
      for (const purpose of ['bundle', 'attributes'] as const) {
        assert.deepEqual(
          await told(worker, source, purpose),
          await told(local, source, purpose),
          JSON.stringify(source),
        );
      }
    }
    await worker.close();
  });

  test('keeps what turns out well, and raises what the cache raises', async () => {
    const cache = join(folder, 'cache');
    const { raised, alarm } = alarms();
    for (const expected of [1, 1]) {
      const loaded = await loadBundle(policy, { worker: true, cache, alarm });
      assert.ok(loaded.ok);
      assert.equal(readdirSync(cache).length, expected);
    }
    assert.deepEqual(raised, []);
    const unusable = await loadBundle(policy, { worker: true, cache: join(policy, 'cache'), alarm });
    assert.ok(unusable.ok);
    assert.ok(raised.length > 0 && raised.every((each: Alarm) => each.alarm === 'bundle_cache_unusable'));
  });

  test('leaves kinds of the host to the main thread', async () => {
    const plugin = definePlugin({
      kind: 'own',
      configSchema: { type: 'object', additionalProperties: false, properties: { limit: { type: 'integer' } } },
      hooks: ['cmf.tool_pre_invoke'],
      create: () => ({ invoke: () => ({ outcome: 'deny', violation: { code: 'own.no', reason: 'no', details: {} } }) }),
    });
    const text = (limit: string): string =>
      `plugins: [{name: p, kind: own, config: {limit: ${limit}}}]\nroutes: [{tool: pay, pre_invocation: ["plugin(p)"]}]`;
    const load = (limit: string, worker: boolean): ReturnType<typeof loadBundle> =>
      loadBundle({ name: 'own.yaml', text: text(limit) }, { plugins: [plugin], worker });
    assert.deepEqual((await load('many', true)).diagnostics, (await load('many', false)).diagnostics);
    const loaded = await load('1', true);
    assert.ok(loaded.ok);
    const engine = await createEngine(loaded.bundle);
    assert.equal((await engine.pre(call('pay'))).violation?.code, 'own.no');
    await engine.close();
  });

  test('rejects when the thread throws, ends or says nothing', async () => {
    const listen = "import { parentPort } from 'node:worker_threads';\nparentPort.on('message', () => {";
    for (const [program, reason] of [
      ["throw new TypeError('at once')", /at once/],
      [`${listen} throw new TypeError('when asked'); });`, /when asked/],
      [`${listen} process.exit(3); });`, /ended with 3/],
      [`${listen} });`, /has not answered for 50 ms/],
      [`${listen} parentPort.postMessage({ kind: 'kept' }); });`, /answered `kept`/],
    ] as const) {
      const reader = readerRunning(program, program.endsWith('=> { });') ? { patience: 50 } : {});
      await assert.rejects(reader.read(policy, 'bundle', new Report()), reason);
      await reader.close();
    }
  });

  test('rejects every question after that', async () => {
    const reader = readerRunning("throw new TypeError('at once')");
    await assert.rejects(reader.read(policy, 'bundle', new Report()), /at once/);
    await assert.rejects(reader.keep(), /at once/);
    await reader.close();
  });

  test('ends when it is told to', async () => {
    const ending = new AbortController();
    const loading = loadBundle(policy, { worker: true, signal: ending.signal });
    ending.abort(new Error('enough'));
    await assert.rejects(loading, /enough/);
    await assert.rejects(loadBundle(policy, { worker: true, signal: ending.signal }), /enough/);
  });
});

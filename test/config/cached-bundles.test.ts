import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { renderText, type LoadOptions, type LoadResult } from '../../src/index.ts';
import { loadBundle } from '../../src/config/load-bundle.ts';
import { ROUTED_ENTITY_TYPES } from '../../src/config/walk.ts';
import { answersTo, readVectors, writeVector, type Vector } from '../support/conformance.ts';
import { documentFiles } from '../support/document-files.ts';

const root = mkdtempSync(join(tmpdir(), 'indelible-cached-'));
after(() => rmSync(root, { recursive: true }));

/** Loads what is read now, then what was kept of it, and asserts that both are as without a cache. */
async function loadThreeTimes(path: string): Promise<readonly LoadResult[]> {
  const cache = mkdtempSync(join(root, 'cache-'));
  const load = (options: LoadOptions): Promise<LoadResult> => loadBundle(path, { environment: {}, ...options });
  const alarm: NonNullable<LoadOptions['alarm']> = ({ alarm: name }) => {
    assert.notEqual(name, 'bundle_cache_unusable');
  };
  const plain = await load({});
  const loads = [plain, await load({ cache, alarm }), await load({ cache, alarm })];
  assert.equal(readdirSync(cache).length > 0, plain.ok);
  for (const loaded of loads) assert.deepEqual(toldOf(loaded), toldOf(plain));
  return loads;
}

/** All that a result tells of the bundle. */
function toldOf(loaded: LoadResult): unknown {
  const { ok, diagnostics, dropped } = loaded;
  const told = { ok, dropped, diagnostics, text: renderText(diagnostics, { color: false }) };
  if (!loaded.ok) return told;
  const unmatched = ROUTED_ENTITY_TYPES.map((type) => loaded.outlineUnmatched(type));
  return { ...told, digest: loaded.bundle.digest, summary: loaded.summary, outline: loaded.outline(), unmatched };
}

describe('a bundle from the cache', () => {
  for (const path of documentFiles(join(root, 'documents'))) {
    test(`is told of as without: ${path.split('/').slice(-2).join('/')}`, async () => {
      for (const loaded of await loadThreeTimes(path)) if (loaded.ok) await close(loaded);
    });
  }

  test('decides as without, in every conformance vector', async () => {
    let decided = 0;
    for (const vector of [...(await readVectors()).values()].flat()) decided += await compareDecisions(vector);
    assert.ok(decided > 300, `${decided}`);
  });
});

/** The number of decisions that were compared. */
async function compareDecisions(vector: Vector): Promise<number> {
  if (vector.kind === 'note') return 0;
  const [plain, ...others] = await loadThreeTimes(await writeVector(vector, mkdtempSync(join(root, 'vector-'))));
  if (plain?.ok !== true) return 0;
  const answers = await answersTo(vector, plain.bundle);
  for (const other of others) {
    assert.ok(other.ok);
    assert.deepEqual(await answersTo(vector, other.bundle), answers, vector.id);
  }
  return answers.length;
}

async function close({ bundle }: LoadResult & { readonly ok: true }): Promise<void> {
  await bundle.close();
  await bundle.sessions.store.close();
  await bundle.transport.storage.close();
}

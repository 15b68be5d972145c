import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mismatchesOf, readVectors } from './support/conformance.ts';

for (const [file, vectors] of await readVectors()) {
  describe(file, () => {
    for (const vector of vectors) {
      if (vector.kind === 'note') continue;
      it(`${vector.id}: ${vector.why}`, async () => {
        assert.deepEqual(await mismatchesOf(vector), []);
      });
    }
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mismatchesOf, readVectors } from './support/conformance.ts';

/**
 * Vectors that need a kind the package does not have yet. They must fail: when the kind comes, its line goes.
 */
const KNOWN_GAPS: readonly { readonly reason: string; readonly ids: string }[] = [
  {
    reason: 'no decision point of kind `cedar-direct`',
    ids: 'ced-001 ced-003 ced-009 ced-011 ced-012 ced-014 ced-015 ced-020 ced-021 ced-022 ced-025 ced-026 ced-028 rej-065 rej-209',
  },
  {
    reason: 'no decision point of kind `cel`',
    ids: 'cel-001 cel-005 cel-006 cel-007 cel-009 cel-010 cel-014 cel-020 cel-021 cel-030 cel-032 cel-034 cel-035 rej-207',
  },
];

const reasons = new Map(KNOWN_GAPS.flatMap(({ reason, ids }) => ids.split(' ').map((id) => [id, reason] as const)));

for (const [file, vectors] of await readVectors()) {
  describe(file, () => {
    for (const vector of vectors) {
      if (vector.kind === 'note') continue;
      const reason = reasons.get(vector.id);
      it(`${vector.id}: ${vector.why}${reason === undefined ? '' : ` (must fail: ${reason})`}`, async () => {
        const mismatches = await mismatchesOf(vector);
        if (reason === undefined) assert.deepEqual(mismatches, []);
        else assert.notDeepEqual(mismatches, [], 'the gap is closed: take the vector off the list');
      });
    }
  });
}

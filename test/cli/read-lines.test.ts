import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { readLines, type Line } from '../../src/cli/read-lines.ts';
import { MAX_REQUEST_LENGTH } from '../../src/cli/read-request.ts';

async function linesOf(chunks: readonly Uint8Array[]): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(Readable.from(chunks))) lines.push(line);
  return lines;
}

void describe('lines of a stream', () => {
  void test('are the same however the stream is cut', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\n', 'é', '😀', '\r', ' ') });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(20)), async (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const at = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].toSorted((a, b) => a - b);
        const chunks = [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
        const expected = whole.split('\n');
        if (expected.at(-1) === '') expected.pop();
        const lines = await linesOf(chunks.filter((chunk) => chunk.length > 0));
        assert.deepEqual(
          lines,
          expected.map((line, index) => ({ number: index + 1, text: line })),
        );
      }),
    );
  });

  void test('a line that is too long or not UTF-8 does not spoil the others', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    const chunks = [
      Buffer.from('first\n'),
      ...Array.from({ length: 1 + MAX_REQUEST_LENGTH / megabyte.length }, () => megabyte),
      Buffer.from('\nthird\n'),
      Buffer.from([0x61, 0xff, 0x0a]),
      Buffer.from('fifth'),
    ];
    assert.deepEqual(await linesOf(chunks), [
      { number: 1, text: 'first' },
      { number: 2, problem: `the line is longer than ${MAX_REQUEST_LENGTH} bytes` },
      { number: 3, text: 'third' },
      { number: 4, problem: 'the line is not UTF-8' },
      { number: 5, text: 'fifth' },
    ]);
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { STARTER_REQUESTS } from '../../src/cli/starter.ts';
import { runCli } from '../support/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-init-'));
after(() => rmSync(folder, { recursive: true }));

void describe('init', () => {
  void test('writes a bundle that passes check --strict and decides its requests as they say', async () => {
    const site = join(folder, 'a', 'b');
    const written = await runCli(['init', site]);
    assert.equal(written.stderr, '');
    assert.equal(written.exitCode, 0);
    assert.deepEqual(readdirSync(site).toSorted(), ['bundle.schema.json', 'policy.yaml', 'requests.ndjson']);

    const policy = join(site, 'policy.yaml');
    const checked = await runCli(['check', '--strict', policy]);
    assert.equal(checked.exitCode, 0, checked.stdout);

    const { exitCode, stdout, stderr } = await runCli(['eval', policy, '--requests', join(site, 'requests.ndjson')]);
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; decision: string; violation: { code: string } | null });
    assert.deepEqual(
      answers.map(({ id, decision, violation }) => ({ id, decision, code: violation?.code })),
      STARTER_REQUESTS.map(({ request, decision, code }) => ({ id: request.id, decision, code })),
    );
    for (const { id, decision } of answers) assert.ok(id.endsWith(`: ${decision}`), id);
  });

  void test('points editors at the schema beside it', () => {
    const site = join(folder, 'a', 'b');
    const [first = ''] = readFileSync(join(site, 'policy.yaml'), 'utf8').split('\n');
    const named = /^# yaml-language-server: \$schema=(.*)$/.exec(first)?.[1] ?? '';
    const schema = readFileSync(new URL('../../schemas/bundle.schema.json', import.meta.url), 'utf8');
    assert.equal(readFileSync(join(site, named), 'utf8'), schema);
  });

  void test('writes nothing when one of the files is there', async () => {
    const site = mkdtempSync(join(folder, 'c-'));
    writeFileSync(join(site, 'bundle.schema.json'), 'mine');
    const { exitCode, stderr } = await runCli(['init', site]);
    assert.equal(exitCode, 2);
    assert.ok(stderr.includes('bundle.schema.json'));
    assert.deepEqual(readdirSync(site), ['bundle.schema.json']);
    assert.equal(readFileSync(join(site, 'bundle.schema.json'), 'utf8'), 'mine');
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { catalog } from '../../src/diagnostics/catalog.ts';
import { runCli } from '../support/run-cli.ts';

void describe('every command', () => {
  for (const command of ['check', 'eval', 'explain', 'serve', 'approvals', 'schema', 'codes', 'init']) {
    void test(`${command} --help`, async () => {
      const { exitCode, stdout, stderr } = await runCli([command, '--help']);
      assert.equal(stderr, '');
      assert.equal(exitCode, 0);
      assert.ok(stdout.startsWith(`Usage: indelible ${command} `));
    });
  }
});

void describe('schema', () => {
  for (const name of ['bundle', 'request', 'answer', 'diagnostics']) {
    void test(name, async () => {
      const { exitCode, stdout } = await runCli(['schema', name]);
      assert.equal(exitCode, 0);
      assert.equal(stdout, readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8'));
    });
  }

  void test('of a bundle unless another is named', async () => {
    assert.deepEqual(await runCli(['schema']), await runCli(['schema', 'bundle']));
  });
});

void describe('codes', () => {
  void test('lists every code once, with its severity', async () => {
    const { exitCode, stdout } = await runCli(['codes']);
    assert.equal(exitCode, 0);
    const listed = stdout.split('\n').flatMap((line) => /^ {2}(\S+) +(\S+) /.exec(line)?.slice(1, 3).join(' ') ?? []);
    const known = Object.entries(catalog).map(([code, { severity }]) => `${code} ${severity}`);
    assert.deepEqual(listed.toSorted(), known.toSorted());
  });

  void test('explains every code', async () => {
    for (const code of Object.keys(catalog)) {
      const { exitCode, stdout } = await runCli(['codes', code]);
      assert.equal(exitCode, 0);
      assert.ok(stdout.startsWith(`${code} (`));
    }
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { schemaErrors, type JsonSchema } from '../../src/config/compiled-schema.ts';
import { runCli } from '../support/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-check-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const accepted = file('accepted.yaml', 'routes: [{tool: pay}]\n');
const warned = file('warned.yaml', 'routes: [{tool: pay, pre_invocation: [taint(paid)]}]\n');
const rejected = file('rejected.yaml', 'routes: [{tool: pay, colour: blue}]\n');

const schema: JsonSchema = JSON.parse(
  readFileSync(new URL('../../schemas/diagnostics.schema.json', import.meta.url), 'utf8'),
);

async function json(...argv: readonly string[]): Promise<{ exitCode: number; report: unknown }> {
  const { exitCode, stdout, stderr } = await runCli(['check', '--format', 'json', ...argv]);
  assert.equal(stderr, '');
  const report: unknown = JSON.parse(stdout);
  assert.deepEqual(schemaErrors(schema, report), []);
  return { exitCode, report };
}

void describe('check --format json', () => {
  void test('an accepted bundle', async () => {
    assert.deepEqual(await json(accepted), {
      exitCode: 0,
      report: { ok: true, diagnostics: [], summary: { routes: 1, plugins: 0 } },
    });
  });

  void test('a rejected bundle', async () => {
    assert.deepEqual(await json(rejected), {
      exitCode: 1,
      report: {
        ok: false,
        diagnostics: [
          {
            severity: 'error',
            code: 'config/unknown-key',
            message: 'unknown key `colour` in an entry of `routes`',
            file: rejected,
            line: 1,
            column: 22,
            endLine: 1,
            endColumn: 28,
            path: '/routes/0/colour',
            help: helpOf(await json(rejected)),
          },
        ],
        summary: {},
      },
    });
  });

  void test('several bundles, in the order given', async () => {
    const { exitCode, report } = await json(warned, rejected, accepted);
    assert.equal(exitCode, 1);
    const { ok: all, bundles } = report as { ok: boolean; bundles: readonly { bundle: string; ok: boolean }[] };
    assert.equal(all, false);
    assert.deepEqual(
      bundles.map(({ bundle, ok }) => ({ bundle, ok })),
      [
        { bundle: warned, ok: true },
        { bundle: rejected, ok: false },
        { bundle: accepted, ok: true },
      ],
    );
  });

  void test('--strict makes a warned bundle not ok', async () => {
    const strict = (await json('--strict', warned)) as { exitCode: number; report: { ok: boolean } };
    assert.equal(strict.exitCode, 1);
    assert.equal(strict.report.ok, false);
  });

  void test('a bundle that cannot be read', async () => {
    const missing = (await json(join(folder, 'missing.yaml'))) as { exitCode: number; report: { ok: boolean } };
    assert.equal(missing.exitCode, 2);
    assert.equal(missing.report.ok, false);
  });

  void test('at most 100 diagnostics are listed, the others counted', async () => {
    const routes = Array.from({ length: 120 }, (_, index) => `  - {tool: t${index}, colour: blue}\n`).join('');
    const many = file('many.yaml', `routes:\n${routes}`);
    const { report } = (await json(many)) as { report: { diagnostics: readonly unknown[]; dropped: number } };
    assert.equal(report.diagnostics.length, 100);
    assert.equal(report.dropped, 20);
    const { stdout } = await runCli(['check', many]);
    assert.ok(stdout.endsWith(`… and 20 more\n${many}: rejected, 100 errors, 20 more\n`));
  });
});

void describe('check in text', () => {
  void test('colours only for a terminal, and never with NO_COLOR', async () => {
    const plain = (await runCli(['check', rejected])).stdout;
    const colored = (await runCli(['check', rejected], { terminal: true })).stdout;
    const refused = await runCli(['check', rejected], { terminal: true, environment: { NO_COLOR: '1' } });
    assert.ok(!plain.includes('\x1b'));
    assert.ok(colored.includes('\x1b[1;31merror\x1b[0m'));
    assert.equal(refused.stdout, plain);
  });

  void test('what the system says against a file is told in one line', async () => {
    const loop = join(folder, 'loop.yaml');
    symlinkSync(loop, loop);
    const { exitCode, stdout, stderr } = await runCli(['check', loop]);
    assert.equal(exitCode, 2);
    assert.equal(stderr, '');
    assert.match(stdout, /^\S+ error config\/unreadable  .*: too many symbolic links\n\S+: unreadable, 1 error\n$/);
  });
});

function helpOf({ report }: { report: unknown }): unknown {
  return (report as { diagnostics: readonly { help?: unknown }[] }).diagnostics[0]?.help;
}

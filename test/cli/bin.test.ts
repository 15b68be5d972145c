import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../bin/indelible.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'indelible-bin-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'policy.yaml'), 'routes: [{tool: pay}]\n');
// Settings of the folder that the command runs in are none of its business.
writeFileSync(join(folder, 'tsconfig.json'), 'no settings');

interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; with `lines`, closes its output after so many lines of it. */
async function run(argv: readonly string[], input: string, lines = Infinity): Promise<Run> {
  const child = spawn(process.execPath, [script, ...argv], { cwd: folder, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (stdout.split('\n').length > lines) child.stdout.destroy();
  });
  // The command may end before it has read everything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stdout, stderr };
}

void describe('bin/indelible.js', () => {
  void test('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.deepEqual(await run(['--version'], ''), { exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });

  void test('sets the exit code', async () => {
    const { exitCode, stdout, stderr } = await run(['chek'], '');
    assert.equal(exitCode, 2);
    assert.equal(stdout, '');
    assert.equal(stderr, 'indelible: unknown command `chek`; did you mean `check`?\n');
  });

  void test('reads requests from standard input and writes all answers before it ends', async () => {
    const count = 5000;
    const input = '{"entity":{"type":"tool","name":"pay"}}\n'.repeat(count);
    const { exitCode, stdout, stderr } = await run(['eval', 'policy.yaml', '--requests', '-'], input);
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    assert.equal(stdout.split('\n').length - 1, count);
  });

  void test('ends quietly when its reader leaves', async () => {
    const { exitCode, stderr } = await run(
      ['eval', 'policy.yaml', '--requests', '-'],
      '{"entity":{"type":"tool","name":"pay"}}\n'.repeat(50_000),
      1,
    );
    assert.equal(exitCode, 2);
    assert.equal(stderr, 'indelible: the answers cannot be written: broken pipe\n');
    const help = await run(['codes'], '', 1);
    assert.equal(help.stderr, '');
    assert.equal(help.exitCode, 0);
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parse } from 'yaml';
import { runCli } from '../support/run-cli.ts';

interface Scenario {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly more_files?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly stdin?: string;
  readonly stdout?: string | readonly string[];
  readonly stderr?: string | readonly string[];
  /** What neither stream may hold. */
  readonly not?: readonly string[];
  readonly exit: number;
}

const fixtures = new URL('../../fixtures/cli/', import.meta.url);
const home = process.cwd();
const root = mkdtempSync(join(tmpdir(), 'indelible-cli-'));
after(() => {
  process.chdir(home);
  rmSync(root, { recursive: true });
});

for (const file of readdirSync(fixtures).toSorted()) {
  const scenarios: readonly Scenario[] = parse(readFileSync(new URL(file, fixtures), 'utf8'));
  void describe(file, () => {
    for (const scenario of scenarios) {
      void test(scenario.name, async () => {
        const folder = mkdtempSync(join(root, 'run-'));
        for (const [name, text] of Object.entries({ ...scenario.files, ...scenario.more_files })) {
          mkdirSync(dirname(join(folder, name)), { recursive: true });
          writeFileSync(join(folder, name), text);
        }
        process.chdir(folder);
        const run = await runCli(scenario.command, { stdin: scenario.stdin ?? '' });
        assertOutput(run.stdout, scenario.stdout ?? '');
        assertOutput(run.stderr, scenario.stderr ?? '');
        for (const text of scenario.not ?? []) assert.ok(!(run.stdout + run.stderr).includes(text), text);
        assert.equal(run.exitCode, scenario.exit);
      });
    }
  });
}

function assertOutput(actual: string, expected: string | readonly string[]): void {
  if (typeof expected === 'string') {
    assert.equal(actual, expected);
    return;
  }
  let from = 0;
  for (const fragment of expected) {
    const at = actual.indexOf(fragment, from);
    assert.notEqual(at, -1, `\`${fragment}\` is not in, or not in its turn in\n${actual}`);
    from = at + fragment.length;
  }
}

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { schemaErrors, type JsonSchema } from '../../src/config/compiled-schema.ts';
import type { RenderedDiagnostic } from '../../src/diagnostics/render.ts';
import { visibleText } from '../../src/diagnostics/visible-text.ts';
import { runCli } from '../support/run-cli.ts';

const folder = fileURLToPath(new URL('../../fixtures/bad/', import.meta.url));
const GOLDEN = 'expected.yaml';
const HEADER =
  '# What `indelible check` finds in each file of this folder: code, line:column, and the marked text (of its first line).\n' +
  '# UPDATE=1 node --import tsx --test test/cli/bad-bundles.test.ts rewrites it.\n';
const schema: JsonSchema = JSON.parse(
  readFileSync(new URL('../../schemas/diagnostics.schema.json', import.meta.url), 'utf8'),
);

interface Report {
  readonly ok: boolean;
  readonly diagnostics: readonly RenderedDiagnostic[];
}

const update = process.env['UPDATE'] === '1';
const golden: Readonly<Record<string, readonly string[]>> = parse(readFileSync(folder + GOLDEN, 'utf8')) ?? {};
const found: Record<string, readonly string[]> = {};
const files = readdirSync(folder).filter((name) => name !== GOLDEN);
const home = process.cwd();
process.chdir(folder);
after(() => {
  process.chdir(home);
  if (update) writeFileSync(folder + GOLDEN, HEADER + stringify(found, { lineWidth: 0 }));
});

void describe('rejected bundles', () => {
  for (const file of files) {
    void test(file, async () => {
      const { exitCode, stdout, stderr } = await runCli(['check', '--format', 'json', file]);
      assert.equal(exitCode, 1);
      assert.equal(stderr, '');
      const report: Report = JSON.parse(stdout);
      assert.deepEqual(schemaErrors(schema, report), []);
      assert.equal(report.ok, false);
      found[file] = report.diagnostics.map((each) => `${each.code} ${at(each)} ${marked(each)}`.trim());
      if (!update) assert.deepEqual(found[file], golden[file]);
      const text = (await runCli(['check', file])).stdout;
      for (const diagnostic of report.diagnostics) assertCaret(text, diagnostic);
    });
  }

  void test('the golden table is about these files', () => {
    if (!update) assert.deepEqual(Object.keys(golden), files);
  });
});

function at({ line, column }: RenderedDiagnostic): string {
  return `${line}:${column}`;
}

/** The text that a diagnostic marks, up to the end of its first line. */
function marked({ file, line, column, endLine, endColumn }: RenderedDiagnostic): string {
  if (!files.includes(file)) return '';
  const source = new TextDecoder().decode(readFileSync(folder + file));
  const text = source.split('\n')[line - 1] ?? '';
  const end = endLine === line ? endColumn - 1 : text.length;
  return text.slice(column - 1, end);
}

/** In the text output, the carets stand under the marked text. */
function assertCaret(text: string, diagnostic: RenderedDiagnostic): void {
  const lines = text.split('\n');
  const { file, severity, code } = diagnostic;
  const head = lines.findIndex((line) => line.startsWith(`${file}:${at(diagnostic)} ${severity} ${code} `));
  assert.notEqual(head, -1, `no line for ${code} at ${at(diagnostic)}`);
  const expected = visibleText(marked(diagnostic));
  if (expected === '') return;
  const [excerpt = '', carets = ''] = lines.slice(head + 1, head + 3);
  const from = carets.indexOf('^');
  assert.notEqual(from, -1, `no caret for ${code}`);
  const shown = excerpt.slice(from, carets.lastIndexOf('^') + 1);
  assert.ok(expected.startsWith(shown.replace(/…$/, '')), `\`${shown}\` is not \`${expected}\``);
}

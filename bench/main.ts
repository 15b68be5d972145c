import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareFiles } from './compare.ts';
import { machineLine } from './machine.ts';
import type { BenchResult, SectionResult } from './result.ts';
import { SECTIONS } from './sections.ts';
import { tableOf } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, compare: { type: 'boolean' }, section: { type: 'string', multiple: true } },
});
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Each section has a process of its own, so that none runs on code that another has shaped. */
function measure(name: string): SectionResult {
  process.stderr.write(`${name} …\n`);
  const section = fileURLToPath(new URL('run-section.js', import.meta.url));
  const output = execFileSync(process.execPath, ['--expose-gc', section, name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
  // What `run-section.ts` printed.
  return JSON.parse(output) as SectionResult;
}

const [before, after] = positionals;
if (values.compare === true) {
  if (before === undefined || after === undefined) throw new Error('--compare takes two result files');
  print(compareFiles(before, after));
} else {
  const results = (values.section ?? Object.keys(SECTIONS)).map(measure);
  const result: BenchResult = {
    machine: machineLine(),
    date: new Date().toISOString(),
    rows: results.flatMap(({ rows }) => rows),
    checks: results.flatMap(({ checks }) => checks),
  };
  print(tableOf(result));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
}

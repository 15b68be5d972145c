// Compiles the benchmarks, since type stripping on the fly adds to every function, and runs them.
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
execFileSync(process.execPath, [here('../node_modules/typescript/bin/tsc'), '-p', here('tsconfig.json')], {
  stdio: 'inherit',
});
cpSync(here('../schemas'), here('.build/schemas'), { recursive: true });
cpSync(here('../package.json'), here('.build/package.json'));
const run = { stdio: 'inherit' };
try {
  execFileSync(process.execPath, [here('.build/bench/main.js'), ...process.argv.slice(2)], run);
} catch (error) {
  process.exitCode = error.status ?? 1;
}

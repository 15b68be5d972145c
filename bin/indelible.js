#!/usr/bin/env node
import { existsSync } from 'node:fs';

// A clone has the sources and runs them; the installed package has what was built of them.
const source = new URL('../src/cli/main.ts', import.meta.url);
let entry = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(source)) {
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: false });
  entry = source;
}
const { main } = await import(entry.href);
process.exitCode = await main(process.argv.slice(2), process);

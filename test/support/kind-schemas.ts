import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { editorSchema } from '../../src/config/editor-schema.ts';

const FILE = fileURLToPath(new URL('../../schemas/bundle.schema.json', import.meta.url));
const FORMATTER = fileURLToPath(new URL('../../node_modules/oxfmt/bin/oxfmt', import.meta.url));

/** Text of `schemas/bundle.schema.json` with the kinds of its blocks as the package checks them. */
export function printBundleSchema(): string {
  const input = JSON.stringify(editorSchema(), undefined, 2);
  return execFileSync(process.execPath, [FORMATTER, '--stdin-filepath', FILE], { input, encoding: 'utf8' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, printBundleSchema());

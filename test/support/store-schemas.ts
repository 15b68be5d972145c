import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BUILT_IN_SESSION_STORES } from '../../src/config/wiring.ts';

const FILE = fileURLToPath(new URL('../../schemas/bundle.schema.json', import.meta.url));
const FORMATTER = fileURLToPath(new URL('../../node_modules/oxfmt/bin/oxfmt', import.meta.url));

type Schema = Readonly<Record<string, unknown>>;

/** Text of `schemas/bundle.schema.json` with the blocks of the stores of the package as their factories have them. */
export function printBundleSchema(): string {
  const bundle: Schema & { readonly $defs: Readonly<Record<string, Schema>> } = JSON.parse(readFileSync(FILE, 'utf8'));
  const allOf = BUILT_IN_SESSION_STORES.map(({ kind }) => ({
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
    then: { $ref: `#/$defs/${nameOf(kind)}` },
  }));
  const stores = BUILT_IN_SESSION_STORES.map(({ kind, schema }) => [nameOf(kind), schema] as const);
  const $defs = {
    ...bundle.$defs,
    sessionStore: { ...bundle.$defs['sessionStore'], allOf },
    ...Object.fromEntries(stores),
  };
  const input = JSON.stringify({ ...bundle, $defs }, undefined, 2);
  return execFileSync(process.execPath, [FORMATTER, '--stdin-filepath', FILE], { input, encoding: 'utf8' });
}

function nameOf(kind: string): string {
  return `${kind}SessionStore`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, printBundleSchema());

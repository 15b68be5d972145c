import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BUILT_IN_DECISION_POINTS, BUILT_IN_PLUGINS } from '../../src/config/registered-kinds.ts';
import { BUILT_IN_SESSION_STORES } from '../../src/config/wiring.ts';
import { STORAGE_KINDS } from '../../src/transport/storage-kinds.ts';

const FILE = fileURLToPath(new URL('../../schemas/bundle.schema.json', import.meta.url));
const FORMATTER = fileURLToPath(new URL('../../node_modules/oxfmt/bin/oxfmt', import.meta.url));

type Schema = Readonly<Record<string, unknown>>;

interface Kind {
  readonly kind: string;
  readonly schema: Schema;
}

/** Definitions of blocks whose `kind` says which other keys there are, and the kinds that come with the package. */
const BLOCKS: Readonly<Record<string, readonly Kind[]>> = {
  plugin: BUILT_IN_PLUGINS.map(({ kind, configSchema }) => ({ kind, schema: entryWith(configSchema) })),
  decisionPoint: BUILT_IN_DECISION_POINTS.map(({ kind, configSchema }) => ({ kind, schema: configSchema })),
  sessionStore: BUILT_IN_SESSION_STORES,
  transportSessions: STORAGE_KINDS,
};

/** A plugin's own keys stand under `config`. */
function entryWith(config: Schema): Schema {
  return { properties: { config }, ...('required' in config ? { required: ['config'] } : {}) };
}

/** Text of `schemas/bundle.schema.json` with the kinds of its blocks as the package checks them. */
export function printBundleSchema(): string {
  const bundle: Schema & { readonly $defs: Readonly<Record<string, Schema>> } = JSON.parse(readFileSync(FILE, 'utf8'));
  let { $defs } = bundle;
  for (const [block, kinds] of Object.entries(BLOCKS)) {
    const nameOf = (kind: string): string => `${block}.${kind}`;
    const allOf = kinds.map(({ kind }) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
      then: { $ref: `#/$defs/${nameOf(kind).replaceAll('/', '~1')}` },
    }));
    const definitions = kinds.map(({ kind, schema }) => [nameOf(kind), schema] as const);
    $defs = { ...$defs, [block]: { ...$defs[block], allOf }, ...Object.fromEntries(definitions) };
  }
  const input = JSON.stringify({ ...bundle, $defs }, undefined, 2);
  return execFileSync(process.execPath, [FORMATTER, '--stdin-filepath', FILE], { input, encoding: 'utf8' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, printBundleSchema());

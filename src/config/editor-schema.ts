import { STORAGE_KINDS } from '../transport/storage-kinds.ts';
import type { JsonSchema } from './compiled-schema.ts';
import type { LoadOptions } from './load-options.ts';
import { registeredKinds } from './registered-kinds.ts';
import { schemaFile } from './schema.ts';

interface Kind {
  readonly kind: string;
  readonly schema: JsonSchema;
}

/**
 * JSON Schema 2020-12 of bundles for editors, with the config of every kind: those of the package and the host's, which
 * come first. Kinds that it does not know are left open. `schemas/bundle.schema.json` is the one without kinds of a host.
 */
export function editorSchema(
  options: Pick<LoadOptions, 'plugins' | 'decisionPoints' | 'sessionStores'> = {},
): JsonSchema {
  const { plugins, decisionPoints, sessionStores } = registeredKinds(options);
  const blocks: Readonly<Record<string, readonly Kind[]>> = {
    plugin: plugins.map(({ kind, configSchema }) => ({ kind, schema: entryWith(configSchema) })),
    decisionPoint: decisionPoints.map(({ kind, configSchema }) => ({ kind, schema: configSchema })),
    sessionStore: sessionStores,
    transportSessions: STORAGE_KINDS,
  };
  let { $defs } = schemaFile;
  for (const [block, kinds] of Object.entries(blocks)) {
    const distinct = kinds.filter(({ kind }, index) => kinds.findIndex((other) => other.kind === kind) === index);
    const nameOf = (kind: string): string => `${block}.${kind}`;
    const allOf = distinct.map(({ kind }) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      // oxlint-disable-next-line unicorn/no-thenable -- the keyword of JSON Schema
      then: { $ref: `#/$defs/${nameOf(kind).replaceAll('~', '~0').replaceAll('/', '~1')}` },
    }));
    const definitions = distinct.map(({ kind, schema }) => [nameOf(kind), schema] as const);
    $defs = { ...$defs, [block]: { ...$defs[block], allOf }, ...Object.fromEntries(definitions) };
  }
  return { ...schemaFile, $defs };
}

/** A plugin's own keys stand under `config`. */
function entryWith(config: JsonSchema): JsonSchema {
  return { properties: { config }, ...('required' in config ? { required: ['config'] } : {}) };
}

import { resolve } from 'node:path';
import type { PluginContext, PluginWarning } from '../engine/plugin.ts';
import { heldSecret, readSecretSource } from '../valkey/secret-source.ts';
import type { SecretSource } from '../valkey/secret-source.ts';

/** Where a secret comes from. Source: reference facts on the built-in kinds, secret source. */
export type SecretConfig =
  | { readonly kind: 'env_var'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'literal'; readonly secret: string };

function form(kind: SecretConfig['kind'], key: string): object {
  return {
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a JSON Schema keyword
    then: { properties: { kind: true, [key]: true }, required: [key], additionalProperties: false },
  };
}

/** JSON Schema of a secret source. */
export function secretSchema(description: string): object {
  return {
    type: 'object',
    writeOnly: true,
    description,
    required: ['kind'],
    properties: {
      kind: { enum: ['env_var', 'file', 'literal'] },
      name: { type: 'string', minLength: 1, description: 'Environment variable, with `kind: env_var`.' },
      path: { type: 'string', minLength: 1, description: 'File, with `kind: file`; read at each use, trimmed.' },
      secret: { type: 'string', minLength: 1, description: 'The secret itself, with `kind: literal`.' },
    },
    additionalProperties: false,
    allOf: [form('env_var', 'name'), form('file', 'path'), form('literal', 'secret')],
  };
}

/**
 * The secret that a config names. Throws an `Error` for the author, naming the key `place` and never the secret, when it
 * cannot be had now or is empty.
 */
export function secretSource(config: SecretConfig, place: string, context: PluginContext): SecretSource {
  switch (config.kind) {
    case 'env_var': {
      const secret = context.environment[config.name];
      if (!secret) throw new Error(`\`${place}\`: the environment variable \`${config.name}\` is not set or empty`);
      return heldSecret(secret);
    }
    case 'file': {
      const source: SecretSource = { kind: 'file', path: resolve(context.baseDirectory, config.path) };
      try {
        readSecretSource(source);
      } catch (error) {
        throw new Error(`\`${place}\`: the file \`${config.path}\` cannot be read or is empty`, { cause: error });
      }
      return source;
    }
    case 'literal':
      return heldSecret(config.secret);
  }
}

/** A secret that stands in the bundle is seen by all who read it. */
export function lintSecret(config: SecretConfig | undefined, place: string): readonly PluginWarning[] {
  if (config?.kind !== 'literal') return [];
  return [{ message: `\`${place}\` holds the secret itself`, help: 'use `kind: env_var` or `kind: file`' }];
}

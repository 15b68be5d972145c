import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Where a secret comes from. An `env_var` was read at load, a `file` is read at each use, so that a rotated secret is
 * picked up; `path` is absolute.
 */
export type SecretSource =
  | { readonly kind: 'value'; readonly value: () => string }
  | { readonly kind: 'file'; readonly path: string };

/** How a bundle writes a secret source. Source: reference facts on the built-in kinds, secret source. */
export type SecretConfig =
  | { readonly kind: 'env_var'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'literal'; readonly secret: string };

/** Where secrets come from at load. */
export interface SecretScope {
  /** Folder that relative paths start from. */
  readonly baseDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A secret that printing or serialising the object around it does not show. */
export function heldSecret(secret: string): SecretSource {
  return { kind: 'value', value: () => secret };
}

/**
 * The source that a `SecretConfig` stands for; which kinds a place accepts is for its schema to say. The secret is looked
 * for now, so that a missing one is the author's to see: throws an `Error` that names the key `place`, if given, and
 * never the secret, when it cannot be had or is empty.
 */
export function secretSource(
  config: unknown,
  { baseDirectory, environment }: SecretScope,
  place?: string,
): SecretSource {
  try {
    switch (memberOf(config, 'kind')) {
      case 'env_var':
        return heldSecret(readVariable(memberOf(config, 'name'), environment));
      case 'file': {
        const written = memberOf(config, 'path');
        const path = resolve(baseDirectory, written);
        readSecretFile(path, written);
        return { kind: 'file', path };
      }
      case 'literal':
        return heldSecret(filled(memberOf(config, 'secret'), 'the secret'));
      default:
        throw new Error('the secret has no known `kind`');
    }
  } catch (error) {
    if (place === undefined || !(error instanceof Error)) throw error;
    throw new Error(`\`${place}\`: ${error.message}`, { cause: error });
  }
}

/** The secret; a file's content is trimmed. Throws an `Error` without content when it cannot be had or is empty. */
export function readSecretSource(source: SecretSource): string {
  return source.kind === 'value' ? source.value() : readSecretFile(source.path, source.path);
}

function readVariable(name: string, environment: SecretScope['environment']): string {
  const value = environment[name];
  // What an object inherits, such as `constructor`, is no variable.
  if (typeof value !== 'string') throw new Error(`the environment variable \`${name}\` is not set`);
  return filled(value, `the environment variable \`${name}\``);
}

function readSecretFile(path: string, shown: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    throw new Error(`the file \`${shown}\` cannot be read`);
  }
  return filled(text, `the file \`${shown}\``);
}

function filled(secret: string, what: string): string {
  if (secret === '') throw new Error(`${what} is empty`);
  return secret;
}

function memberOf(config: unknown, key: string): string {
  const value: unknown = typeof config === 'object' && config !== null ? Reflect.get(config, key) : undefined;
  return typeof value === 'string' ? value : '';
}

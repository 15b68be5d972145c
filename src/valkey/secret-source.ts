import { readFileSync } from 'node:fs';

/**
 * Where a secret comes from. An `env_var` was read at load, a `file` is read at each use, so that a rotated secret is
 * picked up; `path` is absolute.
 */
export type SecretSource =
  | { readonly kind: 'value'; readonly value: () => string }
  | { readonly kind: 'file'; readonly path: string };

/** A secret that printing or serialising the object around it does not show. */
export function heldSecret(secret: string): SecretSource {
  return { kind: 'value', value: () => secret };
}

/** The secret; a file's content is trimmed. Throws an `Error` without content when it cannot be had or is empty. */
export function readSecretSource(source: SecretSource): string {
  if (source.kind === 'value') return source.value();
  let text: string;
  try {
    text = readFileSync(source.path, 'utf8').trim();
  } catch {
    throw new Error(`the file \`${source.path}\` cannot be read`);
  }
  if (text === '') throw new Error(`the file \`${source.path}\` is empty`);
  return text;
}

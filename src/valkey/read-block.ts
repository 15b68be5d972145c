import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TlsDescription } from './connection-description.ts';
import { heldSecret, readSecretSource, type SecretSource } from './secret-source.ts';

/** A map of a bundle as plain data. */
export type Block = Readonly<Record<string, unknown>>;

/** What the secrets and files of a block are looked for in. */
export interface BlockScope {
  /** Folder that relative paths start from. */
  readonly baseDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads `{kind: env_var, name}` or `{kind: file, path}`. The secret is looked for now, so that a missing one is the
 * author's to see, by an `Error`; a file is read again when used.
 */
export function sourceOf(block: Block, { environment, baseDirectory }: BlockScope): SecretSource {
  if (block['kind'] === 'env_var') {
    const name = textOf(block, 'name') ?? '';
    const secret = environment[name];
    if (!secret) throw new Error(`the environment variable \`${name}\` is not set`);
    return heldSecret(secret);
  }
  const source: SecretSource = { kind: 'file', path: resolve(baseDirectory, textOf(block, 'path') ?? '') };
  readSecretSource(source);
  return source;
}

/** The files and the name of a `tls` map. Throws an `Error` for the author when one cannot be read. */
export function readTlsFiles(block: Block, baseDirectory: string): TlsDescription {
  const file = (key: string): string | undefined => {
    const path = textOf(block, key);
    if (path === undefined) return undefined;
    const absolute = resolve(baseDirectory, path);
    try {
      readFileSync(absolute);
    } catch {
      throw new Error(`\`${key}\` names \`${path}\`, which cannot be read`);
    }
    return absolute;
  };
  const [caFile, certificateFile, keyFile] = [file('ca_file'), file('cert_file'), file('key_file')];
  const serverName = textOf(block, 'server_name');
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certificateFile === undefined ? {} : { certificateFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

export function textOf(block: Block, key: string): string | undefined {
  const value = block[key];
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(block: Block, key: string): number | undefined {
  const value = block[key];
  return typeof value === 'number' ? value : undefined;
}

export function mapOf(block: Block, key: string): Block | undefined {
  const value = block[key];
  return isMap(value) ? value : undefined;
}

export function isMap(value: unknown): value is Block {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TlsDescription } from './connection-description.ts';

/** A map of a bundle as plain data. */
export type Block = Readonly<Record<string, unknown>>;

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

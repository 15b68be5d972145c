import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/**
 * The bytes of a file that an entry names; a relative path starts from the folder of the bundle. Throws an `Error` for
 * the author when it cannot be read or has more than `limit` bytes.
 */
export async function readPolicyFile(path: string, baseDirectory: string, limit: number): Promise<Uint8Array> {
  const file = resolve(baseDirectory, path);
  let size: number;
  try {
    ({ size } = await stat(file));
    if (size <= limit) return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${String(code)})`;
    throw new Error(`\`${path}\`: ${why}`, { cause: error });
  }
  throw new Error(`\`${path}\` has more than ${limit} bytes`);
}

/** The same file as text, which must be UTF-8. */
export async function readPolicyText(path: string, baseDirectory: string, limit: number): Promise<string> {
  const bytes = await readPolicyFile(path, baseDirectory, limit);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error(`\`${path}\` is not UTF-8`, { cause: error });
  }
}

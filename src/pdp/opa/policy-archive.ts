import { gunzipSync } from 'node:zlib';

export const MAX_POLICY_BYTES = 64 * 1024 * 1024;
const BLOCK = 512;

/** A compiled policy and the data that was bundled with it. */
export interface CompiledPolicy {
  readonly wasm: Uint8Array;
  /** JSON text; undefined without any. */
  readonly data: string | undefined;
}

/**
 * Reads what `opa build -t wasm` writes: a gzipped tar with `policy.wasm` and `data.json`, or the module alone. Throws an
 * `Error` for the author.
 */
export function readCompiledPolicy(bytes: Uint8Array): CompiledPolicy {
  if (startsWith(bytes, [0x00, 0x61, 0x73, 0x6d])) return { wasm: bytes, data: undefined };
  if (!startsWith(bytes, [0x1f, 0x8b])) throw new Error('it is neither a WebAssembly module nor an OPA bundle');
  let archive: Buffer;
  try {
    archive = gunzipSync(bytes, { maxOutputLength: MAX_POLICY_BYTES });
  } catch (error) {
    throw new Error(`the bundle cannot be unpacked, or has more than ${MAX_POLICY_BYTES} bytes`, { cause: error });
  }
  const files = tarFiles(archive);
  const wasm = files.get('policy.wasm');
  if (wasm === undefined) throw new Error('the bundle holds no `policy.wasm`; build it with `opa build -t wasm`');
  return { wasm, data: files.get('data.json')?.toString('utf8') };
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** The regular files of a tar archive by name, leading `/` and `./` left out. Source: POSIX ustar. */
function tarFiles(archive: Buffer): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    const name = textOf(header, 0, 100);
    if (name === '') break;
    const size = Number.parseInt(textOf(header, 124, 12).trim() || '0', 8);
    const type = textOf(header, 156, 1);
    at += BLOCK;
    if (!Number.isSafeInteger(size) || at + size > archive.length) throw new Error('the bundle is cut off');
    if (type === '' || type === '0') files.set(name.replace(/^\.?\/+/, ''), archive.subarray(at, at + size));
    at += Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function textOf(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

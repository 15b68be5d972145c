import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../diagnostics/report.ts';
import type { Source } from '../text/source.ts';
import { MAX_SIZE } from './document-limits.ts';

/**
 * The sources of the bundle at `path`: one file, or every `*.yaml` and `*.yml` of a folder in name order (by code unit),
 * those whose name begins with a dot and subfolders left out. A source's name is `path`, with the file name joined for a
 * folder. Undefined when any of them cannot be read, which is reported.
 */
export async function readSources(path: string, report: Report): Promise<readonly Source[] | undefined> {
  const files = await filesAt(path, report);
  if (files === undefined) return undefined;
  const sources: Source[] = [];
  let budget = MAX_SIZE;
  for (const file of files) {
    const bytes = await readBounded(file, budget, report);
    const source = bytes && decode(file, bytes, report);
    if (source) sources.push(source);
    budget -= bytes?.length ?? 0;
  }
  return sources.length === files.length ? sources : undefined;
}

async function filesAt(path: string, report: Report): Promise<readonly string[] | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => /^[^.].*\.ya?ml$/s.test(name));
    if (names.length > 0) return names.toSorted().map((name) => join(path, name));
  } catch (error) {
    reportUnreadable(path, error, report);
    return undefined;
  }
  report.add('config/no-files', startOf(path), `folder \`${path}\` holds no \`*.yaml\` or \`*.yml\` file`);
  return undefined;
}

/** At most `limit` bytes of `path`, whose size is not asked for beforehand: it may be a pipe. */
async function readBounded(path: string, limit: number, report: Report): Promise<Uint8Array | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(64 * 1024));
      if (bytesRead === 0) return Buffer.concat(chunks, size);
      size += bytesRead;
      if (size > limit) break;
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    reportUnreadable(path, error, report);
    return undefined;
  } finally {
    await handle?.close();
  }
  report.add('config/too-large', startOf(path), `with \`${path}\`, the bundle has more than ${MAX_SIZE} bytes`);
  return undefined;
}

function decode(name: string, bytes: Uint8Array, report: Report): Source | undefined {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) {
    report.add('config/encoding', startOf(name), `\`${name}\` begins with a byte order mark of UTF-16 or UTF-32`, {
      help: encodingHelp,
    });
    return undefined;
  }
  try {
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    reportEncoding(name, bytes, report);
    return undefined;
  }
}

const encodingHelp = 'save the file as UTF-8';

/** Marks the first byte that is not UTF-8, in a text in which such bytes are shown as U+FFFD. */
function reportEncoding(name: string, bytes: Uint8Array, report: Report): void {
  const readable = new TextDecoder('utf-8', { ignoreBOM: true });
  const text = readable.decode(bytes);
  const encoded = new TextEncoder().encode(text);
  let wrong = 0;
  while (wrong < bytes.length && bytes[wrong] === encoded[wrong]) wrong += 1;
  // A wrong sequence may share its first bytes with the encoding of U+FFFD; an encoded character never begins inside one.
  while (wrong > 0 && ((encoded[wrong] ?? 0) & 0xc0) === 0x80) wrong -= 1;
  const start = readable.decode(encoded.subarray(0, wrong)).length;
  const byte = (bytes[wrong] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  report.add(
    'config/encoding',
    { source: { name, text }, start, end: start + 1 },
    `byte 0x${byte} at offset ${wrong} is not UTF-8`,
    { help: encodingHelp },
  );
}

function reportUnreadable(path: string, error: unknown, report: Report): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  report.add('config/unreadable', startOf(path), `\`${path}\` cannot be read: ${reasons.get(code) ?? code}`);
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'it does not exist'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EISDIR', 'it is a folder'],
  ['ELOOP', 'too many symbolic links'],
]);

function startOf(name: string): { source: Source; start: number; end: number } {
  return { source: { name, text: '' }, start: 0, end: 0 };
}

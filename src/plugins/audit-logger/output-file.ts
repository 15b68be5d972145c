import { close, fstat, open, read, stat, write, writeSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);
const statPath = promisify(stat);
const readFile = promisify(read);
const writeFile = promisify(write);

/** Readable by the owner's group, for what ships logs. */
const FILE_MODE = 0o640;
const NUMBER_WIDTH = 6;
/** In bytes. */
const TAIL_LENGTH = 1024 * 1024;

/** How much of a text went out, in bytes, and what stopped the rest. */
export interface Written {
  readonly bytes: number;
  readonly error: Error | undefined;
}

/** Where lines go: a file that is appended to, or a descriptor that the process has anyway. */
export class OutputFile {
  /** Undefined for a descriptor that was given. */
  readonly #path: string | undefined;
  #descriptor: number;
  #size: number;

  private constructor(path: string | undefined, descriptor: number, size: number) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#size = size;
  }

  static ofDescriptor(descriptor: number): OutputFile {
    return new OutputFile(undefined, descriptor, 0);
  }

  /** Opens `path` for appending, made if need be. Rejects with the system's error. */
  static async open(path: string): Promise<OutputFile> {
    const descriptor = await openFile(path, 'a+', FILE_MODE);
    const { size } = await statFile(descriptor);
    return new OutputFile(path, descriptor, size);
  }

  /** In bytes; of a descriptor that was given, what was written to it. */
  get size(): number {
    return this.#size;
  }

  /** The last lines; the first of them may lack its beginning. */
  async tail(): Promise<string> {
    const length = Math.min(this.#size, TAIL_LENGTH);
    const { buffer, bytesRead } = await readFile(
      this.#descriptor,
      Buffer.alloc(length),
      0,
      length,
      this.#size - length,
    );
    return buffer.toString('utf8', 0, bytesRead);
  }

  /** Never rejects. */
  async write(bytes: Buffer): Promise<Written> {
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesWritten } = await writeFile(this.#descriptor, bytes, done, bytes.length - done, null);
        done += bytesWritten;
        this.#size += bytesWritten;
      }
      return { bytes: done, error: undefined };
    } catch (error) {
      return { bytes: done, error: error instanceof Error ? error : new Error('unknown error') };
    }
  }

  /** For the end of the process, when nothing can be waited for. Throws the system's error. */
  writeNow(text: string): void {
    writeSync(this.#descriptor, text);
  }

  /** Puts the file aside under the next number and goes on in a new one; keeps the newest `keep` of those put aside. */
  async rotate(keep: number | undefined): Promise<void> {
    if (this.#path === undefined) return;
    const aside = await numbersAside(this.#path);
    const next = (aside.at(-1) ?? 0) + 1;
    await rename(this.#path, asideName(this.#path, next)).catch(ignoreMissing);
    await this.#reopen(this.#path);
    if (keep === undefined) return;
    for (const number of [...aside, next].slice(0, -keep)) await rm(asideName(this.#path, number), { force: true });
  }

  /** Goes on in a new file when somebody moved the open one away. */
  async follow(): Promise<void> {
    if (this.#path === undefined) return;
    const current = await statFile(this.#descriptor);
    const named = await statPath(this.#path).catch(ignoreMissing);
    if (named?.ino !== current.ino || named.dev !== current.dev) await this.#reopen(this.#path);
  }

  async close(): Promise<void> {
    if (this.#path !== undefined) await closeFile(this.#descriptor);
  }

  async #reopen(path: string): Promise<void> {
    const next = await OutputFile.open(path);
    const old = this.#descriptor;
    this.#descriptor = next.#descriptor;
    this.#size = next.#size;
    await closeFile(old);
  }
}

function asideName(path: string, number: number): string {
  return `${path}.${String(number).padStart(NUMBER_WIDTH, '0')}`;
}

/** The numbers of the files put aside, ascending. */
async function numbersAside(path: string): Promise<readonly number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(prefix) && /^[0-9]{6,15}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

import { createHash, hkdfSync, randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Alarm } from '../session/label-store.ts';
import type { Source } from '../text/source.ts';
import type { PackedSet, Purpose } from './document-set.ts';
import { packageVersion } from './package-version.ts';
import { schemaFile } from './schema.ts';
import { seal, unseal } from './sealed-set.ts';

/** To be raised whenever a reader of the same package version would take an entry for something else. */
const FORMAT = 1;
/** Entries beyond this many go, those first that were written first. */
export const MAX_ENTRIES = 64;
/** A temporary file this old belongs to a process that has ended; in milliseconds. */
const ABANDONED_MS = 3_600_000;

const ENTRY = /^[0-9a-f]{64}\.cache$/;
const TEMPORARY = /^[0-9a-f]{64}\.[0-9a-f-]{36}\.tmp$/;

/** What is known of some sources is found under `name`, and can be read with `key` alone. */
export interface CacheEntry {
  readonly name: string;
  readonly key: Uint8Array;
}

/**
 * What reading and checking files gave, kept in a folder. Whatever is wrong with an entry or with the folder raises
 * `bundle_cache_unusable` and has no other effect: the files are read as without it. Name and key of an entry come from the
 * text of the files themselves, so nobody reads from an entry what they could not read in the files. Nothing protects it
 * from who may write to the folder and has read the files; entries that others own or may write are not used.
 */
export class DocumentCache {
  readonly #folder: string;
  readonly #alarm: (alarm: Alarm) => void;

  constructor(folder: string, alarm: (alarm: Alarm) => void) {
    this.#folder = folder;
    this.#alarm = alarm;
  }

  entry(sources: readonly Source[], purpose: Purpose): CacheEntry {
    const hash = createHash('sha256');
    hash.update(JSON.stringify([FORMAT, packageVersion(), process.versions.v8, process.arch, purpose, schemaFile]));
    for (const { name, text } of sources) hash.update(`${name.length}:${name}${text.length}:`).update(text);
    const secret = hash.digest();
    const derived = (info: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', info, 32));
    return { name: `${derived('name').toString('hex')}.cache`, key: derived('key') };
  }

  /** What was kept of `sources`, whose entry it is. Undefined when nothing was, or nothing that can be used. */
  async find(entry: CacheEntry, sources: readonly Source[]): Promise<PackedSet | undefined> {
    try {
      const sealed = await this.#read(entry.name);
      return sealed && unseal(sealed, sources, entry.key);
    } catch (error) {
      this.#unusable('read', error);
      return undefined;
    }
  }

  /** Keeps `set`, whose findings hold no error. */
  async save(entry: CacheEntry, sources: readonly Source[], set: PackedSet): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      requireOwn(await stat(this.#folder), 'the folder');
      const temporary = join(this.#folder, entry.name.replace(/cache$/, `${randomUUID()}.tmp`));
      try {
        await writeFile(temporary, seal(set, sources, entry.key), { mode: 0o600, flag: 'wx' });
        await rename(temporary, join(this.#folder, entry.name));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await this.#prune();
    } catch (error) {
      this.#unusable('written', error);
    }
  }

  async #read(name: string): Promise<Buffer | undefined> {
    // A link would lead to a file whose folder nobody looked at.
    const handle = await open(join(this.#folder, name), constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
    if (handle === undefined) return undefined;
    try {
      requireOwn(await stat(this.#folder), 'the folder');
      requireOwn(await handle.stat(), 'the entry');
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  }

  async #prune(): Promise<void> {
    const found: { readonly path: string; readonly writtenAt: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      if (!ENTRY.test(name) && !TEMPORARY.test(name)) continue;
      const path = join(this.#folder, name);
      const writtenAt = (await stat(path).catch(absent))?.mtimeMs;
      if (writtenAt === undefined) continue;
      if (ENTRY.test(name)) found.push({ path, writtenAt });
      else if (writtenAt < Date.now() - ABANDONED_MS) await rm(path, { force: true });
    }
    const old = found.toSorted((a, b) => b.writtenAt - a.writtenAt).slice(MAX_ENTRIES);
    for (const { path } of old) await rm(path, { force: true });
  }

  #unusable(what: 'read' | 'written', error: unknown): void {
    const reason = error instanceof Error ? error.message : 'unknown error';
    this.#alarm({ alarm: 'bundle_cache_unusable', folder: this.#folder, reason: `not ${what}: ${reason}` });
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function requireOwn({ uid, mode }: Stats, what: string): void {
  // Where users have no numbers, files have no such modes either.
  if (process.getuid === undefined) return;
  if (uid !== process.getuid()) throw new Error(`${what} belongs to another user`);
  if ((mode & 0o022) !== 0) throw new Error(`${what} can be written by others`);
}

import { watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Editors write a file in several steps; one call follows the last of them. */
const SETTLE_MS = 200;

/**
 * Calls `changed` when a file beside or in the bundle at `path` was written, made or removed. A file is watched through
 * its folder, since editors replace it and a watch on the old file would see nothing more. Reading the files, which the
 * system may report too, changes nothing. Rejects when `path` does not exist.
 */
export async function watchBundle(
  path: string,
  changed: () => void,
  failed: (error: unknown) => void,
): Promise<{ close(): void }> {
  const folder = (await stat(path)).isDirectory() ? path : dirname(path);
  let known = await fingerprint(folder);
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const now = await fingerprint(folder);
    if (now === known) return;
    known = now;
    changed();
  };
  const watcher = watch(folder, () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look().catch(failed), SETTLE_MS);
  });
  watcher.on('error', failed);
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}

/** Which YAML files stand in the folder, and when each was last written. */
async function fingerprint(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  const facts = await Promise.all(
    names.map(async (name) => {
      const { mtimeMs, size, ino } = await stat(join(folder, name));
      return [name, mtimeMs, size, ino];
    }),
  );
  return JSON.stringify(facts);
}

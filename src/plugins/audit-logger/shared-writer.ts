import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OutputFile } from './output-file.ts';
import { RecordWriter, type WriterSettings } from './record-writer.ts';

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;

/** Where records go: a descriptor of the process, or the absolute path of a file. */
export type Destination = keyof typeof DESCRIPTORS | { readonly path: string };

interface Shared {
  users: number;
  readonly writer: Promise<RecordWriter>;
  /** The writer once it is open: at the end of the process nothing can be waited for. */
  open: RecordWriter | undefined;
}

/**
 * The writers of this process by destination. Two loggers of one file, or of a bundle and its successor, must not tear
 * the file's lines, order and chain apart.
 */
const writers = new Map<string, Shared>();
const endings = new Map<string, Promise<void>>();
let flushesAtExit = false;

/** A writer in use. */
export interface WriterLease {
  readonly writer: RecordWriter;
  /** Ends the writer when nobody else uses it. */
  release(): Promise<void>;
}

/** The writer of a destination, opened if nobody has. Rejects with the system's error. */
export async function leaseWriter(destination: Destination, settings: WriterSettings): Promise<WriterLease> {
  const key = typeof destination === 'string' ? destination : await realName(destination.path);
  await endings.get(key)?.catch(() => undefined);
  const known = writers.get(key);
  const shared = known ?? { users: 0, writer: openWriter(destination, settings), open: undefined };
  shared.users += 1;
  writers.set(key, shared);
  try {
    const writer = await shared.writer;
    shared.open = writer;
    if (known !== undefined) writer.renew(settings);
    flushAtExit();
    return { writer, release: () => release(key, shared) };
  } catch (error) {
    if (writers.get(key) === shared) writers.delete(key);
    throw error;
  }
}

async function openWriter(destination: Destination, settings: WriterSettings): Promise<RecordWriter> {
  const output =
    typeof destination === 'string'
      ? OutputFile.ofDescriptor(DESCRIPTORS[destination])
      : await OutputFile.open(destination.path);
  return RecordWriter.on(output, settings);
}

async function release(key: string, shared: Shared): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  writers.delete(key);
  const writer = await shared.writer;
  const ending = writer.close().finally(() => endings.delete(key));
  endings.set(key, ending);
  await ending;
}

/** One name for a file, by whatever links its folder is reached. */
async function realName(path: string): Promise<string> {
  return join(await realpath(dirname(path)), basename(path));
}

function flushAtExit(): void {
  if (flushesAtExit) return;
  flushesAtExit = true;
  process.once('exit', () => {
    for (const { open } of writers.values()) open?.flushNow();
  });
}

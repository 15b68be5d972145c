import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OutputFile } from './output-file.ts';
import type { SenderSettings } from './record-sender.ts';
import type { RecordSink } from './record-sink.ts';
import { RecordWriter, type WriterSettings } from './record-writer.ts';

const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;

/** Where records go: a descriptor of the process, a file by its absolute path, or a collector. */
export type Destination =
  | { readonly kind: keyof typeof DESCRIPTORS; readonly settings: WriterSettings }
  | { readonly kind: 'file'; readonly path: string; readonly settings: WriterSettings }
  /** `identity` is the same for senders that differ in nothing. */
  | { readonly kind: 'http'; readonly identity: string; readonly settings: SenderSettings };

interface Shared {
  users: number;
  readonly sink: Promise<RecordSink>;
  /** The sink once it is open: at the end of the process nothing can be waited for. */
  open: RecordSink | undefined;
}

/**
 * The sinks of this process by destination. Two loggers of one file, or of a bundle and its successor, must not tear
 * the file's lines, order and chain apart.
 */
const sinks = new Map<string, Shared>();
const endings = new Map<string, Promise<void>>();
let flushesAtExit = false;

/** A sink in use. */
export interface SinkLease {
  readonly sink: RecordSink;
  /** Ends the sink when nobody else uses it. */
  release(): Promise<void>;
}

/** The sink of a destination, opened if nobody has. Rejects with the system's error. */
export async function leaseSink(destination: Destination): Promise<SinkLease> {
  const key = await keyOf(destination);
  await endings.get(key)?.catch(() => undefined);
  const known = sinks.get(key);
  const shared = known ?? { users: 0, sink: openSink(destination), open: undefined };
  shared.users += 1;
  sinks.set(key, shared);
  try {
    const sink = await shared.sink;
    shared.open = sink;
    if (known !== undefined && destination.kind !== 'http' && sink instanceof RecordWriter) {
      sink.renew(destination.settings);
    }
    flushAtExit();
    return { sink, release: () => release(key, shared) };
  } catch (error) {
    if (sinks.get(key) === shared) sinks.delete(key);
    throw error;
  }
}

async function keyOf(destination: Destination): Promise<string> {
  switch (destination.kind) {
    case 'file':
      return realName(destination.path);
    case 'http':
      return `http ${destination.identity}`;
    default:
      return destination.kind;
  }
}

async function openSink(destination: Destination): Promise<RecordSink> {
  switch (destination.kind) {
    case 'file':
      return RecordWriter.on(await OutputFile.open(destination.path), destination.settings);
    case 'http': {
      // Its libraries are loaded by processes that send records, and by no others.
      const { RecordSender } = await import('./record-sender.ts');
      return new RecordSender(destination.settings);
    }
    default:
      return RecordWriter.on(OutputFile.ofDescriptor(DESCRIPTORS[destination.kind]), destination.settings);
  }
}

async function release(key: string, shared: Shared): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  sinks.delete(key);
  const sink = await shared.sink;
  const ending = sink.close().finally(() => endings.delete(key));
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
    for (const { open } of sinks.values()) open?.flushNow();
  });
}

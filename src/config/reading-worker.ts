import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Report } from '../diagnostics/report.ts';
import type { Alarm } from '../session/label-store.ts';
import type { Source } from '../text/source.ts';
import { DocumentCache } from './document-cache.ts';
import { LocalReader, type BundleSource } from './document-reader.ts';
import type { PackedSet, Purpose } from './document-set.ts';

/** What `WorkerReader` asks, one at a time. */
export type Question =
  | { readonly kind: 'read'; readonly source: BundleSource; readonly purpose: Purpose }
  | { readonly kind: 'keep' };

/** An answer for each question, and alarms at any time. */
export type Answer =
  | {
      readonly kind: 'read';
      readonly sources: readonly Source[];
      /** Undefined when a file cannot be read. */
      readonly set: PackedSet | undefined;
      /** What kept files from being read. */
      readonly unread: PackedSet['findings'];
    }
  | { readonly kind: 'kept' }
  | { readonly kind: 'alarm'; readonly alarm: Alarm };

async function answer(question: Question, reader: LocalReader, port: MessagePort): Promise<void> {
  if (question.kind === 'keep') {
    await reader.keep();
    send({ kind: 'kept' }, port);
    return;
  }
  const report = new Report();
  const reading = await reader.reading(question.source, question.purpose, report);
  const { diagnostics, dropped, hasErrors } = report;
  const unread = { diagnostics, dropped, hasErrors };
  const set = reading && transferable(reading.packed());
  const buffers = (set?.documents ?? []).flatMap((each) => (each ? [each.words.buffer, each.literals.buffer] : []));
  send({ kind: 'read', sources: reading?.sources ?? [], set, unread }, port, buffers);
}

/** The set with buffers that hold nothing else. */
function transferable({ documents, findings }: PackedSet): PackedSet {
  return {
    documents: documents.map((each) => each && { ...each, words: each.words.slice(), literals: each.literals.slice() }),
    findings,
  };
}

function send(message: Answer, port: MessagePort, transfer: readonly ArrayBufferLike[] = []): void {
  port.postMessage(
    message,
    transfer.filter((buffer) => buffer instanceof ArrayBuffer),
  );
}

/** Runs in a thread: reads what the main thread asks for until that ends it. What is thrown ends the thread. */
function serve(port: MessagePort, cache: string | undefined): void {
  const alarm = (raised: Alarm): void => send({ kind: 'alarm', alarm: raised }, port);
  const reader = new LocalReader(cache === undefined ? undefined : new DocumentCache(cache, alarm));
  port.on('message', (question: Question) => {
    void answer(question, reader, port);
  });
}

/** Lets threads that serve requests go first where cores are few. Where threads have no priority of their own, nothing. */
function giveWay(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Reading is as good without.
  }
}

if (parentPort !== null) {
  giveWay();
  serve(parentPort, workerData.cache);
}

import { linkRecord, type ChainLink } from './hash-chain.ts';

/** What may wait to be written or sent, in UTF-16 units. */
export const MAX_QUEUED = 16 * 1024 * 1024;
/** Most time that the end waits for what is still queued, in milliseconds. */
export const CLOSE_WITHIN = 5000;

/** Hears why records went nowhere, and how many are lost for good. */
export type OnFailure = (failure: string, lost: number) => void;

/** A record as one JSON object. */
export interface RecordEntry {
  readonly text: string;
  /** Whether it becomes a link of the chain of hashes. */
  readonly chained: boolean;
  /** True for a record that is taken even when the sink is full. */
  readonly kept: boolean;
}

/**
 * Where records go, in the order they come. Nobody waits for it: what cannot go out is kept and tried again, up to a
 * bound, and every failure is told. The record that follows lost ones says how many in `lost_before`.
 */
export interface RecordSink {
  /** True when the next record would be lost, unless it is `kept`. */
  readonly full: boolean;
  append(entry: RecordEntry): void;
  /** Lets go of what is queued, for the end of the process when nothing can be waited for. */
  flushNow(): void;
  /** Sees to what is queued, then ends. Never takes longer than a few seconds. */
  close(): Promise<void>;
}

/** The text, one line without its break, and where the chain stands after it. */
export function linked(
  { text, chained }: RecordEntry,
  before: ChainLink,
): { readonly text: string; readonly link: ChainLink } {
  return chained ? linkRecord(text, before) : { text, link: before };
}

/** The record with the number of those lost before it. */
export function afterLoss(text: string, lost: number): string {
  return `${text.slice(0, -1)},"lost_before":${lost}}`;
}

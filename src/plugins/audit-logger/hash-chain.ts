import { createHash } from 'node:crypto';

/** Where a chain of records stands: the number and the hash of its latest one. */
export interface ChainLink {
  readonly seq: number;
  /** SHA-256, hex. */
  readonly hash: string;
}

/** What the first record of a chain follows. */
export const CHAIN_START: ChainLink = { seq: 0, hash: '0'.repeat(64) };

/**
 * The record with three last members: its number `seq`, the hash `prev` of the record before it, and `hash`, the SHA-256
 * of the line as it is without `hash`.
 */
export function linkRecord(text: string, before: ChainLink): { readonly text: string; readonly link: ChainLink } {
  const seq = before.seq + 1;
  const linked = `${text.slice(0, -1)},"seq":${seq},"prev":"${before.hash}"`;
  const hash = hashOf(linked);
  return { text: `${linked},"hash":"${hash}"}`, link: { seq, hash } };
}

const TAIL = /^(.*,"seq":([0-9]{1,15}),"prev":"([0-9a-f]{64})"),"hash":"([0-9a-f]{64})"\}$/s;

/** Where a chain stands after the line; undefined when the line bears no link. */
export function linkOf(line: string): ChainLink | undefined {
  const [, , seq, , hash] = TAIL.exec(line) ?? [];
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
}

export interface ChainFinding {
  /** From 1. */
  readonly line: number;
  readonly problem: 'record is not linked' | 'record was changed' | 'record does not follow the one before';
}

export interface ChainReport {
  readonly records: number;
  /** What the first record follows: `CHAIN_START`, unless older records are elsewhere. */
  readonly after: ChainLink | undefined;
  /** Where the chain ends: a copy kept elsewhere shows whether records were cut off the end. */
  readonly last: ChainLink | undefined;
  readonly findings: readonly ChainFinding[];
}

/** Checks the lines of an audit file, oldest first, without their line breaks. */
export async function verifyChain(lines: AsyncIterable<string> | Iterable<string>): Promise<ChainReport> {
  const findings: ChainFinding[] = [];
  let records = 0;
  let after: ChainLink | undefined;
  let last: ChainLink | undefined;
  for await (const line of lines) {
    records += 1;
    const [, linked = '', seq = '', prev = '', hash = ''] = TAIL.exec(line) ?? [];
    if (hash === '') {
      findings.push({ line: records, problem: 'record is not linked' });
      continue;
    }
    if (hashOf(linked) !== hash) findings.push({ line: records, problem: 'record was changed' });
    if (last === undefined) after = { seq: Number(seq) - 1, hash: prev };
    else if (prev !== last.hash || Number(seq) !== last.seq + 1) {
      findings.push({ line: records, problem: 'record does not follow the one before' });
    }
    last = { seq: Number(seq), hash };
  }
  return { records, after, last, findings };
}

function hashOf(linked: string): string {
  return createHash('sha256').update(`${linked}}`).digest('hex');
}

import { Report } from '../diagnostics/report.ts';
import type { Source } from '../text/source.ts';
import type { CacheEntry, DocumentCache } from './document-cache.ts';
import { packSet, readSet, unpackSet, type DocumentSet, type PackedSet, type Purpose } from './document-set.ts';
import { readSources } from './read-source.ts';

/** Text of a bundle that is not read from a file; `name` is what diagnostics call it. */
export type BundleSource = string | Source | readonly Source[];

/** Reads the files of one load. */
export interface DocumentReader {
  /** The documents of a file, a folder or given texts. Undefined when a file cannot be read, which is reported. */
  read(source: BundleSource, purpose: Purpose, report: Report): Promise<DocumentSet | undefined>;
  /** To be called once what was read turned out to be a bundle without errors. */
  keep(): Promise<void>;
  /** Ends the reader. */
  close(): Promise<void>;
}

/** What was read, packed or not. */
export interface Reading {
  readonly sources: readonly Source[];
  packed(): PackedSet;
  /** Reports what there is to report. */
  unpacked(report: Report): DocumentSet;
}

/** Reads in this thread, and from a cache what is in it. */
export class LocalReader implements DocumentReader {
  readonly #cache: DocumentCache | undefined;
  readonly #unkept: { readonly entry: CacheEntry; readonly reading: Reading }[] = [];

  constructor(cache: DocumentCache | undefined) {
    this.#cache = cache;
  }

  async read(source: BundleSource, purpose: Purpose, report: Report): Promise<DocumentSet | undefined> {
    return (await this.reading(source, purpose, report))?.unpacked(report);
  }

  /** Undefined when a file cannot be read, which alone is reported. */
  async reading(source: BundleSource, purpose: Purpose, report: Report): Promise<Reading | undefined> {
    const sources =
      typeof source === 'string' ? await readSources(source, report) : 'text' in source ? [source] : source;
    if (sources === undefined) return undefined;
    const entry = this.#cache?.entry(sources, purpose);
    const known = entry && (await this.#cache?.find(entry, sources));
    if (known !== undefined) {
      return { sources, packed: () => known, unpacked: (into) => unpackSet(known, sources, purpose, into) };
    }
    const findings = new Report();
    const set = readSet(sources, purpose, findings);
    let packed: PackedSet | undefined;
    const reading: Reading = {
      sources,
      packed: () => (packed ??= packSet(set, findings)),
      unpacked: (into) => {
        into.addAll(findings);
        return set;
      },
    };
    if (entry !== undefined && !findings.hasErrors) this.#unkept.push({ entry, reading });
    return reading;
  }

  async keep(): Promise<void> {
    for (const { entry, reading } of this.#unkept.splice(0)) {
      await this.#cache?.save(entry, reading.sources, reading.packed());
    }
  }

  async close(): Promise<void> {
    this.#unkept.length = 0;
  }
}

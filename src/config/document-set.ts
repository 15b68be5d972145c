import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { Report, type Findings } from '../diagnostics/report.ts';
import type { DocumentNode, MapNode } from '../text/document.ts';
import { packDocument, unpackDocument, type PackedDocument } from '../text/packed-document.ts';
import type { Source } from '../text/source.ts';
import { readDocument } from './load.ts';
import { mergeDocuments } from './merge-documents.ts';
import { validateBundle } from './schema.ts';

/** What files are read for. Those of a bundle make up one map, which is checked under the bundle schema. */
export type Purpose = 'bundle' | 'attributes';

/** The documents of some files, and the map that those of a bundle make up. */
export interface DocumentSet {
  readonly sources: readonly Source[];
  /** One for each source: undefined for one that no tree can be made of, and for a blank attribute file. */
  readonly documents: readonly (DocumentNode | undefined)[];
  /** Undefined when the documents make up no bundle, and for attribute files. */
  readonly root: MapNode | undefined;
}

/**
 * The same as data that threads hand over and files hold, with what there was to report. Depends on nothing but the sources:
 * no option, environment or registered kind has a say in it.
 */
export interface PackedSet {
  readonly documents: readonly (PackedDocument | undefined)[];
  readonly findings: {
    readonly diagnostics: readonly Diagnostic[];
    readonly dropped: number;
    readonly hasErrors: boolean;
  };
}

/** Reads `sources`; everything wrong with them as documents goes into `report`, and for a bundle what the schema says. */
export function readSet(sources: readonly Source[], purpose: Purpose, report: Report): DocumentSet {
  if (purpose === 'attributes') {
    const documents = sources.map((source) => (source.text.trim() === '' ? undefined : readDocument(source, report)));
    return { sources, documents, root: undefined };
  }
  const documents = sources.map((source) => readDocument(source, report));
  const root = rootOf(documents, report);
  if (root !== undefined) validateBundle(root, report);
  return { sources, documents, root };
}

function rootOf(documents: DocumentSet['documents'], report: Report): MapNode | undefined {
  const present = documents.filter((document) => document !== undefined);
  const root = mergeDocuments(present, report);
  return present.length < documents.length ? undefined : root;
}

/** The set as data. `findings` are those of `readSet`. */
export function packSet({ documents }: Pick<DocumentSet, 'documents'>, findings: Findings): PackedSet {
  const { diagnostics, dropped, hasErrors } = findings;
  return {
    documents: documents.map((document) => document && packDocument(document)),
    findings: { diagnostics, dropped, hasErrors },
  };
}

/** The set again, from the same sources. Reports what reading them reported. */
export function unpackSet(
  packed: PackedSet,
  sources: readonly Source[],
  purpose: Purpose,
  report: Report,
): DocumentSet {
  report.addAll(packed.findings);
  const documents = sources.map((source, index) => {
    const document = packed.documents[index];
    return document && unpackDocument(document, source);
  });
  // What joining has to say has been reported with the rest.
  return { sources, documents, root: purpose === 'bundle' ? rootOf(documents, new Report()) : undefined };
}

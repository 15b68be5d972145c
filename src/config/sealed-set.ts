import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Source, Span } from '../text/source.ts';
import type { PackedSet } from './document-set.ts';

const CIPHER = 'aes-256-gcm';
const MAGIC = Buffer.from('indelible-cache\n');
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.length + IV_BYTES + TAG_BYTES;

/** A span whose source is told by its place in the list of sources. */
type Place = readonly [source: number, start: number, end: number];

interface Content {
  readonly documents: PackedSet['documents'];
  readonly dropped: number;
  readonly findings: readonly (Omit<Diagnostic, 'span' | 'related'> & {
    readonly at: Place;
    readonly related?: readonly { readonly note: string; readonly at: Place }[];
  })[];
}

/** A set without errors as the content of a file, which `key` alone opens and any change of which is found out. */
export function seal({ documents, findings }: PackedSet, sources: readonly Source[], key: Uint8Array): Buffer {
  const placeOf = ({ source, start, end }: Span): Place => [sources.indexOf(source), start, end];
  const content: Content = {
    documents,
    dropped: findings.dropped,
    findings: findings.diagnostics.map(({ span, related, ...finding }) => ({
      ...finding,
      at: placeOf(span),
      ...(related && { related: related.map(({ note, span: at }) => ({ note, at: placeOf(at) })) }),
    })),
  };
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(MAGIC);
  const sealed = Buffer.concat([cipher.update(serialize(content)), cipher.final()]);
  return Buffer.concat([MAGIC, iv, cipher.getAuthTag(), sealed]);
}

/** The set that was sealed with `key` for the same sources. Throws when `bytes` are anything else. */
export function unseal(bytes: Buffer, sources: readonly Source[], key: Uint8Array): PackedSet {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not an entry');
  const iv = bytes.subarray(MAGIC.length, MAGIC.length + IV_BYTES);
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(MAGIC);
  decipher.setAuthTag(bytes.subarray(HEAD_BYTES - TAG_BYTES, HEAD_BYTES));
  const opened = Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()]);
  const { documents, dropped, findings }: Content = deserialize(opened);
  const spanAt = ([index, start, end]: Place): Span => {
    const source = sources[index];
    if (source === undefined) throw new Error('not of these sources');
    return { source, start, end };
  };
  const diagnostics = findings.map(({ at, related, ...finding }) => ({
    ...finding,
    span: spanAt(at),
    ...(related && { related: related.map(({ note, at: place }) => ({ note, span: spanAt(place) })) }),
  }));
  return { documents, findings: { diagnostics, dropped, hasErrors: false } };
}

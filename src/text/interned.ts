/**
 * The same text in the form that the runtime keeps names of properties in. A slice of a document is not; comparing one
 * with what a request holds takes a walk over both.
 */
export function interned(text: string): string {
  return Object.keys({ [text]: undefined })[0] ?? text;
}

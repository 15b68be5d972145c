/**
 * The same text in the form that the runtime keeps names of properties in. A slice of a document is not; comparing one
 * with what a request holds takes a walk over both.
 */
export function interned(text: string): string {
  // Without a prototype an object is a table; any other would leave the runtime a new layout for each name.
  const names: Record<string, undefined> = Object.create(null);
  names[text] = undefined;
  return Object.keys(names)[0] ?? text;
}

/** The document that a step asks for: names below `data`. */
export type QueryPath = readonly string[];

const REFERENCE = /^data((?:\.[A-Za-z_]\w*|\["[^"\\]*"\])+)$/;
const SEGMENT = /\.([A-Za-z_]\w*)|\["([^"\\]*)"\]/g;
const SLASHED = /^[^\s/."[\]]+(?:\/[^\s/."[\]]+)*$/;

/** `data.policy.allow` or `policy/allow`. Throws an `Error` for the author for anything else, expressions included. */
export function parseQuery(text: string): QueryPath {
  const [, tail] = REFERENCE.exec(text.trim()) ?? [];
  if (tail !== undefined) return [...tail.matchAll(SEGMENT)].map(([, name, quoted]) => name ?? quoted ?? '');
  const path = text.trim();
  if (SLASHED.test(path) && path !== 'data') return path.split('/');
  throw new Error(`\`${text}\` names no rule; write \`data.package.rule\``);
}

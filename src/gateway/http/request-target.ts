/** What a request line asks for. `path` is without query. */
export interface RequestTarget {
  readonly path: string;
  /** As written, path and query: what goes upstream. */
  readonly raw: string;
}

/**
 * The target of a request in origin form; undefined for any other form (absolute, authority, asterisk) and for a path
 * with control characters, a backslash or a broken escape.
 */
export function readTarget(raw: string | undefined): RequestTarget | undefined {
  if (
    raw === undefined ||
    !raw.startsWith('/') ||
    !/^[\x21-\x7e]*$/.test(raw) ||
    raw.includes('\\') ||
    raw.includes('#')
  ) {
    return undefined;
  }
  const query = raw.indexOf('?');
  const path = query === -1 ? raw : raw.slice(0, query);
  return /%(?![0-9A-Fa-f]{2})/.test(path) ? undefined : { path, raw };
}

/**
 * A form in which two paths are equal when some server serves them alike: unescaped, dot segments resolved, repeated and
 * trailing slashes gone, path parameters cut, lower case.
 */
export function canonicalPath(path: string): string {
  let unescaped = path;
  // An escape may be escaped again; a server behind another proxy unescapes more than once.
  for (let round = 0; round < 3 && unescaped.includes('%'); round++) unescaped = unescape(unescaped);
  const segments: string[] = [];
  for (const segment of unescaped.replaceAll('\\', '/').split('/')) {
    const [name = ''] = segment.split(';');
    if (name === '..') segments.pop();
    else if (name !== '' && name !== '.') segments.push(name);
  }
  return `/${segments.join('/')}`.toLowerCase();
}

function unescape(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

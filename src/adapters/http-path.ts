import { readTarget } from '../gateway/http/request-target.ts';

/** A dot segment, as written or escaped: some handlers resolve it, others do not. */
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;
/** What an escape must not hide: control characters, and the other slash. */
const UNSAFE = /[\p{Cc}\\]/u;

/**
 * The path of a request target as routers read it: without query, and without needless escapes, so that `/%61dmin` is `/admin`
 * to policy too. Undefined for targets that two handlers could read differently.
 */
export function pathOf(target: string | undefined): string | undefined {
  const read = readTarget(target);
  if (read === undefined) return undefined;
  try {
    const path = decodeURI(read.path);
    return DOT_SEGMENT.test(path) || UNSAFE.test(path) ? undefined : path;
  } catch {
    return undefined;
  }
}

/** The path as the default routers of Express and Connect compare it: in any case, with or without a slash at its end. */
export function foldedPath(path: string | undefined): string | undefined {
  if (path === undefined || path === '/') return path;
  return (path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase();
}

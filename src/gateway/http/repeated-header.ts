import type { IncomingMessage } from 'node:http';

const SINGLE_HEADERS = new Set(['host', 'content-type', 'authorization']);
const LENGTHS = new Set([...SINGLE_HEADERS].map((name) => name.length));

/** Two lines of one of these would let two readers see two values; node keeps the first and says nothing. */
export function repeatedHeader(request: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  const seen = new Set<string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const written = request.rawHeaders[i] ?? '';
    if (!LENGTHS.has(written.length)) continue;
    const name = written.toLowerCase();
    if (!SINGLE_HEADERS.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

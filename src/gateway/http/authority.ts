/** Which `Host` and `Origin` headers are let in. */
export interface AuthorityCheck {
  /** The validated host name in lower case, without port; undefined when the header is missing, malformed or not allowed. */
  host(header: string | undefined): string | undefined;
  /** Whether a page of this origin may talk to the gateway. A missing header passes: only browsers send one. */
  origin(header: string | undefined): boolean;
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
/** Spellings of `Host` that are let in without being read again. */
const MAX_KNOWN = 64;
/** Addresses that a socket listens on but nobody calls it by. */
const WILDCARD_ADDRESSES = new Set(['0.0.0.0', '[::]']);

/**
 * Lets in the loopback names and the listen address on any port, and what the lists add: hosts as `name` (any port) or
 * `name:port`, origins as `scheme://host[:port]`. A name that an attacker points at this address is none of them, which
 * is what makes DNS rebinding fail. Throws `TypeError` for an entry that cannot be read.
 */
export function createAuthorityCheck(
  listenHost: string,
  allowHosts: readonly string[],
  allowOrigins: readonly string[],
): AuthorityCheck {
  const names = new Set(LOOPBACK_NAMES);
  const listen = parseAuthority(
    listenHost.includes(':') && !listenHost.startsWith('[') ? `[${listenHost}]` : listenHost,
  );
  if (listen !== undefined && !WILDCARD_ADDRESSES.has(listen.hostname)) names.add(listen.hostname);
  const authorities = new Set<string>();
  for (const entry of allowHosts) {
    const parsed = parseAuthority(entry);
    if (parsed === undefined) throw new TypeError(`not a host: ${entry}`);
    if (parsed.port === '') names.add(parsed.hostname);
    else authorities.add(`${parsed.hostname}:${parsed.port}`);
  }
  const origins = new Set(allowOrigins.map(readOrigin));
  const known = new Map<string, string>();

  return {
    host(header) {
      if (header === undefined) return undefined;
      const before = known.get(header);
      if (before !== undefined) return before;
      const parsed = parseAuthority(header);
      if (parsed === undefined) return undefined;
      const { hostname } = parsed;
      if (!names.has(hostname) && !authorities.has(`${hostname}:${parsed.port || '80'}`)) return undefined;
      if (known.size < MAX_KNOWN) known.set(header, hostname);
      return hostname;
    },
    origin(header) {
      if (header === undefined) return true;
      let url: URL;
      try {
        url = new URL(header);
      } catch {
        return false;
      }
      if (url.origin === 'null' ? origins.has(header) : origins.has(url.origin)) return true;
      return (url.protocol === 'http:' || url.protocol === 'https:') && names.has(url.hostname);
    },
  };
}

interface Authority {
  readonly hostname: string;
  readonly port: string;
}

const AUTHORITY = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

function parseAuthority(text: string): Authority | undefined {
  if (!AUTHORITY.test(text)) return undefined;
  try {
    // The parser brings addresses into one form: 127.1 and 0x7f000001 are 127.0.0.1.
    const { hostname } = new URL(`http://${text}`);
    const colon = text.lastIndexOf(':');
    const port = colon > text.lastIndexOf(']') ? text.slice(colon + 1) : '';
    return { hostname: hostname.endsWith('.') ? hostname.slice(0, -1) : hostname, port };
  } catch {
    return undefined;
  }
}

function readOrigin(entry: string): string {
  try {
    const { origin, pathname, search, hash } = new URL(entry);
    if ((pathname === '/' || pathname === '') && search === '' && hash === '')
      return origin === 'null' ? entry : origin;
  } catch {
    // Reported below, as what is not an origin.
  }
  throw new TypeError(`not an origin: ${entry}`);
}

import { DEFAULT_PORT, parseAddress, type Address } from './address.ts';

/** A parsed `endpoint`. `tls` is undefined when a bare `host:port` leaves it open. */
export interface Endpoint {
  readonly address: Address;
  readonly tls: boolean | undefined;
  readonly isUrl: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

const SCHEMES: Readonly<Record<string, boolean>> = {
  'redis:': false,
  'valkey:': false,
  'rediss:': true,
  'valkeys:': true,
};

/**
 * Parses `host:port` or a `redis://`, `rediss://`, `valkey://` or `valkeys://` URL; names in credentials are
 * percent-encoded there. Throws an `Error` for the author of the bundle that repeats nothing of `text`.
 */
export function parseEndpoint(text: string): Endpoint {
  if (!text.includes('://')) {
    if (text.includes('@')) throw new Error('`endpoint` holds credentials: write them as `username` and `password`');
    const address = parseAddress(text, DEFAULT_PORT);
    if (address === undefined) throw new Error('`endpoint` is neither `host:port` nor a URL (IPv6 goes in brackets)');
    return { address, tls: undefined, isUrl: false, username: undefined, password: undefined, database: 0 };
  }
  const url = parseUrl(text);
  const tls = SCHEMES[url.protocol];
  if (tls === undefined) throw new Error('`endpoint` is a URL of another kind than `redis://` or `rediss://`');
  if (url.search !== '' || url.hash !== '') throw new Error('`endpoint` must not have a query or fragment');
  const address = parseAddress(url.port === '' ? url.hostname : `${url.hostname}:${url.port}`, DEFAULT_PORT);
  if (address === undefined) throw new Error('`endpoint` is a URL without a usable host and port');
  const path = /^\/?(\d{0,5})$/.exec(url.pathname);
  if (path === null) throw new Error('`endpoint` has a path that is no database number');
  return {
    address,
    tls,
    isUrl: true,
    username: decoded(url.username),
    password: decoded(url.password),
    database: Number(path[1] ?? 0),
  };
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    // The thrown error carries the text, and with it the password.
    throw new Error('`endpoint` is not a valid URL');
  }
}

function decoded(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('`endpoint` holds credentials that are not percent-encoded rightly');
  }
}

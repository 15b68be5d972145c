import { isIP } from 'node:net';

/** Port of a server or cluster node that names none. */
export const DEFAULT_PORT = 6379;

/** Port of a Sentinel that names none. */
export const DEFAULT_SENTINEL_PORT = 26_379;

/** `host` is a name or an IP address, an IPv6 address without its brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/;

/** Parses `host`, `host:port`, `[ipv6]` or `[ipv6]:port`. Undefined when `text` is none of them. */
export function parseAddress(text: string, defaultPort: number): Address | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, name = '', portText] = match;
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port < 1 || port > 65_535) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  return HOST_NAME.test(name) ? { host: name, port } : undefined;
}

/** Whether a parsed host is this machine: 127.0.0.0/8, `::1` or `localhost`. */
export function isLoopback(host: string): boolean {
  switch (isIP(host)) {
    case 4:
      return host.startsWith('127.');
    case 6:
      return /^(?:0{0,4}:){2,7}0{0,3}1$/.test(host);
    default:
      return host.toLowerCase() === 'localhost';
  }
}

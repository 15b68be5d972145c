import type { CatalogEntry } from './catalog-entry.ts';

const block = (rest: string): string =>
  `global: {transport_sessions: {kind: redis, key_prefix: "mcp:session:", ${rest}}}`;

export const transportCodes = {
  'transport/one-deployment': {
    severity: 'error',
    title: 'not exactly one of `addr` and `sentinel`',
    explanation:
      'Transport sessions live on one deployment: a server at `addr`, or the primary that the Sentinels of `sentinel` name.',
    example: block('addr: "localhost:6379", sentinel: {master_name: main, addrs: ["localhost:26379"]}'),
  },
  'transport/address': {
    severity: 'error',
    title: 'an address that is not `host:port`',
    explanation:
      'Servers and Sentinels of transport sessions are written as `host:port`, IPv6 in brackets. User, password and TLS have keys of their own.',
    example: block('addr: "redis://localhost:6379"'),
  },
  'transport/plaintext': {
    severity: 'error',
    title: 'transport sessions over the network in the clear',
    explanation:
      'Who reads the connection can use the sessions. Only loopback addresses (127.0.0.0/8, `::1`, `localhost`) go without `tls`.',
    example: block('addr: "redis.example.com:6379"'),
  },
  'transport/credentials': {
    severity: 'error',
    title: 'credentials that are given twice or in part, or cannot be had',
    explanation: 'There is one place for a password: `password`, or `password_source`. A user name needs one of them.',
    example: block('addr: "localhost:6379", username: gateway'),
  },
  'transport/key-prefix': {
    severity: 'error',
    title: 'a key prefix that does not end in a colon',
    explanation:
      'Keys are the prefix followed by the id of the session. The colon keeps them apart from other keys of the server, and lets an access control list name them.',
    example: 'global: {transport_sessions: {kind: redis, addr: "localhost:6379", key_prefix: sessions}}',
  },
  'transport/range': {
    severity: 'error',
    title: 'a lifetime, limit or database number that cannot be',
    explanation: 'Lifetimes and time limits are positive, and database numbers are whole and not negative.',
    example: block('addr: "localhost:6379", ttl_seconds: 0'),
  },
  'transport/tls': {
    severity: 'error',
    title: 'unusable TLS settings',
    explanation:
      'A file that `tls` names must be readable, a certificate comes with its key, and the trusted certificates are given once.',
    example: block('addr: "localhost:6379", tls: {ca_file: nowhere.pem}'),
  },
  'transport/insecure-skip-verify': {
    severity: 'warning',
    title: 'a certificate that is not verified',
    explanation:
      'Whoever can answer in the place of the server then reads the password and the sessions. Trust a private authority by `ca_file` or `ca_cert` instead.',
    example: block('addr: "localhost:6379", tls: {insecure_skip_verify: true}'),
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;

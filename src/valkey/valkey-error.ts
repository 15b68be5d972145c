/**
 * What went wrong with a command or connection.
 * - `unavailable`: no connection, or the server cannot serve now; another attempt may succeed
 * - `timeout`: no answer in time; the command may have been executed
 * - `read_only`: the server is a replica
 * - `refused`: credentials, permissions, TLS or configuration; another attempt will not succeed by itself
 * - `full`: no memory for writes
 * - `wrong_type`: the key holds something else than was asked for
 * - `no_script`: the script is not known
 * - `closed`: the connection was closed by its owner
 */
export type ValkeyFailure =
  | 'unavailable'
  | 'timeout'
  | 'read_only'
  | 'refused'
  | 'full'
  | 'wrong_type'
  | 'no_script'
  | 'closed';

/** An error whose text is made here, so that it cannot hold credentials, keys or values; it has no `cause`. */
export class ValkeyError extends Error {
  override readonly name = 'ValkeyError';
  readonly failure: ValkeyFailure;

  constructor(failure: ValkeyFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

const REPLIES: Readonly<Record<string, readonly [ValkeyFailure, string]>> = {
  WRONGTYPE: ['wrong_type', 'the key holds another type of value'],
  NOSCRIPT: ['no_script', 'the script is not loaded'],
  READONLY: ['read_only', 'the server is a replica'],
  LOADING: ['unavailable', 'the server is still loading its data'],
  BUSY: ['unavailable', 'the server is busy with a script'],
  MASTERDOWN: ['unavailable', 'the server is a replica that lost its primary'],
  TRYAGAIN: ['unavailable', 'the cluster is moving the slot'],
  CLUSTERDOWN: ['unavailable', 'the cluster does not serve the slot'],
  NOREPLICAS: ['unavailable', 'the primary has fewer replicas than `min-replicas-to-write`'],
  MISCONF: ['unavailable', 'the server refuses writes because it cannot persist them'],
  OOM: ['full', 'the server has reached `maxmemory`'],
  WRONGPASS: ['refused', 'the server refuses the user name or password'],
  NOAUTH: ['refused', 'the server asks for a password'],
  NOPERM: ['refused', 'the access control list of the user does not allow this'],
  MOVED: ['refused', 'the server is a node of a cluster: configure `cluster`'],
  ASK: ['refused', 'the server is a node of a cluster: configure `cluster`'],
};

const CLIENT_TEXTS: readonly (readonly [RegExp, ValkeyFailure, string])[] = [
  [/without any password configured|no password is set/, 'refused', 'the server does not ask for a password'],
  [/max number of clients/, 'unavailable', 'the server has its greatest number of clients'],
  [/appendonly is disabled/, 'refused', 'the server does not write an append only file'],
  [
    /ACL failure in script|user executing the script can't/,
    'refused',
    'the access control list of the user does not allow this',
  ],
  [/unknown command/i, 'refused', 'the server does not know the command'],
  [/All sentinels are unreachable/, 'unavailable', 'no Sentinel names a primary that may be used'],
  [/Command timed out|Socket timeout|ETIMEDOUT/, 'timeout', 'no answer in time'],
];

/** The client's error, told in words of our own. What is not known is `unavailable`. */
export function toValkeyError(error: unknown): ValkeyError {
  if (error instanceof ValkeyError) return error;
  const text = error instanceof Error ? error.message : '';
  const [failure, message] = REPLIES[text.replace(/^-/, '').split(' ', 1)[0] ?? ''] ?? [];
  if (failure !== undefined && message !== undefined) return new ValkeyError(failure, message);
  const known = CLIENT_TEXTS.find(([pattern]) => pattern.test(text));
  if (known) return new ValkeyError(known[1], known[2]);
  if (error instanceof Error && error.name === 'ReplyError') {
    return new ValkeyError('refused', 'the server answers with an error');
  }
  const code = codeOf(error);
  if (code === undefined) return new ValkeyError('unavailable', 'the connection is gone');
  return new ValkeyError(isTlsCode(code) ? 'refused' : 'unavailable', explain(code));
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
}

function isTlsCode(code: string): boolean {
  return /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO|HOSTNAME_MISMATCH)/.test(code);
}

function explain(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'the connection is refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name does not resolve';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection was reset';
    default:
      return isTlsCode(code) ? `TLS fails with \`${code}\`` : `the connection fails with \`${code}\``;
  }
}

/** What a failure means to a store, whichever it is. */
export function storeFailureOf(failure: ValkeyFailure): 'unavailable' | 'timeout' | 'corrupt' | 'full' | 'closed' {
  switch (failure) {
    case 'timeout':
    case 'full':
    case 'closed':
      return failure;
    case 'wrong_type':
      return 'corrupt';
    case 'unavailable':
    case 'read_only':
    case 'refused':
    case 'no_script':
      return 'unavailable';
  }
}

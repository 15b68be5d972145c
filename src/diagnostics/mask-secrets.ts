/** Keys whose values are secrets wherever they stand. */
const SECRET_VALUE =
  /((?:password|passphrase|secret|token|pem|private_key|api_key)["']?\s*:\s*)((?:"[^"]*"?|'[^']*'?|[^,}\s][^,}]*))/gi;
/** Credentials inside a URL. */
const URL_CREDENTIALS = /(:\/\/)([^\s/@]+)(?=@)/g;
/** Credentials before a `host:port`. */
const ADDRESS_CREDENTIALS = /(^|[\s"'[,])([^\s/@"'[,:]+:[^\s/@"',]+)(?=@[\w.[\]-]+:\d)/g;

/**
 * One line of a bundle with its secrets replaced by bullets, so that it can be shown. The length stays what it was, so
 * that columns do.
 */
export function maskSecrets(line: string): string {
  return line.replace(SECRET_VALUE, mask).replace(URL_CREDENTIALS, mask).replace(ADDRESS_CREDENTIALS, mask);
}

function mask(_match: string, before: string, secret: string): string {
  return before + '•'.repeat(secret.length);
}

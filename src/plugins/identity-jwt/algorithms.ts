/** Signature algorithms that an issuer can be trusted with. Source: RFC 7518 section 3.1, RFC 8037, RFC 9864. */
export const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Algorithms of each kind of key; those of one kind never verify with a key of another. */
export const ALGORITHMS_OF_KEY = {
  secret: ['HS256', 'HS384', 'HS512'],
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  ed25519: ['EdDSA', 'Ed25519'],
} as const satisfies Readonly<Record<string, readonly Algorithm[]>>;

const KNOWN: ReadonlySet<string> = new Set(ALGORITHMS);

/** Whether a token header's `alg` is one of ours; `none` is not. */
export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && KNOWN.has(name);
}

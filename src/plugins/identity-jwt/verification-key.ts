import { createPublicKey, createSecretKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { ALGORITHMS_OF_KEY } from './algorithms.ts';
import type { Algorithm } from './algorithms.ts';

/** Least size of an RSA key. Source: RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048;

/** A key that can verify signatures, never one that can sign unless it is a shared secret. */
export interface VerificationKey {
  readonly key: KeyObject;
  /** The key's id in its key set; undefined when the set gives none. */
  readonly kid: string | undefined;
  /** Algorithms that this key may verify: those of its family, or the one that its JWK names. */
  readonly algorithms: ReadonlySet<Algorithm>;
}

/** Why a text or JWK cannot be used as a key; the message never holds any of it. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

/** By the names that OpenSSL gives the curves. */
const CURVES: ReadonlyMap<string | undefined, readonly Algorithm[]> = new Map<string | undefined, readonly Algorithm[]>(
  [
    ['prime256v1', ALGORITHMS_OF_KEY['P-256']],
    ['secp384r1', ALGORITHMS_OF_KEY['P-384']],
    ['secp521r1', ALGORITHMS_OF_KEY['P-521']],
  ],
);

function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  if (key.type === 'secret') return ALGORITHMS_OF_KEY.secret;
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS) throw new KeyError(`is an RSA key of ${bits} bits; ${MIN_RSA_BITS} are the least`);
    return ALGORITHMS_OF_KEY.rsa;
  }
  if (key.asymmetricKeyType === 'ec') {
    const algorithms = CURVES.get(details?.namedCurve);
    if (!algorithms) throw new KeyError('is on a curve other than P-256, P-384 and P-521');
    return algorithms;
  }
  if (key.asymmetricKeyType === 'ed25519') return ALGORITHMS_OF_KEY.ed25519;
  throw new KeyError('is neither an RSA, an EC nor an Ed25519 key');
}

/** Key of a public key or certificate in PEM form. Throws `KeyError`. */
export function keyFromPem(pem: string): VerificationKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw new KeyError('is a private key; give the public one');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new KeyError('is not a public key in PEM form');
  }
  return { key, kid: undefined, algorithms: new Set(algorithmsOf(key)) };
}

/** Key of a shared secret: its UTF-8 bytes. Throws `KeyError` for an empty one. */
export function keyFromSecret(secret: string): VerificationKey {
  if (secret === '') throw new KeyError('is empty');
  const key = createSecretKey(Buffer.from(secret, 'utf8'));
  return { key, kid: undefined, algorithms: new Set(ALGORITHMS_OF_KEY.secret) };
}

/** Whether a value has the outer form of a JWK; what its members are worth shows when it is imported. */
function isJwk(value: unknown): value is JsonWebKey {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Key of a JWK (RFC 7517). Honours `use`, `key_ops` and `alg`. Throws `KeyError` for what is private, not meant for
 * signatures, or not a key.
 */
export function keyFromJwk(jwk: unknown): VerificationKey {
  if (!isJwk(jwk)) throw new KeyError('is not a JWK');
  const { kid, use, key_ops: operations, alg, kty, k, d }: Record<string, unknown> = { ...jwk };
  if (kid !== undefined && typeof kid !== 'string') throw new KeyError('has a `kid` that is not a string');
  if (use !== undefined && use !== 'sig') throw new KeyError('is not meant for signatures (`use`)');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    throw new KeyError('is not meant to verify (`key_ops`)');
  }
  if (d !== undefined) throw new KeyError('is a private key; give the public one');
  let key: KeyObject;
  if (kty === 'oct') {
    if (typeof k !== 'string' || k === '') throw new KeyError('is not a valid JWK');
    key = createSecretKey(Buffer.from(k, 'base64url'));
  } else {
    try {
      key = createPublicKey({ key: jwk, format: 'jwk' });
    } catch {
      throw new KeyError('is not a valid JWK');
    }
  }
  const algorithms = algorithmsOf(key).filter((name) => alg === undefined || alg === name);
  if (algorithms.length === 0) throw new KeyError('names an `alg` that does not fit it');
  return { key, kid, algorithms: new Set(algorithms) };
}

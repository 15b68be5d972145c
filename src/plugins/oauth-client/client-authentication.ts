import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { importPKCS8 } from 'jose';
import { ClientSecretPost, None, PrivateKeyJwt } from 'oauth4webapi';
import type { ClientAuth } from 'oauth4webapi';
import { readSecretSource } from '../../text/secret-source.ts';
import type { SecretSource } from '../../text/secret-source.ts';

/** How a client proves who it is to the token endpoint. Source: RFC 8414 section 2, the method's registered name. */
export const CLIENT_AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const;
export type ClientAuthenticationMethod = (typeof CLIENT_AUTHENTICATION_METHODS)[number];

/** The client's secret as form data goes into the header; plain letters, digits and `-._*` stay as they are. */
const formEncoded = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2);

/**
 * RFC 6749 section 2.3.1. The one of oauth4webapi escapes `-`, `.` and `_` too, and servers that do not decode the pair
 * then know neither client nor secret.
 */
function clientSecretBasic(secret: SecretSource): ClientAuth {
  return (_, client, __, headers) => {
    const pair = `${formEncoded(client.client_id)}:${formEncoded(readSecretSource(secret))}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** The signature algorithm that fits a private key; undefined when no key of its kind signs here. */
function algorithmOf(key: KeyObject): string | undefined {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? 'RS256' : undefined;
    case 'ec':
      return CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
    case 'ed25519':
      return 'Ed25519';
    default:
      return undefined;
  }
}

function privateKeyOf(text: string): { readonly key: KeyObject; readonly algorithm: string; readonly kid?: string } {
  let key: KeyObject;
  let kid: unknown;
  try {
    if (text.trimStart().startsWith('{')) {
      const jwk: Record<string, unknown> = JSON.parse(text);
      kid = jwk['kid'];
      key = createPrivateKey({ key: jwk, format: 'jwk' });
    } else {
      key = createPrivateKey(text);
    }
  } catch {
    throw new Error('is no private key in PEM or JWK form');
  }
  const algorithm = algorithmOf(key);
  if (algorithm === undefined)
    throw new Error('is no RSA key of 2048 bits or more, nor one of P-256, P-384, P-521, Ed25519');
  return { key, algorithm, ...(typeof kid === 'string' ? { kid } : {}) };
}

/** RFC 7523 section 2.2, signed anew for each request. */
function privateKeyJwt(source: SecretSource, keyId: string | undefined): ClientAuth {
  return async (server, client, body, headers) => {
    const { key, algorithm, kid = keyId } = privateKeyOf(readSecretSource(source));
    const signing = await importPKCS8(key.export({ type: 'pkcs8', format: 'pem' }).toString(), algorithm);
    await PrivateKeyJwt(kid === undefined ? signing : { key: signing, kid })(server, client, body, headers);
  };
}

export interface ClientCredentialsConfig {
  readonly method: ClientAuthenticationMethod;
  readonly secret: SecretSource | undefined;
  /** A private key, PEM (PKCS #8, PKCS #1 or SEC 1) or JWK. */
  readonly key: SecretSource | undefined;
  readonly keyId: string | undefined;
}

/** Throws an `Error` for the author when the method lacks what it needs or has what it does not use. */
export function clientAuthentication({ method, secret, key, keyId }: ClientCredentialsConfig): ClientAuth {
  const usesSecret = method === 'client_secret_basic' || method === 'client_secret_post';
  if (usesSecret !== (secret !== undefined)) {
    throw new Error(`\`${method}\` ${usesSecret ? 'needs' : 'does not use'} \`client_secret_source\``);
  }
  const usesKey = method === 'private_key_jwt';
  if (usesKey !== (key !== undefined)) {
    throw new Error(`\`${method}\` ${usesKey ? 'needs' : 'does not use'} \`client_key_source\``);
  }
  if (!usesKey && keyId !== undefined) throw new Error(`\`${method}\` does not use \`client_key_id\``);
  if (method === 'none') return None();
  if (key !== undefined) {
    try {
      privateKeyOf(readSecretSource(key));
    } catch (error) {
      throw new Error(`\`client_key_source\` ${error instanceof Error ? error.message : 'cannot be read'}`, {
        cause: error,
      });
    }
    return privateKeyJwt(key, keyId);
  }
  if (secret === undefined) throw new Error('`client_secret_source` is missing');
  if (method === 'client_secret_basic') return clientSecretBasic(secret);
  return (...request) => ClientSecretPost(readSecretSource(secret))(...request);
}

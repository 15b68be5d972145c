import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK } from 'jose';

/** What the key set URL answers with. */
export type KeySetAnswer =
  | { readonly kind: 'keys' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'body'; readonly body: string }
  | { readonly kind: 'redirect'; readonly location: string }
  /** The connection is taken and nothing is sent. */
  | { readonly kind: 'hang' }
  /** Headers and part of a body are sent, and no more. */
  | { readonly kind: 'stall' };

export interface SignOptions {
  readonly algorithm?: string;
  /** Null leaves `kid` out. Default: that of the current key. */
  readonly kid?: string | null;
  /** Header parameters over the default ones. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Key to sign with instead of the current one. */
  readonly key?: CryptoKey | Uint8Array;
  /** Clock for `iat` and `exp`, Unix milliseconds. Default: now. */
  readonly now?: number;
}

export interface SigningKey {
  readonly algorithm: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** Public, with `kid`, `alg` and `use`. */
  readonly jwk: JWK;
}

/** An identity provider on the loopback interface: it signs tokens and publishes its keys over HTTP. */
export interface TestIssuer {
  /** Its `iss`: its own URL. */
  readonly issuer: string;
  readonly keySetUrl: string;
  /** The keys it publishes; may be changed. */
  readonly published: JWK[];
  readonly current: () => SigningKey;
  /** How often the key set was asked for. */
  readonly fetches: () => number;
  /** Resolves when the key set is asked for the next time. */
  readonly nextFetch: () => Promise<void>;
  answerWith(answer: KeySetAnswer): void;
  /** A token with `iss`, `iat` and an `exp` in five minutes, unless `claims` say otherwise; undefined leaves one out. */
  sign(claims: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>;
  /** Makes a new key the current one; the former stay published with `keep` only. */
  rotate(options?: { readonly algorithm?: string; readonly keep?: boolean }): Promise<SigningKey>;
  /** Closes the port; connections are refused. */
  stop(): Promise<void>;
  /** Opens the same port again. */
  start(): Promise<void>;
  close(): Promise<void>;
}

let keyCount = 0;

/** A new key pair for `algorithm`; its `kid` is unlike that of any other. */
export async function signingKey(algorithm = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  keyCount += 1;
  const kid = `key-${keyCount}`;
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' };
  return { algorithm, kid, privateKey, publicKey, jwk };
}

/** A token signed with `key`, with no claims or header parameters besides those given and `alg`. */
export function signToken(
  claims: Readonly<Record<string, unknown>>,
  key: CryptoKey | Uint8Array,
  header: Readonly<Record<string, unknown>> & { readonly alg: string },
): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ ...header }).sign(key);
}

export async function startIssuer(algorithm = 'ES256'): Promise<TestIssuer> {
  let current = await signingKey(algorithm);
  const published: JWK[] = [current.jwk];
  let answer: KeySetAnswer = { kind: 'keys' };
  let fetches = 0;

  const respond = (response: ServerResponse): void => {
    switch (answer.kind) {
      case 'keys':
        response.setHeader('content-type', 'application/jwk-set+json');
        response.end(JSON.stringify({ keys: published }));
        return;
      case 'status':
        response.writeHead(answer.status).end(JSON.stringify({ keys: published }));
        return;
      case 'body':
        response.end(answer.body);
        return;
      case 'redirect':
        response.writeHead(302, { location: answer.location }).end();
        return;
      case 'stall':
        response.write('{"keys":');
        return;
      case 'hang':
        return;
    }
  };
  const server = createServer((request, response) => {
    if (request.url !== '/jwks') {
      response.writeHead(404).end();
      return;
    }
    fetches += 1;
    respond(response);
    server.emit('fetch');
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  await listen(0);
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the issuer has no port');
  const { port } = address;
  const issuer = `http://127.0.0.1:${port}`;

  return {
    issuer,
    keySetUrl: `${issuer}/jwks`,
    published,
    current: () => current,
    fetches: () => fetches,
    nextFetch: async () => {
      await once(server, 'fetch');
    },
    answerWith: (next) => {
      answer = next;
    },
    sign: (claims, options = {}) => {
      const seconds = Math.floor((options.now ?? Date.now()) / 1000);
      const kid = options.kid === undefined ? current.kid : options.kid;
      const header = {
        alg: options.algorithm ?? current.algorithm,
        typ: 'JWT',
        ...(kid !== null && { kid }),
        ...options.header,
      };
      const all = { iss: issuer, iat: seconds, exp: seconds + 300, ...claims };
      return signToken(all, options.key ?? current.privateKey, header);
    },
    rotate: async (options = {}) => {
      current = await signingKey(options.algorithm ?? current.algorithm);
      if (!options.keep) published.length = 0;
      published.push(current.jwk);
      return current;
    },
    stop,
    start: () => listen(port),
    close: stop,
  };
}

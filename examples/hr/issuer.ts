import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { listenOnLoopback } from './loopback-server.ts';
import { exchangeToken, TOKEN_EXCHANGE } from './token-exchange.ts';

/** Who tokens are for: the gateway in front of the HR tools. */
export const AUDIENCE = 'hr-tools';

const TOKEN_LIFETIME_SECONDS = 3600;

/** What the company knows about its people. Permissions may come as a list or, as in OAuth, as a `scope`. */
export const PERSONAS = {
  hanna: { name: 'Hanna, HR partner', roles: ['hr'], permissions: ['view_ssn'], manager: 'mona' },
  henry: { name: 'Henry, HR assistant', roles: ['hr'], permissions: [], manager: 'hanna' },
  emil: { name: 'Emil, engineer', roles: ['engineer'], scope: 'repo:read repo:write' },
  carla: { name: 'Carla, contractor in the security review', roles: ['security', 'contractor'], scope: 'repo:read' },
} as const satisfies Record<string, JWTPayload>;

export type Persona = keyof typeof PERSONAS;

export type SigningAlgorithm = 'ES256' | 'RS256' | 'EdDSA';

export interface Issuer {
  /** The `iss` of its tokens; its keys are at `/jwks.json` below it. */
  readonly url: string;
  /** A token for one hour. `claims` replaces some of its claims. */
  sign(persona: Persona, claims?: JWTPayload): Promise<string>;
  close(): Promise<void>;
}

/**
 * A token issuer with a fresh key. `GET /jwks.json` gives its public key. `POST /token` gives a token for the `persona` of
 * the form, to whoever asks: it is for demonstrations on one machine. To the gateway it exchanges tokens there.
 */
export async function startIssuer(port: number, algorithm: SigningAlgorithm = 'ES256'): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const kid = randomUUID();
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' }] });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url: target = '/', headers } = request;
    if (headers.host !== new URL(server.origin).host) {
      // Somebody else's name for this address: a web page that tries to get a token by DNS rebinding.
      response.writeHead(403).end();
    } else if (method === 'GET' && target === '/jwks.json') {
      response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(keys);
    } else if (method === 'POST' && target === '/token') {
      const form = new URLSearchParams(await text(request));
      if (form.get('grant_type') === TOKEN_EXCHANGE) {
        const { status, body } = await exchangeToken(form, headers.authorization, { verify, sign: signClaims });
        sendJson(response, status, body);
        return;
      }
      const persona = form.get('persona');
      if (!isPersona(persona)) {
        sendJson(response, 400, { error: 'invalid_request', error_description: `persona is one of ${NAMES}` });
        return;
      }
      const access_token = await sign(persona);
      sendJson(response, 200, { access_token, token_type: 'Bearer', expires_in: TOKEN_LIFETIME_SECONDS });
    } else {
      response.writeHead(404).end();
    }
  }

  function sign(persona: Persona, claims: JWTPayload = {}): Promise<string> {
    const exp = Math.floor(Date.now() / 1000) + TOKEN_LIFETIME_SECONDS;
    return signClaims({ aud: AUDIENCE, sub: persona, exp, ...PERSONAS[persona], ...claims });
  }

  async function verify(token: string): Promise<JWTPayload> {
    const expected = { issuer: server.origin, audience: AUDIENCE, algorithms: [algorithm], requiredClaims: ['exp'] };
    return (await jwtVerify(token, publicKey, expected)).payload;
  }

  function signClaims(claims: JWTPayload): Promise<string> {
    return new SignJWT({ iss: server.origin, iat: Math.floor(Date.now() / 1000), jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
      .sign(privateKey);
  }

  const http = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  const server = await listenOnLoopback(http, port, 'token issuer');
  return { url: server.origin, sign, close: () => server.close() };
}

const NAMES = Object.keys(PERSONAS).join(', ');

function isPersona(name: string | null): name is Persona {
  return name !== null && Object.hasOwn(PERSONAS, name);
}

function sendJson(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

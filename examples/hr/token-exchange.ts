import { readFileSync } from 'node:fs';
import type { JWTPayload } from 'jose';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const LIFETIME_SECONDS = 300;

/** Whom exchanged tokens are for, and what they may open there. */
export const HR_SERVER = { audience: 'hr-server', scopes: ['compensation.read'] } as const;

/** The one client that may exchange tokens: the gateway. */
const CLIENT_ID = 'hr-gateway';
const CLIENT_SECRET = readFileSync(new URL('gateway-secret.txt', import.meta.url), 'utf8').trim();

export interface ExchangeAnswer {
  readonly status: 200 | 400 | 401;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What it takes to exchange tokens: reading those of this issuer, and signing new ones. */
export interface TokenKeys {
  /** The claims of a valid token for the gateway. Rejects when it is not valid. */
  readonly verify: (token: string) => Promise<JWTPayload>;
  /** `iss` and `iat` are added. */
  readonly sign: (claims: JWTPayload) => Promise<string>;
}

/**
 * Gives the gateway a token that says no more than what the HR server needs: who asks, for whom, and for what. Roles and
 * permissions stay behind. Source: RFC 8693, errors as in its section 2.2.2.
 */
export async function exchangeToken(
  form: URLSearchParams,
  authorization: string | undefined,
  { verify, sign }: TokenKeys,
): Promise<ExchangeAnswer> {
  if (authorization !== basic(CLIENT_ID, CLIENT_SECRET)) return { status: 401, body: { error: 'invalid_client' } };
  const token = form.get('subject_token');
  if (token === null || form.get('subject_token_type') !== ACCESS_TOKEN) return refusal('invalid_request');
  if (form.get('audience') !== HR_SERVER.audience) return refusal('invalid_target');
  const scopes = form.get('scope')?.split(' ') ?? HR_SERVER.scopes;
  if (!scopes.every((scope) => HR_SERVER.scopes.some((known) => known === scope))) return refusal('invalid_scope');
  let subject: JWTPayload;
  try {
    subject = await verify(token);
  } catch {
    return refusal('invalid_request');
  }
  const scope = scopes.join(' ');
  const exp = Math.min(Math.floor(Date.now() / 1000) + LIFETIME_SECONDS, subject.exp ?? 0);
  const claims = { sub: subject.sub ?? '', aud: HR_SERVER.audience, scope, act: { sub: CLIENT_ID }, exp };
  return {
    status: 200,
    body: {
      access_token: await sign(claims),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: LIFETIME_SECONDS,
      scope,
    },
  };
}

function refusal(error: string): ExchangeAnswer {
  return { status: 400, body: { error } };
}

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

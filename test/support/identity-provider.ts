import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { Provider, errors } from 'oidc-provider';
import type { ClientMetadata, Configuration, KoaContextWithOIDC, ResourceServer } from 'oidc-provider';

/** RFC 8693 section 2.1. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const EXCHANGE_PARAMETERS = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'audience',
  'scope',
  'resource',
  'requested_token_type',
];

/** A token as the exchange is about to mint it. */
export interface Exchange {
  readonly client: string;
  /** Claims of the subject token. */
  readonly subject: JWTPayload;
  readonly actor: JWTPayload | undefined;
  /** An absolute URI; tokens for others than the `resources` are refused before. */
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly expiresIn: number;
}

export interface IdentityProviderOptions {
  /** As in dynamic registration; those without `redirect_uris` and `response_types` get empty ones. */
  readonly clients: readonly ClientMetadata[];
  /** The scopes there are for each audience; an audience is an absolute URI. */
  readonly resources?: Readonly<Record<string, readonly string[]>>;
  /** Claims by account id. Default: any account exists and has no claims. */
  readonly accounts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Besides client credentials, resource indicators and token exchange. */
  readonly features?: Configuration['features'];
  /** Anything else of the provider's configuration. */
  readonly configuration?: Configuration;
  /** Seconds that tokens last. Default: 300. */
  readonly lifetime?: number;
}

/** A request of the token endpoint that the provider itself answered. */
export interface TokenRequest {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly authorization: string | undefined;
  readonly status: number;
}

export interface MintOptions {
  /** The account that the token speaks for. */
  readonly account: string;
  readonly client: string;
  /** An absolute URI. */
  readonly audience: string;
  readonly scopes?: readonly string[];
  /** Seconds. */
  readonly expiresIn?: number;
  /** Claims besides those of every token. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Answers a request in place of the provider; `serve` leaves it to the provider after all. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse, serve: () => void) => void;

/** An OpenID provider on the loopback interface: discovery, key set, client credentials and token exchange over HTTP. */
export interface IdentityProvider {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly keySetUrl: string;
  readonly provider: Provider;
  /** In order. */
  readonly tokenRequests: readonly TokenRequest[];
  /** An access token (RFC 9068) as the provider itself signs them. */
  mint(options: MintOptions): Promise<string>;
  /** Changes what exchanges grant; undefined grants what was asked for. */
  grantWith(change: ((exchange: Exchange) => Partial<Exchange>) | undefined): void;
  /** Answers every request in place of the provider, until undefined is given. */
  intercept(interceptor: Interceptor | undefined): void;
  /** Requests so far, intercepted ones included. */
  requestCount(): number;
  /** Resolves once so many requests came in all. */
  received(count: number): Promise<void>;
  /** Closes the port; connections are refused. */
  stop(): Promise<void>;
  /** Opens the same port again. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts an identity provider with a key of its own on a free port of 127.0.0.1. */
export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  provideUrlParse();
  const { resources = {}, lifetime = 300 } = options;
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'signing', alg: 'ES256' }] });

  let interceptor: Interceptor | undefined;
  let change: ((exchange: Exchange) => Partial<Exchange>) | undefined;
  let serve: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  const seen = { requests: 0 };
  const arrivals = new EventEmitter();
  const server = createServer((request, response) => {
    seen.requests += 1;
    arrivals.emit('request');
    const handled = (): void => serve?.(request, response);
    if (interceptor === undefined) handled();
    else interceptor(request, response, handled);
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
  if (typeof address !== 'object' || address === null) throw new Error('the identity provider has no port');
  const { port } = address;
  const issuer = `http://127.0.0.1:${port}`;

  const resourceServer = (audience: string): ResourceServer => {
    const scopes = Object.hasOwn(resources, audience) ? resources[audience] : undefined;
    if (scopes === undefined) throw new errors.InvalidTarget();
    return {
      scope: scopes.join(' '),
      accessTokenFormat: 'jwt',
      accessTokenTTL: lifetime,
      jwt: { sign: { alg: 'ES256' } },
    };
  };
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'signing', alg: 'ES256', use: 'sig' }] },
    scopes: [...new Set(['openid', ...Object.values(resources).flat()])],
    findAccount: (_, sub) => {
      if (options.accounts !== undefined && !Object.hasOwn(options.accounts, sub)) return undefined;
      return { accountId: sub, claims: () => ({ ...options.accounts?.[sub], sub }) };
    },
    extraTokenClaims: (_, token) => token.extra,
    ...options.configuration,
    ttl: {
      AccessToken: lifetime,
      ClientCredentials: lifetime,
      IdToken: lifetime,
      Grant: lifetime,
      BackchannelAuthenticationRequest: lifetime,
      ...options.configuration?.ttl,
    },
    clientDefaults: { id_token_signed_response_alg: 'ES256', ...options.configuration?.clientDefaults },
    clients: options.clients.map((client) => ({ redirect_uris: [], response_types: [], ...client })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        // Many providers take the target of client credentials as `audience`.
        defaultResource: (ctx) => textParameter(ctx.oidc.body?.['audience']),
        getResourceServerInfo: (_, audience) => resourceServer(audience),
      },
      ...options.features,
    },
  });

  const claimsOf = async (token: string | undefined): Promise<JWTPayload | undefined> => {
    if (token === undefined) return undefined;
    const opaque = await provider.ClientCredentials.find(token);
    if (opaque?.clientId !== undefined) return { sub: opaque.clientId };
    try {
      return (await jwtVerify(token, keys, { issuer, algorithms: ['ES256'], requiredClaims: ['exp'] })).payload;
    } catch {
      throw new errors.InvalidGrant('the presented token is not valid');
    }
  };
  provider.registerGrantType(
    TOKEN_EXCHANGE,
    async (ctx) => {
      const { client } = ctx.oidc;
      const parameter = (name: string): string | undefined => textParameter(ctx.oidc.params[name]);
      if (parameter('subject_token_type') === undefined) throw new errors.InvalidRequest('no subject_token_type');
      const subject = await claimsOf(parameter('subject_token'));
      if (subject?.sub === undefined) throw new errors.InvalidRequest('no subject_token');
      const actor = await claimsOf(parameter('actor_token'));
      const audience = parameter('audience') ?? '';
      const known = resourceServer(audience).scope.split(' ');
      const scopes = parameter('scope')?.split(' ') ?? known;
      if (!scopes.every((scope) => known.includes(scope)))
        throw new errors.InvalidScope('unknown scope', scopes.join(' '));
      const asked: Exchange = { client: client.clientId, subject, actor, audience, scopes, expiresIn: lifetime };
      const granted = { ...asked, ...change?.(asked) };
      const token = new provider.AccessToken({
        client,
        accountId: granted.subject.sub ?? subject.sub,
        grantId: TOKEN_EXCHANGE,
        gty: TOKEN_EXCHANGE,
        expiresIn: granted.expiresIn,
        scope: granted.scopes.join(' '),
        resourceServer: new provider.ResourceServer(granted.audience, { ...resourceServer(audience) }),
        ...(actor === undefined ? {} : { extra: { act: { sub: actor.sub } } }),
      });
      ctx.oidc.entity('AccessToken', token);
      ctx.body = {
        access_token: await token.save(),
        issued_token_type: ACCESS_TOKEN,
        token_type: 'Bearer',
        expires_in: granted.expiresIn,
        scope: granted.scopes.join(' '),
      };
    },
    EXCHANGE_PARAMETERS,
  );

  const tokenRequests: TokenRequest[] = [];
  provider.use(async (ctx: KoaContextWithOIDC, next) => {
    await next();
    if (ctx.path !== '/token') return;
    tokenRequests.push({
      parameters: { ...ctx.oidc.body },
      authorization: ctx.get('authorization') || undefined,
      status: ctx.status,
    });
  });
  const handle = provider.callback();
  serve = (request, response) => {
    void handle(request, response);
  };

  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    keySetUrl: `${issuer}/jwks`,
    provider,
    tokenRequests,
    mint: async ({ account, client: clientId, audience, scopes = [], expiresIn = lifetime, claims }) => {
      const client = await provider.Client.find(clientId);
      if (client === undefined) throw new Error(`there is no client ${clientId}`);
      const token = new provider.AccessToken({
        client,
        accountId: account,
        grantId: 'mint',
        gty: 'mint',
        expiresIn,
        scope: scopes.join(' '),
        resourceServer: new provider.ResourceServer(audience, { ...resourceServer(audience) }),
        ...(claims === undefined ? {} : { extra: { ...claims } }),
      });
      return token.save();
    },
    grantWith: (next) => {
      change = next;
    },
    intercept: (next) => {
      interceptor = next;
    },
    requestCount: () => seen.requests,
    received: async (count) => {
      while (seen.requests < count) await once(arrivals, 'request');
    },
    stop,
    start: () => listen(port),
    close: stop,
  };
}

function textParameter(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The provider is made for Node 22, where `URL.parse` exists; it is all that it misses on Node 20. */
function provideUrlParse(): void {
  if ('parse' in URL) return;
  Object.defineProperty(URL, 'parse', {
    configurable: true,
    value: (text: string, base?: string) => (URL.canParse(text, base) ? new URL(text, base) : null),
  });
}

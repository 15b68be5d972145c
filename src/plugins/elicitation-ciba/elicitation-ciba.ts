import * as oauth from 'oauth4webapi';
import type { AuthorizationServer as ServerMetadata, Client, ClientAuth } from 'oauth4webapi';
import { acceptedClasses } from '../../engine/elicitation/verbs.ts';
import type { JsonValue } from '../../engine/operation.ts';
import type { ElicitInput, ElicitOutcome, Plugin, PluginEntryContext, PluginWarning } from '../../engine/plugin.ts';
import { secretSource } from '../../text/secret-source.ts';
import { definePlugin } from '../define-plugin.ts';
import { AuthorizationServer, AuthorizationServerError } from '../oauth-client/authorization-server.ts';
import { clientAuthentication } from '../oauth-client/client-authentication.ts';
import { endpointUrl, isCleartext } from '../endpoint-url.ts';
import { lintSecret } from '../lint-secret.ts';
import { bindingMessage } from './binding-message.ts';
import { DEFAULTS, elicitationCibaConfigSchema, type ElicitationCibaConfig } from './config.ts';
import { CibaError, failed, failureOf, type CibaFailure } from './failures.ts';
import { ProviderKeyring } from './provider-keys.ts';
import { verifyIdToken } from './verify-id-token.ts';

/** CIBA Core 1.0, 7.3: how long to wait between polls when the provider does not say, and what `slow_down` adds. Seconds. */
const DEFAULT_INTERVAL = 5;
const MORE_INTERVAL = 5;
const MAX_INTERVAL = 3600;

/** What the storage keeps of a request, so that any replica can ask for its outcome. */
interface PollState {
  readonly auth_req_id: string;
  /** Seconds between two polls. */
  readonly interval: number;
  /** Unix milliseconds; polling before is of no use. */
  readonly next_poll_at: number;
}

class CibaChannel implements Plugin {
  readonly #config: Readonly<ElicitationCibaConfig>;
  readonly #context: PluginEntryContext;
  readonly #server: AuthorizationServer;
  readonly #metadata: ServerMetadata;
  readonly #client: Client;
  readonly #authentication: ClientAuth;
  readonly #keyring: ProviderKeyring;

  constructor(config: Readonly<ElicitationCibaConfig>, context: PluginEntryContext) {
    const insecure = config.insecure_http ?? false;
    const timeout = (config.http_timeout_seconds ?? DEFAULTS.httpTimeoutSeconds) * 1000;
    const tokenEndpoint = endpointUrl(config.token_endpoint, insecure, 'token_endpoint').href;
    if (!(config.scope ?? DEFAULTS.scope).split(/\s+/).includes('openid')) {
      throw new Error('`scope` does not hold `openid`: without an ID token nobody vouches for who answered');
    }
    this.#config = config;
    this.#context = context;
    this.#server = new AuthorizationServer(timeout);
    this.#metadata = {
      issuer: config.issuer ?? tokenEndpoint,
      backchannel_authentication_endpoint: endpointUrl(config.backchannel_endpoint, insecure, 'backchannel_endpoint')
        .href,
      token_endpoint: tokenEndpoint,
    };
    this.#client = { client_id: config.client_id };
    this.#authentication = clientAuthentication({
      method: config.client_authentication ?? 'client_secret_basic',
      secret: secretSource(config.client_secret_source, context, 'client_secret_source'),
      key: undefined,
      keyId: undefined,
    });
    this.#keyring = new ProviderKeyring({
      issuer: config.issuer,
      jwksUrl: config.jwks_url && endpointUrl(config.jwks_url, insecure, 'jwks_url').href,
      tokenEndpoint,
      insecure,
      timeout,
      now: context.now,
      onKeyFailure: (failures) => context.alarm({ alarm: 'jwks_fetch_failed', plugin: context.name, failures }),
    });
  }

  async elicit(input: ElicitInput, { signal }: { readonly signal: AbortSignal }): Promise<ElicitOutcome> {
    if (input.verb === 'request_info') return failed('elicitation.unsupported_verb');
    try {
      return input.state === undefined ? await this.#ask(input, signal) : await this.#poll(input.state, signal);
    } catch (error) {
      if (error instanceof CibaError) return this.#fail(error.code);
      if (error instanceof AuthorizationServerError) return this.#fail(failureOf(error), error);
      throw error;
    }
  }

  checkElicit(verb: ElicitInput['verb']): readonly PluginWarning[] {
    if (verb !== 'request_info') return [];
    return [{ message: 'a phone brings no words back, so this step always denies', help: 'use another channel' }];
  }

  async close(): Promise<void> {
    this.#keyring.close();
    await this.#server.close();
  }

  /** Source: CIBA Core 1.0, 7.1. */
  async #ask(input: ElicitInput, signal: AbortSignal): Promise<ElicitOutcome> {
    const now = this.#context.now();
    const seconds = Math.ceil(
      input.timeout === undefined
        ? (this.#config.default_requested_expiry_seconds ?? DEFAULTS.requestedExpirySeconds)
        : input.timeout / 1000,
    );
    const message = input.purpose === undefined ? undefined : bindingMessage(input.purpose);
    const classes = acceptedClasses(input.config);
    const parameters = new URLSearchParams({
      scope: this.#config.scope ?? DEFAULTS.scope,
      login_hint: input.from,
      requested_expiry: String(seconds),
      ...(message === undefined ? {} : { binding_message: message }),
      ...(classes.length === 0 ? {} : { acr_values: classes.join(' ') }),
    });
    const { auth_req_id, expires_in, interval } = await this.#server.ask(
      async (options) =>
        oauth.processBackchannelAuthenticationResponse(
          this.#metadata,
          this.#client,
          await oauth.backchannelAuthenticationRequest(
            this.#metadata,
            this.#client,
            this.#authentication,
            parameters,
            options,
          ),
        ),
      signal,
    );
    return {
      outcome: 'pending',
      state: stateOf(auth_req_id, Math.min(interval ?? DEFAULT_INTERVAL, MAX_INTERVAL), now),
      expiresAt: now + Math.min(seconds, expires_in) * 1000,
    };
  }

  /** Source: CIBA Core 1.0, 10.1 and 11. */
  async #poll(kept: JsonValue, signal: AbortSignal): Promise<ElicitOutcome> {
    const state = readState(kept);
    if (state === undefined) return failed('elicitation.bad_response');
    const now = this.#context.now();
    if (now < state.next_poll_at) return { outcome: 'pending' };
    // Before the answer is fetched, of which there is but one: without keys it could not be used.
    const provider = await this.#keyring.find();
    let tokens: oauth.TokenEndpointResponse;
    try {
      tokens = await this.#fetch(state.auth_req_id, signal);
    } catch (error) {
      if (!(error instanceof AuthorizationServerError)) throw error;
      switch (error.error) {
        case 'authorization_pending':
          return { outcome: 'pending', state: stateOf(state.auth_req_id, state.interval, now) };
        case 'slow_down': {
          const interval = Math.min(state.interval + MORE_INTERVAL, MAX_INTERVAL);
          return { outcome: 'pending', state: stateOf(state.auth_req_id, interval, now) };
        }
        case 'access_denied':
          return { outcome: 'denied' };
        case 'expired_token':
          return { outcome: 'expired' };
        default:
          throw error;
      }
    }
    if (tokens.id_token === undefined) return this.#fail('elicitation.bad_response');
    const rules = {
      clientId: this.#config.client_id,
      approverClaim: this.#config.approver_claim ?? DEFAULTS.approverClaim,
      authReqId: state.auth_req_id,
      accessToken: tokens.access_token,
      now,
    };
    return { outcome: 'approved', ...(await verifyIdToken(tokens.id_token, provider, rules, signal)) };
  }

  #fetch(authReqId: string, signal: AbortSignal): Promise<oauth.TokenEndpointResponse> {
    return this.#server.ask(async (options) => {
      const response = await oauth.backchannelAuthenticationGrantRequest(
        this.#metadata,
        this.#client,
        this.#authentication,
        authReqId,
        options,
      );
      if (!response.ok) {
        return oauth.processBackchannelAuthenticationGrantResponse(this.#metadata, this.#client, response);
      }
      return readTokens(await response.json());
    }, signal);
  }

  #fail(code: CibaFailure, { failure, status, error }: Partial<AuthorizationServerError> = {}): ElicitOutcome {
    if (failure !== 'cancelled') {
      this.#context.alarm({ alarm: 'elicitation_failed', plugin: this.#context.name, code, status, error });
    }
    return failed(code);
  }
}

/** The ID token is verified here and not by the library, whose claim checks would come before the issuer is known. */
function readTokens(body: unknown): oauth.TokenEndpointResponse {
  const { access_token, id_token }: { readonly access_token?: unknown; readonly id_token?: unknown } = Object(body);
  if (typeof access_token !== 'string' || (id_token !== undefined && typeof id_token !== 'string')) {
    throw new CibaError('elicitation.bad_response');
  }
  return { access_token, token_type: 'bearer', ...(id_token === undefined ? {} : { id_token }) };
}

function stateOf(authReqId: string, interval: number, now: number): { readonly [key: string]: JsonValue } {
  const state: PollState = { auth_req_id: authReqId, interval, next_poll_at: now + interval * 1000 };
  return { ...state };
}

function readState(kept: JsonValue): PollState | undefined {
  const { auth_req_id, interval, next_poll_at }: Readonly<Record<string, unknown>> = { ...Object(kept) };
  if (typeof auth_req_id !== 'string' || typeof interval !== 'number' || typeof next_poll_at !== 'number')
    return undefined;
  return { auth_req_id, interval, next_poll_at };
}

function lint(config: Readonly<ElicitationCibaConfig>): readonly PluginWarning[] {
  const warnings = [...lintSecret(config.client_secret_source, 'client_secret_source')];
  for (const key of ['backchannel_endpoint', 'token_endpoint'] as const) {
    if (URL.canParse(config[key].trim()) && isCleartext(new URL(config[key].trim()))) {
      warnings.push({ message: `secrets and answers go over \`${key}\` in clear text`, help: 'use https' });
    }
  }
  return warnings;
}

/**
 * Asks on the phone of whoever is to answer, through an OpenID provider: OpenID Connect Client-Initiated Backchannel
 * Authentication 1.0, poll mode. The provider is polled when the caller asks again.
 */
export const elicitationCiba = definePlugin<ElicitationCibaConfig>({
  kind: 'elicitation/ciba',
  configSchema: elicitationCibaConfigSchema,
  hooks: ['elicit'],
  create: (config, context) => new CibaChannel(config, context),
  lint,
});

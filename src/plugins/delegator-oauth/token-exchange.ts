import { genericTokenEndpointRequest, processGenericTokenEndpointResponse } from 'oauth4webapi';
import type {
  AuthorizationServer as Metadata,
  Client,
  ClientAuth,
  RecognizedTokenTypes,
  TokenEndpointResponse,
} from 'oauth4webapi';
import type { AuthorizationServer } from '../oauth-client/authorization-server.ts';
import type { DelegateStep } from './delegate-step.ts';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const CLIENT_CREDENTIALS = 'client_credentials';
/** `N_A` of RFC 8693 section 2.2.1. Whether it can be used is decided where the header is known. */
const TOKEN_TYPES: RecognizedTokenTypes = { n_a: () => undefined };

export interface TokenExchangeSettings {
  readonly server: AuthorizationServer;
  readonly metadata: Metadata;
  readonly client: Client;
  readonly authentication: ClientAuth;
  readonly subjectTokenType: string;
  readonly actorTokenType: string;
  readonly workloadAssertionType: string;
}

/** The tokens that an exchange starts from; empty for `this_workload`. */
export interface InboundTokens {
  readonly subject: string;
  readonly actor: string | undefined;
}

/**
 * Gets a token for what the step asks. Sources: RFC 8693 section 2.1 for users and clients; RFC 6749 section 4.4 for this
 * workload; for the caller's workload RFC 7523 section 2.2 and then an exchange of what that gave. Rejects with
 * `AuthorizationServerError`.
 */
export async function exchangeToken(
  settings: TokenExchangeSettings,
  step: DelegateStep,
  inbound: InboundTokens,
  signal: AbortSignal,
): Promise<TokenEndpointResponse> {
  const target = new URLSearchParams({ audience: step.audience });
  if (step.resource !== undefined) target.set('resource', step.resource);
  if (step.permissions.length > 0) target.set('scope', step.permissions.join(' '));
  if (step.subject === 'this_workload')
    return ask(settings, CLIENT_CREDENTIALS, target, settings.authentication, signal);

  let subjectToken = inbound.subject;
  if (step.subject === 'caller_workload') {
    const asWorkload: ClientAuth = (_, __, body) => {
      body.set('client_assertion_type', settings.workloadAssertionType);
      body.set('client_assertion', inbound.subject);
    };
    const base = await ask(settings, CLIENT_CREDENTIALS, new URLSearchParams(), asWorkload, signal);
    subjectToken = base.access_token;
  }
  target.set('subject_token', subjectToken);
  target.set('subject_token_type', settings.subjectTokenType);
  if (inbound.actor !== undefined) {
    target.set('actor_token', inbound.actor);
    target.set('actor_token_type', settings.actorTokenType);
  }
  return ask(settings, TOKEN_EXCHANGE, target, settings.authentication, signal);
}

function ask(
  { server, metadata, client }: TokenExchangeSettings,
  grantType: string,
  parameters: URLSearchParams,
  authentication: ClientAuth,
  signal: AbortSignal,
): Promise<TokenEndpointResponse> {
  return server.ask(async (options) => {
    const response = await genericTokenEndpointRequest(
      metadata,
      client,
      authentication,
      grantType,
      parameters,
      options,
    );
    return processGenericTokenEndpointResponse(metadata, client, response, { recognizedTokenTypes: TOKEN_TYPES });
  }, signal);
}

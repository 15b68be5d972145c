import { CLIENT_AUTHENTICATION_METHODS } from '../oauth-client/client-authentication.ts';
import type { ClientAuthenticationMethod } from '../oauth-client/client-authentication.ts';
import { secretSchema } from '../../text/secret-schema.ts';
import type { SecretConfig } from '../../text/secret-source.ts';

/** Config of `delegator/oauth`; source: reference facts on the built-in kinds, delegator/oauth, config. */
export interface DelegatorOAuthConfig {
  readonly token_endpoint: string;
  readonly client_id: string;
  readonly client_secret_source?: SecretConfig;
  readonly client_authentication?: ClientAuthenticationMethod;
  readonly client_key_source?: SecretConfig;
  readonly client_key_id?: string;
  readonly issuer?: string;
  readonly subject_token_type?: string;
  readonly actor_token_type?: string;
  readonly workload_assertion_type?: string;
  readonly timeout_seconds?: number;
  readonly default_outbound_header?: string;
  readonly insecure_http?: boolean;
  readonly accept_narrower_scopes?: boolean;
  readonly tolerated_scopes?: readonly string[];
  readonly tolerated_audiences?: readonly string[];
  readonly cache_seconds?: number;
}

export const DEFAULTS = {
  subjectTokenType: 'urn:ietf:params:oauth:token-type:access_token',
  actorTokenType: 'urn:ietf:params:oauth:token-type:jwt',
  workloadAssertionType: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
  timeoutSeconds: 5,
  outboundHeader: 'Authorization',
  /** They reveal who somebody is and open nothing. Source: OpenID Connect Core section 5.4. */
  toleratedScopes: ['openid', 'profile', 'email', 'address', 'phone'],
  cacheSeconds: 300,
} as const;

const text = (description: string): object => ({ type: 'string', pattern: '\\S', description });
const texts = (description: string, standard: readonly string[]): object => ({
  type: 'array',
  items: { type: 'string', minLength: 1 },
  default: standard,
  description,
});

export const delegatorOAuthConfigSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  required: ['token_endpoint', 'client_id'],
  properties: {
    token_endpoint: text('Token endpoint of the authorization server; https, or http on this machine.'),
    client_id: text('Who this gateway is to the authorization server.'),
    client_secret_source: secretSchema('Secret of the client.'),
    client_authentication: {
      enum: CLIENT_AUTHENTICATION_METHODS,
      default: 'client_secret_basic',
      description: 'How the client proves who it is.',
    },
    client_key_source: secretSchema('With `private_key_jwt`: private key, PEM or JWK.'),
    client_key_id: text('With `private_key_jwt`: the `kid` of the key, unless its JWK has one.'),
    issuer: text('The `iss` that minted JWTs must bear. Default: it is not checked.'),
    subject_token_type: { ...text('Type of the token that is exchanged.'), default: DEFAULTS.subjectTokenType },
    actor_token_type: { ...text('Type of the token of the actor.'), default: DEFAULTS.actorTokenType },
    workload_assertion_type: {
      ...text('Type of the assertion that the workload’s token is.'),
      default: DEFAULTS.workloadAssertionType,
    },
    timeout_seconds: {
      type: 'integer',
      minimum: 0,
      maximum: 600,
      default: DEFAULTS.timeoutSeconds,
      description: 'Whole time of one request, in seconds.',
    },
    default_outbound_header: {
      ...text('Header that carries the minted token upstream.'),
      default: DEFAULTS.outboundHeader,
    },
    insecure_http: {
      type: 'boolean',
      default: false,
      description: 'Lets `token_endpoint` be plain http to another machine. For trials only.',
    },
    accept_narrower_scopes: {
      type: 'boolean',
      default: false,
      description: 'Takes a token with fewer permissions than the step asks for.',
    },
    tolerated_scopes: texts('Scopes that a token may have besides those asked for.', DEFAULTS.toleratedScopes),
    tolerated_audiences: texts('Audiences that a token may have besides the one asked for.', []),
    cache_seconds: {
      type: 'integer',
      minimum: 0,
      maximum: 3600,
      default: DEFAULTS.cacheSeconds,
      description: 'How long a minted token is used again for the same caller, in seconds; 0 for never.',
    },
  },
  additionalProperties: false,
};

import type { ClientAuthenticationMethod } from '../oauth-client/client-authentication.ts';
import { secretSchema } from '../../text/secret-schema.ts';
import type { SecretConfig } from '../../text/secret-source.ts';

/** Config of `elicitation/ciba`; source: reference facts on the built-in kinds, `elicitation/ciba` config. */
export interface ElicitationCibaConfig {
  readonly backchannel_endpoint: string;
  readonly token_endpoint: string;
  readonly client_id: string;
  readonly client_secret_source: SecretConfig;
  readonly client_authentication?: Extract<ClientAuthenticationMethod, `client_secret_${string}`>;
  readonly scope?: string;
  readonly default_requested_expiry_seconds?: number;
  readonly http_timeout_seconds?: number;
  readonly approver_claim?: string;
  readonly insecure_http?: boolean;
  readonly issuer?: string;
  readonly jwks_url?: string;
}

export const DEFAULTS = {
  scope: 'openid',
  requestedExpirySeconds: 300,
  httpTimeoutSeconds: 5,
  approverClaim: 'preferred_username',
} as const;

const text = (description: string): object => ({ type: 'string', pattern: '\\S', description });

export const elicitationCibaConfigSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  required: ['backchannel_endpoint', 'token_endpoint', 'client_id', 'client_secret_source'],
  properties: {
    backchannel_endpoint: text('Backchannel authentication endpoint of the OpenID provider.'),
    token_endpoint: text('Token endpoint of the OpenID provider.'),
    client_id: text('Who this gateway is to the OpenID provider; ID tokens must be for it.'),
    client_secret_source: secretSchema('Secret of the client.'),
    client_authentication: {
      enum: ['client_secret_basic', 'client_secret_post'],
      default: 'client_secret_basic',
      description: 'How the client proves who it is.',
    },
    scope: { ...text('OAuth scope that is asked for; it must hold `openid`.'), default: DEFAULTS.scope },
    default_requested_expiry_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: 604_800,
      default: DEFAULTS.requestedExpirySeconds,
      description: 'How long a question without a `timeout` of its own waits, in seconds.',
    },
    http_timeout_seconds: {
      type: 'integer',
      minimum: 0,
      maximum: 600,
      default: DEFAULTS.httpTimeoutSeconds,
      description: 'Whole time of one request, in seconds.',
    },
    approver_claim: {
      ...text('Claim of the ID token that names who answered; it must be who was asked.'),
      default: DEFAULTS.approverClaim,
    },
    insecure_http: {
      type: 'boolean',
      default: false,
      description: 'Lets endpoints be plain http to another machine. For trials only.',
    },
    issuer: text(
      'The `iss` of ID tokens. Default: the issuer whose discovery document names `token_endpoint`, looked for above it.',
    ),
    jwks_url: text('Keys of the issuer. Default: what its discovery document names. Goes with `issuer`.'),
  },
  dependentRequired: { jwks_url: ['issuer'] },
  additionalProperties: false,
};

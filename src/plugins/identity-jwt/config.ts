import { ALGORITHMS } from './algorithms.ts';
import type { Algorithm } from './algorithms.ts';

export type DecodingKeyConfig =
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'pem_file'; readonly path: string }
  | { readonly kind: 'jwk'; readonly jwk: Readonly<Record<string, unknown>> }
  | { readonly kind: 'secret'; readonly secret: string }
  | {
      readonly kind: 'jwks_url';
      readonly url: string;
      readonly insecure_http?: boolean;
      readonly refresh_secs?: number;
      readonly max_stale_secs?: number;
    };

export interface TrustedIssuerConfig {
  readonly issuer: string;
  readonly audiences?: readonly string[];
  readonly algorithms: readonly Algorithm[];
  readonly decoding_key: DecodingKeyConfig;
  readonly leeway_seconds?: number;
  readonly token_types?: readonly string[];
  readonly accept_id_tokens?: boolean;
  readonly trust_domains?: readonly string[];
}

export type IdentityRole = 'user' | 'client' | 'caller_workload';

/** Config of `identity/jwt`; source: reference facts on the built-in kinds, identity/jwt, config. */
export interface IdentityJwtConfig {
  readonly trusted_issuers: readonly TrustedIssuerConfig[];
  readonly role?: IdentityRole | 'workload';
  readonly header?: string;
  readonly claim_mapper?: 'standard' | 'keycloak';
}

/** The keys that a `decoding_key` of `kind` takes besides `kind`. */
function keysOf(kind: string, required: readonly string[], optional: readonly string[] = []): object {
  const properties = Object.fromEntries(['kind', ...required, ...optional].map((name) => [name, true]));
  return {
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a JSON Schema keyword
    then: { properties, required, additionalProperties: false },
  };
}

const text = (description: string): object => ({ type: 'string', minLength: 1, description });
const texts = (description: string): object => ({
  type: 'array',
  items: { type: 'string', minLength: 1 },
  description,
});

const decodingKey = {
  type: 'object',
  description: 'Where the keys that verify signatures come from.',
  required: ['kind'],
  properties: {
    kind: { enum: ['pem', 'pem_file', 'jwk', 'secret', 'jwks_url'], description: 'Form of the key.' },
    pem: text('Public key or certificate in PEM form.'),
    path: text('PEM file; a relative path starts from the folder of the bundle.'),
    jwk: { type: 'object', description: 'One JSON Web Key (RFC 7517), public or `oct`.' },
    secret: text('Shared secret for HS algorithms, used as its UTF-8 bytes.'),
    url: text('URL of a JSON Web Key Set.'),
    insecure_http: { type: 'boolean', default: false, description: 'Lets `url` be plain http. For trials only.' },
    refresh_secs: {
      type: 'integer',
      minimum: 1,
      default: 600,
      description: 'Age in seconds at which the key set is fetched again.',
    },
    max_stale_secs: {
      type: 'integer',
      minimum: 0,
      default: 3600,
      description: 'Seconds past `refresh_secs` for which keys still count while the key set cannot be fetched.',
    },
  },
  additionalProperties: false,
  allOf: [
    keysOf('pem', ['pem']),
    keysOf('pem_file', ['path']),
    keysOf('jwk', ['jwk']),
    keysOf('secret', ['secret']),
    keysOf('jwks_url', ['url'], ['insecure_http', 'refresh_secs', 'max_stale_secs']),
  ],
};

const trustedIssuer = {
  type: 'object',
  required: ['issuer', 'algorithms', 'decoding_key'],
  properties: {
    issuer: text('The `iss` claim, letter for letter.'),
    audiences: texts('A token must name one of these in `aud`. Without entries the audience is not checked.'),
    algorithms: {
      type: 'array',
      minItems: 1,
      items: { enum: ALGORITHMS },
      description: 'Signature algorithms that tokens of this issuer may use.',
    },
    decoding_key: decodingKey,
    leeway_seconds: {
      type: 'integer',
      minimum: 0,
      default: 60,
      description: 'Clock difference in seconds that `exp` and `nbf` are forgiven.',
    },
    token_types: texts('Values of the token header `typ` to accept. Default: `JWT`, `at+jwt` or no `typ`.'),
    accept_id_tokens: {
      type: 'boolean',
      default: false,
      description: 'Takes OpenID Connect ID tokens too, which are made for the client and not for this gateway.',
    },
    trust_domains: texts('For the role `caller_workload`: SPIFFE trust domains that this issuer may speak for.'),
  },
  additionalProperties: false,
};

export const identityJwtConfigSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  required: ['trusted_issuers'],
  properties: {
    trusted_issuers: { type: 'array', minItems: 1, items: trustedIssuer, description: 'Whose tokens are believed.' },
    role: {
      enum: ['user', 'client', 'caller_workload', 'workload'],
      default: 'user',
      description: 'Whom the token identifies; `workload` means `caller_workload`.',
    },
    header: { type: 'string', minLength: 1, default: 'Authorization', description: 'The only header that is read.' },
    claim_mapper: {
      enum: ['standard', 'keycloak'],
      default: 'standard',
      description: 'How claims become attributes.',
    },
  },
  additionalProperties: false,
};

import { address, externalSecretSchema, password, passwordSource, tlsKeys, username } from '../valkey/block-schema.ts';

/** Times and counts that the schema and the settings agree on. Milliseconds unless named otherwise. */
export const DEFAULTS = { keyPrefix: 'taint:v1', connectTimeout: 250, commandTimeout: 500 } as const;

/** JSON Schema of `session_store: {kind: valkey, …}`. Source: session state specification, part A. */
export const valkeyStoreSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    kind: { const: 'valkey', description: 'labels live in Valkey or Redis, shared by all nodes' },
    endpoint: {
      type: 'string',
      minLength: 1,
      writeOnly: true,
      description: '`host:port`, or a `redis://` or `rediss://` URL',
    },
    sentinel: {
      type: 'object',
      description: 'Sentinels that know the primary',
      properties: {
        master_name: { type: 'string', minLength: 1, description: 'what the Sentinels call the primary' },
        addresses: { type: 'array', minItems: 1, items: address },
        username,
        password,
        password_source: passwordSource,
      },
      required: ['master_name', 'addresses'],
      additionalProperties: false,
    },
    cluster: {
      type: 'object',
      description: 'nodes of a cluster to start from',
      properties: { nodes: { type: 'array', minItems: 1, items: address } },
      required: ['nodes'],
      additionalProperties: false,
    },
    tls: {
      description: '`true`, or files for a private authority and for a certificate of the gateway itself',
      type: ['boolean', 'object'],
      properties: tlsKeys,
      dependentRequired: { cert_file: ['key_file'], key_file: ['cert_file'] },
      additionalProperties: false,
    },
    username,
    password,
    password_source: passwordSource,
    key_prefix: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      pattern: '^[^\\s{}]+$',
      default: DEFAULTS.keyPrefix,
      description: 'keys are `<prefix>:<SHA-256 of the session>`',
    },
    ttl_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: 3_153_600_000,
      description: 'labels end when their session was not seen for this long; absent means never',
    },
    max_session_lifetime_seconds: {
      type: 'integer',
      minimum: 1,
      description: 'longest life of a session; a shorter `ttl_seconds` is warned of',
    },
    connect_timeout_ms: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: DEFAULTS.connectTimeout,
      description: 'limit of one attempt to connect and log in',
    },
    command_timeout_ms: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: DEFAULTS.commandTimeout,
      description: 'limit of one load or append, retries included',
    },
    durability: {
      type: 'object',
      description: 'what an append must have reached before it counts',
      properties: {
        ack: {
          enum: ['memory', 'aof', 'replicas'],
          description: '`memory` of the primary, its append only file, or its replicas',
        },
        min_replicas: {
          type: 'integer',
          minimum: 1,
          maximum: 100,
          description: 'replicas that must have it too (with `aof`: in their files); default 1 with `replicas`',
        },
        timeout_ms: {
          type: 'integer',
          minimum: 1,
          maximum: 60_000,
          description: 'limit of the confirmation, below `command_timeout_ms`; default four fifths of it',
        },
      },
      required: ['ack'],
      additionalProperties: false,
    },
    integrity: {
      type: 'object',
      description: 'stores each label with a code that only holders of the key can make',
      properties: {
        key_source: externalSecretSchema('the key that new labels are signed with, at least 32 bytes'),
        accepted_key_sources: {
          type: 'array',
          items: externalSecretSchema('an earlier key whose labels still count'),
          description: 'earlier keys whose labels still count',
        },
      },
      required: ['key_source'],
      additionalProperties: false,
    },
  },
  required: ['kind'],
  oneOf: [{ required: ['endpoint'] }, { required: ['sentinel'] }, { required: ['cluster'] }],
  additionalProperties: false,
};

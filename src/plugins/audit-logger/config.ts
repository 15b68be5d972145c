import { FIELD_NAME } from '../../engine/credential-header.ts';
import { secretSchema } from '../../text/secret-schema.ts';
import type { SecretConfig } from '../../text/secret-source.ts';

/** Config of `audit/logger`; source: reference facts on the built-in kinds, content plugins. */
export interface AuditLoggerConfig {
  readonly destination?: 'stderr' | 'stdout' | 'file' | 'http' | 'tracing';
  readonly path?: string;
  readonly max_bytes?: number;
  readonly max_files?: number;
  readonly url?: string;
  readonly insecure_http?: boolean;
  readonly timeout_ms?: number;
  readonly headers?: Readonly<Record<string, SecretConfig>>;
  readonly batch_size?: number;
  readonly flush_interval_ms?: number;
  readonly max_queue?: number;
  readonly source?: string;
  readonly mask_arguments?: boolean;
  readonly hash_chain?: boolean;
  readonly on_overflow?: 'drop' | 'deny';
}

export const auditLoggerConfigSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    destination: {
      enum: ['stderr', 'stdout', 'file', 'http', 'tracing'],
      default: 'stderr',
      description:
        'Where records go, one line of JSON each. `http`: in batches to a collector. `tracing`: to stderr, wrapped as lines of the process log.',
    },
    path: {
      type: 'string',
      minLength: 1,
      description: 'With `destination: file`. A relative path starts from the folder of the bundle.',
    },
    max_bytes: {
      type: 'integer',
      minimum: 1024,
      description:
        'Size at which the file is put aside under its name and a rising number (`audit.log.000001`). Without it the file just grows.',
    },
    max_files: {
      type: 'integer',
      minimum: 1,
      description: 'How many files put aside are kept; the oldest are deleted. Without it all are.',
    },
    url: { type: 'string', minLength: 1, description: 'With `destination: http`: where batches are posted.' },
    insecure_http: { type: 'boolean', default: false, description: 'Lets `url` be plain http to another machine.' },
    timeout_ms: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: 5000,
      description: 'Most time that one batch may take, in milliseconds.',
    },
    headers: {
      type: 'object',
      description: 'Headers sent with each batch, by name, such as `Authorization`.',
      propertyNames: { pattern: FIELD_NAME.source },
      additionalProperties: secretSchema('The whole value of the header.'),
    },
    batch_size: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'Most records of one batch.',
    },
    flush_interval_ms: {
      type: 'integer',
      minimum: 0,
      maximum: 60_000,
      default: 1000,
      description: 'How long a record waits for others to fill its batch, in milliseconds.',
    },
    max_queue: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 10_000,
      description: 'Records that may wait to be taken by the collector.',
    },
    source: { type: 'string', minLength: 1, description: 'Name of this gateway, written into every record.' },
    mask_arguments: {
      type: 'boolean',
      default: true,
      description: 'Writes the names of arguments without their values.',
    },
    hash_chain: {
      type: 'boolean',
      default: false,
      description:
        'Gives every record a number and a hash over itself and its predecessor, so that a gap or edit shows.',
    },
    on_overflow: {
      enum: ['drop', 'deny'],
      default: 'drop',
      description:
        'What follows when no more records can wait: they are lost, counted and alarmed, or operations are denied.',
    },
  },
  additionalProperties: false,
};

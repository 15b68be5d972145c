/** Config of `audit/logger`; source: reference facts on the built-in kinds, content plugins. */
export interface AuditLoggerConfig {
  readonly destination?: 'stderr' | 'stdout' | 'file' | 'tracing';
  readonly path?: string;
  readonly max_bytes?: number;
  readonly max_files?: number;
  readonly source?: string;
  readonly mask_arguments?: boolean;
  readonly hash_chain?: boolean;
}

export const auditLoggerConfigSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    destination: {
      enum: ['stderr', 'stdout', 'file', 'tracing'],
      default: 'stderr',
      description:
        'Where records go, one line of JSON each. `tracing`: to stderr, wrapped as lines of the process log.',
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
  },
  additionalProperties: false,
};

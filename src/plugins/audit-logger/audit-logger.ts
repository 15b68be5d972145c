import { resolve } from 'node:path';
import { HOOKS, type Plugin, type PluginEntryContext, type PluginKind } from '../../engine/plugin.ts';
import { isOperationHook } from '../../engine/declared.ts';
import { definePlugin } from '../define-plugin.ts';
import { auditLoggerConfigSchema, type AuditLoggerConfig } from './config.ts';
import { recordText } from './record-text.ts';
import { leaseWriter, type Destination, type WriterLease } from './shared-writer.ts';

/** Level `info` of the process log. */
const INFO = 30;

function create(config: Readonly<AuditLoggerConfig>, context: PluginEntryContext): Plugin {
  const destination = destinationOf(config, context);
  const wrapped = config.destination === 'tracing';
  const chained = config.hash_chain ?? false;
  const options = {
    plugin: context.name,
    source: config.source,
    maskArguments: config.mask_arguments ?? true,
  };
  const settings = {
    maxBytes: config.max_bytes,
    maxFiles: config.max_files,
    onFailure: (failure: string, lost: number) =>
      context.alarm({ alarm: 'audit_write_failed', plugin: context.name, failure, lost }),
  };
  let lease: WriterLease | undefined;

  return {
    observe(record) {
      if (lease === undefined) throw new Error('the logger is not started');
      const text = recordText(record, options);
      lease.writer.append(wrapped ? logLine(text, record.time) : text, chained);
    },
    async initialize() {
      lease ??= await leaseWriter(destination, settings);
    },
    async close() {
      const ending = lease;
      lease = undefined;
      await ending?.release();
    },
  };
}

/** Refuses keys that would have no effect. */
function destinationOf(config: Readonly<AuditLoggerConfig>, { baseDirectory }: PluginEntryContext): Destination {
  const { destination = 'stderr', path } = config;
  if (destination === 'file') {
    if (path === undefined) throw new Error('`destination: file` needs a `path`');
    if (config.max_files !== undefined && config.max_bytes === undefined) {
      throw new Error('`max_files` has no effect without `max_bytes`');
    }
    return { path: resolve(baseDirectory, path) };
  }
  for (const key of ['path', 'max_bytes', 'max_files'] as const) {
    if (config[key] !== undefined) throw new Error(`\`${key}\` has no effect without \`destination: file\``);
  }
  if (destination === 'tracing' && config.hash_chain === true) {
    throw new Error('`hash_chain` needs a destination of its own, not `tracing`');
  }
  return destination === 'stdout' ? 'stdout' : 'stderr';
}

function logLine(record: string, time: number): string {
  return `{"level":${INFO},"time":${time},"target":"apl.audit","record":${record},"message":"audit"}`;
}

/**
 * Writes one line of JSON for each decision at its hooks, denials included, wherever it is activated or called by a step.
 * Source: plugin specification, "Built-in kinds".
 */
export const auditLogger = definePlugin<AuditLoggerConfig>({
  kind: 'audit/logger',
  configSchema: auditLoggerConfigSchema,
  hooks: HOOKS.filter(isOperationHook),
  create,
});

/** The same kind without output, for runs that only try a bundle out. */
export const mutedAuditLogger: PluginKind = {
  ...auditLogger,
  create: (config, context) => {
    auditLogger.create(config, context);
    return { observe: () => undefined };
  },
};

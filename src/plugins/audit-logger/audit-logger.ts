import { HOOKS, type Plugin, type PluginEntryContext, type PluginKind } from '../../engine/plugin.ts';
import { isOperationHook } from '../../engine/declared.ts';
import type { Violation } from '../../engine/decision.ts';
import { definePlugin } from '../define-plugin.ts';
import { auditLoggerConfigSchema, type AuditLoggerConfig } from './config.ts';
import { lintSecret } from '../lint-secret.ts';
import { destinationOf } from './destination.ts';
import { recordText } from './record-text.ts';
import { leaseSink, type SinkLease } from './shared-sink.ts';

/** Level `info` of the process log. */
const INFO = 30;

const OVERFLOW: Violation = Object.freeze({
  code: 'audit.overflow',
  reason: 'the decision could not be recorded',
  details: Object.freeze({}),
});

function create(config: Readonly<AuditLoggerConfig>, context: PluginEntryContext): Plugin {
  const destination = destinationOf(config, context);
  const wrapped = config.destination === 'tracing';
  const chained = config.hash_chain ?? false;
  const denies = config.on_overflow === 'deny';
  const options = {
    plugin: context.name,
    source: config.source,
    maskArguments: config.mask_arguments ?? true,
  };
  let lease: SinkLease | undefined;

  return {
    observe(record) {
      if (lease === undefined) throw new Error('the logger is not started');
      const text = recordText(record, options);
      // What is let through has its record, however many were let through at once.
      const kept = denies && record.decision !== 'deny';
      lease.sink.append({ text: wrapped ? logLine(text, record.time) : text, chained, kept });
    },
    ...(denies ? { admit: () => (lease?.sink.full === false ? undefined : OVERFLOW) } : {}),
    async initialize() {
      lease ??= await leaseSink(destination);
    },
    async close() {
      const ending = lease;
      lease = undefined;
      await ending?.release();
    },
  };
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
  lint: ({ headers = {} }) =>
    Object.entries(headers).flatMap(([name, source]) => lintSecret(source, `headers.${name}`)),
});

/** The same kind without output, for runs that only try a bundle out. */
export const mutedAuditLogger: PluginKind = {
  ...auditLogger,
  create: (config, context) => {
    auditLogger.create(config, context);
    return { observe: () => undefined };
  },
};

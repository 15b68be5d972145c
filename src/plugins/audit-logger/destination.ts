import { resolve } from 'node:path';
import { mayCarryCredential } from '../../engine/credential-header.ts';
import type { PluginEntryContext } from '../../engine/plugin.ts';
import { readSecretSource, secretSource } from '../../text/secret-source.ts';
import { endpointUrl } from '../endpoint-url.ts';
import type { AuditLoggerConfig } from './config.ts';
import type { OnFailure } from './record-sink.ts';
import type { SenderSettings } from './record-sender.ts';
import type { Destination } from './shared-sink.ts';

/** Keys that only one destination reads. */
const FILE_KEYS = ['path', 'max_bytes', 'max_files'] as const;
const HTTP_KEYS = [
  'url',
  'insecure_http',
  'timeout_ms',
  'headers',
  'batch_size',
  'flush_interval_ms',
  'max_queue',
] as const;

/** Where a config sends records. Throws an `Error` for the author, also for keys that would have no effect. */
export function destinationOf(config: Readonly<AuditLoggerConfig>, context: PluginEntryContext): Destination {
  const { destination = 'stderr', path } = config;
  refuseIneffective(config, destination);
  const onFailure: OnFailure = (failure, lost) =>
    context.alarm({ alarm: 'audit_write_failed', plugin: context.name, failure, lost });
  const settings = { maxBytes: config.max_bytes, maxFiles: config.max_files, onFailure };
  switch (destination) {
    case 'file':
      if (path === undefined) throw new Error('`destination: file` needs a `path`');
      if (config.max_files !== undefined && config.max_bytes === undefined) {
        throw new Error('`max_files` has no effect without `max_bytes`');
      }
      return { kind: 'file', path: resolve(context.baseDirectory, path), settings };
    case 'http':
      return { kind: 'http', identity: identityOf(config, context), settings: senderOf(config, context, onFailure) };
    case 'stdout':
      return { kind: 'stdout', settings };
    case 'stderr':
    case 'tracing':
      return { kind: 'stderr', settings };
  }
}

function refuseIneffective(config: Readonly<AuditLoggerConfig>, destination: string): void {
  const refuse = (keys: readonly (keyof AuditLoggerConfig)[], needed: string): void => {
    const key = destination === needed ? undefined : keys.find((each) => config[each] !== undefined);
    if (key !== undefined) throw new Error(`\`${key}\` has no effect without \`destination: ${needed}\``);
  };
  refuse(FILE_KEYS, 'file');
  refuse(HTTP_KEYS, 'http');
  if (destination === 'tracing' && config.hash_chain === true) {
    throw new Error('`hash_chain` needs a destination of its own, not `tracing`');
  }
}

function senderOf(
  config: Readonly<AuditLoggerConfig>,
  context: PluginEntryContext,
  onFailure: OnFailure,
): SenderSettings {
  if (config.url === undefined) throw new Error('`destination: http` needs a `url`');
  const { batch_size: batchSize = 100, max_queue: maxQueue = 10_000 } = config;
  if (batchSize > maxQueue) throw new Error('`batch_size` is larger than `max_queue`');
  const headers = Object.entries(config.headers ?? {}).map(([name, source]) => {
    if (!mayCarryCredential(name)) throw new Error(`\`headers\`: \`${name}\` is not yours to set`);
    return [name, secretSource(source, context, `headers.${name}`)] as const;
  });
  return {
    collector: {
      url: endpointUrl(config.url, config.insecure_http === true, 'url'),
      timeout: config.timeout_ms ?? 5000,
      headers: () => Object.fromEntries(headers.map(([name, source]) => [name, readSecretSource(source)])),
    },
    batchSize,
    flushInterval: config.flush_interval_ms ?? 1000,
    maxQueue,
    keepsRejected: config.on_overflow === 'deny',
    onFailure,
  };
}

/** Equal for the logger of a bundle and that of its successor, as long as nothing of how they send differs. */
function identityOf(config: Readonly<AuditLoggerConfig>, { name, baseDirectory }: PluginEntryContext): string {
  return JSON.stringify([name, baseDirectory, config.on_overflow, ...HTTP_KEYS.map((key) => config[key] ?? null)]);
}

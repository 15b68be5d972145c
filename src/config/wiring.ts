import { didYouMean } from '../diagnostics/nearest.ts';
import type { Report } from '../diagnostics/report.ts';
import type { DecisionPointHandle } from '../engine/compile-scope.ts';
import type { DecisionPoint, DecisionPointKind } from '../engine/decision-point.ts';
import { hostDecisionPoint } from '../plugins/decision-point-host.ts';
import type { PluginHostOptions } from '../plugins/plugin-host.ts';
import { valkeyStoreFactory } from '../session/valkey-store-factory.ts';
import { memoryStoreFactory } from '../session/memory-store.ts';
import type { LabelStore, SessionStoreContext, SessionStoreFactory } from '../session/label-store.ts';
import { LocalStorage } from '../transport/local-storage.ts';
import { STORAGE_KINDS, type StorageContext } from '../transport/storage-kinds.ts';
import type { TransportStorage } from '../transport/transport-storage.ts';
import { entryOf, toValue, type MapEntry, type MapNode } from '../text/document.ts';
import { stringOf } from './policy-terms.ts';
import type { SecretScope } from '../text/secret-source.ts';
import { validateWith } from './schema.ts';
import { isRecord } from '../text/shape.ts';

/** The session stores that come with the package. */
export const BUILT_IN_SESSION_STORES: readonly SessionStoreFactory[] = [memoryStoreFactory, valkeyStoreFactory];

/**
 * The store that `session_store` selects. Undefined when the block is wrong, which is reported; without a block the
 * in-process store. Source: bundle specification, "The policy visitor", point 2.
 */
export function buildSessionStore(
  entry: MapEntry | undefined,
  factories: readonly SessionStoreFactory[],
  context: SessionStoreContext,
  report: Report,
): LabelStore | undefined {
  if (entry === undefined) return memoryStoreFactory.build({ kind: 'memory' }, context);
  if (entry.value.kind !== 'map') return undefined;
  const factory = kindOf(entry.value, factories, 'session store', report);
  if (factory === undefined) return undefined;
  const subject = `session store \`${factory.kind}\``;
  if (!validateWith(factory.schema, entry.value, report, { code: 'config/plugin-config', subject })) return undefined;
  const config = configOf(entry.value);
  const store = refusable(entry, subject, report, () => factory.build(config, context));
  for (const { code, key, message, help } of factory.lint?.(config) ?? []) {
    report.add(code, entryOf(entry.value, key)?.keySpan ?? entry.keySpan, message, { help });
  }
  return store;
}

/**
 * The storage that `transport_sessions` selects. Undefined when the block is wrong, which is reported; without a block the
 * storage of this process.
 */
export function buildTransportStorage(
  entry: MapEntry | undefined,
  context: StorageContext,
  report: Report,
): TransportStorage | undefined {
  if (entry === undefined) return new LocalStorage({ now: context.now });
  if (entry.value.kind !== 'map') return undefined;
  const block = entry.value;
  const kind = kindOf(block, STORAGE_KINDS, 'transport session storage', report);
  if (kind === undefined) return undefined;
  const subject = `transport session storage \`${kind.kind}\``;
  if (!validateWith(kind.schema, block, report, { code: 'config/plugin-config', subject })) return undefined;
  const { storage, findings } = kind.build(configOf(block), context);
  for (const { code, key, message, help } of findings) report.add(code, keySpanOf(entry, key), message, { help });
  return storage;
}

/** Place of the innermost key of `path` that is written. */
function keySpanOf(entry: MapEntry, path: readonly string[]): MapEntry['keySpan'] {
  const [key, ...rest] = path;
  const inner = key === undefined || entry.value.kind !== 'map' ? undefined : entryOf(entry.value, key);
  return inner === undefined ? entry.keySpan : keySpanOf(inner, rest);
}

/** Decision points by dialect, and what has to be closed with the bundle. */
export interface DecisionPoints {
  readonly handles: ReadonlyMap<string, DecisionPointHandle>;
  readonly points: readonly DecisionPoint[];
}

/** The decision points of `pdp`. What is wrong with an entry is reported, and the entry left out. */
export async function buildDecisionPoints(
  entry: MapEntry | undefined,
  kinds: readonly DecisionPointKind[],
  scope: SecretScope,
  options: PluginHostOptions,
  report: Report,
): Promise<DecisionPoints> {
  // What cannot be made stands in for itself, so that the steps that ask it are not reported too.
  const handles = new Map<string, DecisionPointHandle>();
  const points: DecisionPoint[] = [];
  for (const node of entry?.value.kind === 'sequence' ? entry.value.items : []) {
    const kind = node.kind === 'map' ? kindOf(node, kinds, 'decision point', report) : undefined;
    if (node.kind !== 'map' || kind === undefined || entry === undefined) continue;
    const dialect = stringOf(entryOf(node, 'dialect')?.value) ?? kind.dialect;
    const subject = `decision point \`${kind.kind}\``;
    if (!validateWith(kind.configSchema, node, report, { code: 'config/plugin-config', subject })) continue;
    if (handles.has(dialect)) {
      report.add('config/duplicate-dialect', node.span, `the dialect \`${dialect}\` already has a decision point`);
      continue;
    }
    const context = { ...scope, name: dialect, now: options.now, alarm: options.alarm };
    let point: DecisionPoint;
    try {
      point = await kind.create(configOf(node), context);
    } catch (error) {
      refuse({ keySpan: entryOf(node, 'kind')?.keySpan ?? node.span }, subject, report, error);
      handles.set(dialect, { dialect, prepare: () => () => ({ outcome: 'failed' }) });
      continue;
    }
    points.push(point);
    handles.set(dialect, hostDecisionPoint(dialect, point, options));
  }
  return { handles, points };
}

/** The registered kind that a block's `kind` names; reported when there is none. */
export function kindOf<Kind extends { readonly kind: string }>(
  block: MapNode,
  kinds: readonly Kind[],
  what: string,
  report: Report,
): Kind | undefined {
  const node = entryOf(block, 'kind')?.value;
  const name = stringOf(node);
  if (node === undefined || name === undefined) return undefined;
  const kind = kinds.find((candidate) => candidate.kind === name);
  if (kind === undefined) {
    const known = kinds.map((candidate) => `\`${candidate.kind}\``).join(', ');
    const listed = known === '' ? 'no kind is registered' : `known kinds: ${known}`;
    report.add('config/unknown-kind', node.span, `the kind \`${name}\` of ${what} is unknown (${listed})`, {
      help: didYouMean(
        name,
        kinds.map((candidate) => candidate.kind),
      ),
    });
  }
  return kind;
}

/** A block as the plain data that a kind gets. */
export function configOf(node: MapEntry['value'] | undefined): Readonly<Record<string, unknown>> {
  const value = node === undefined ? {} : toValue(node);
  return isRecord(value) ? value : {};
}

/** Runs a factory; what it throws is the author's to read. */
export function refusable<Made>(
  at: Pick<MapEntry, 'keySpan'>,
  subject: string,
  report: Report,
  make: () => Made,
): Made | undefined {
  try {
    return make();
  } catch (error) {
    refuse(at, subject, report, error);
    return undefined;
  }
}

function refuse(at: Pick<MapEntry, 'keySpan'>, subject: string, report: Report, error: unknown): void {
  const why = error instanceof Error && error.message !== '' ? error.message : 'it gave no reason';
  report.add('config/plugin-config', at.keySpan, `${subject} cannot be made: ${why}`);
}

import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { stat } from 'node:fs/promises';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { withPaths } from '../diagnostics/locate.ts';
import { Report } from '../diagnostics/report.ts';
import type { Bundle } from '../engine/bundle.ts';
import { QuestionDesk } from '../engine/elicitation/question-desk.ts';
import type { EntityType } from '../engine/operation.ts';
import { bySpecificity, RouteTable, type Route } from '../engine/route-table.ts';
import type { Awaitable } from '../session/label-store.ts';
import { entryOf, type MapEntry, type MapNode } from '../text/document.ts';
import { readAttributeFiles, type AttributeTree } from './attribute-files.ts';
import { DocumentCache } from './document-cache.ts';
import { LocalReader, type BundleSource, type DocumentReader } from './document-reader.ts';
import type { LoadOptions } from './load-options.ts';
import { outlineLayers, outlineRoute, type RouteOutline } from './outline.ts';
import { inSlices, UNHURRIED, type Pace } from './pace.ts';
import { pluginTimeout } from './plugin-entries.ts';
import { PolicyVisitor } from './policy-visitor.ts';
import { splitSection, type GlobalOnlyKey } from './policy-terms.ts';
import { registeredKinds } from './registered-kinds.ts';
import { attributeExists } from './rules/attribute-exists.ts';
import { hashHasKey } from './rules/hash-has-key.ts';
import { pipelineWeakened } from './rules/pipeline-weakened.ts';
import { pluginActive } from './rules/plugin-active.ts';
import { sessionHasSubject } from './rules/session-has-subject.ts';
import { walkBundle } from './walk.ts';
import { buildDecisionPoints } from './wiring.ts';
import { WorkerReader } from './worker-reader.ts';

/** Counts of a bundle, and what requests get that no route matches. */
export interface BundleSummary {
  readonly routes: number;
  readonly plugins: number;
  readonly unmatched: Readonly<Record<EntityType, 'deny' | 'allow'>>;
}

/** What requests of a type run that no route matches. */
export type UnmatchedOutline = ReturnType<typeof outlineLayers> & { readonly decision: 'deny' | 'allow' };

/**
 * What became of a bundle. A rejected one is a value, not an exception: its diagnostics hold every error found. Warnings
 * come with both.
 */
export type LoadResult =
  | {
      readonly ok: true;
      readonly bundle: Bundle;
      readonly diagnostics: readonly Diagnostic[];
      /** How many diagnostics were left out. */
      readonly dropped: number;
      readonly summary: BundleSummary;
      /** The effective pipeline of every route, in the order written. */
      outline(): readonly RouteOutline[];
      outlineUnmatched(type: EntityType): UnmatchedOutline;
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly dropped: number };

/**
 * Reads, validates and compiles a bundle: `source` is the path of a file or folder, or text with a name. Nothing is
 * dialled. What is wrong with the bundle is in the result; only a bug throws, or a thread of `worker` that ends early.
 */
export async function loadBundle(source: BundleSource, options: LoadOptions = {}): Promise<LoadResult> {
  const alarm = options.alarm ?? (() => undefined);
  const { cache } = options;
  const reader =
    options.worker === true
      ? new WorkerReader({ cache, alarm, signal: options.signal })
      : new LocalReader(cache === undefined ? undefined : new DocumentCache(cache, alarm));
  try {
    const loaded = await loadWith(reader, source, options);
    if (loaded.ok) await reader.keep();
    return loaded;
  } finally {
    await reader.close();
  }
}

async function loadWith(reader: DocumentReader, source: BundleSource, options: LoadOptions): Promise<LoadResult> {
  const report = new Report();
  const pace = options.worker === true ? inSlices() : UNHURRIED;
  const read = await reader.read(source, 'bundle', report);
  const present = (read?.documents ?? []).filter((document) => document !== undefined);
  if (read?.root === undefined) return rejected(report, present);

  const { sources, root } = read;
  const baseDirectory = options.baseDirectory ?? (await directoryOf(source));
  const attributes = await attributesOf(root, baseDirectory, reader, options, report);
  const alarm = options.alarm ?? (() => undefined);
  const now = options.now ?? Date.now;
  const environment = options.environment ?? process.env;
  const kinds = registeredKinds(options);
  const pdp = globalOnlyEntries(root).get('pdp');
  const settings = entryOf(root, 'plugin_settings')?.value;
  const host = { timeout: pluginTimeout(settings?.kind === 'map' ? settings : undefined), now, alarm };
  const { handles, points } = await buildDecisionPoints(
    pdp,
    kinds.decisionPoints,
    { baseDirectory, environment },
    host,
    report,
  );
  let digest = '';
  const questions = new QuestionDesk({
    storage: () => visitor.transport.storage,
    digest: () => digest,
    now,
    alarm,
    plugin: (name) => visitor.registry.declared.get(name)?.handle,
  });
  const visitor = new PolicyVisitor({
    kinds,
    questions,
    decisionPoints: handles,
    data: attributes.data,
    baseDirectory,
    environment,
    now,
    alarm,
    observer: options.storeObserver,
    report,
  });
  await walkBundle(root, [visitor], pace);
  const unmatched = await visitor.finish(pace);
  await lint(visitor, report, pace);

  const plugins = visitor.registry.made;
  const close = (): Promise<void> => closeAll([...plugins, ...points]);
  if (report.hasErrors) {
    // What refuses to end is not the author's mistake.
    await Promise.allSettled([close(), closeAll([visitor.sessions.store, visitor.transport.storage])]);
    return rejected(report, present);
  }
  const texts = [...sources, ...attributes.sources, ...points.flatMap((point) => point.sources ?? [])];
  digest = await digestOf(texts, pace);
  const bundle: Bundle = {
    digest,
    questions,
    routes: await routeTable(visitor.routes, pace),
    unmatched,
    observed: plugins.some((plugin) => plugin.observe !== undefined),
    sessions: visitor.sessions,
    sessionStoreBlock: visitor.sessionStoreBlock,
    sessionRules: visitor.sessionRules,
    transport: visitor.transport,
    transportSessionsBlock: visitor.transportSessionsBlock,
    onMissingSession: visitor.onMissingSession,
    async initialize() {
      for (const plugin of plugins) await plugin.initialize?.();
      for (const point of points) await point.initialize?.();
    },
    close,
  };
  return {
    ok: true,
    bundle,
    diagnostics: withPaths(report.diagnostics, present),
    dropped: report.dropped,
    summary: {
      routes: visitor.routes.length,
      plugins: visitor.registry.declared.size,
      unmatched: unmatchedOf(visitor),
    },
    outline: () => visitor.outline.map(outlineRoute),
    outlineUnmatched: (type) => ({
      ...outlineLayers(visitor.unmatchedLayers(type)),
      decision: visitor.unmatchedDecision(type),
    }),
  };
}

async function routeTable(routes: readonly Route[], pace: Pace): Promise<RouteTable> {
  const table = new RouteTable();
  for (const route of bySpecificity(routes)) {
    table.add(route);
    if (pace.due) await pace.rest();
  }
  return table;
}

/** Ends every one; rejects with the first failure once all have been asked. */
async function closeAll(open: readonly { close?(): Awaitable<void> }[]): Promise<void> {
  const ends = await Promise.allSettled(open.map(async (each) => each.close?.()));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

async function lint(visitor: PolicyVisitor, report: Report, pace: Pace): Promise<void> {
  const { layers, registry } = visitor;
  attributeExists(visitor.conditions, report);
  for (const { facts } of layers) {
    attributeExists(facts.attributes, report);
    if (pace.due) await pace.rest();
  }
  await pipelineWeakened(
    visitor.outline.map((route) => route.layers),
    report,
    pace,
  );
  if (!visitor.hasHashKey) hashHasKey(layers, report);
  if (visitor.onMissingSession === 'ignore') {
    const hooks = [...registry.declared.values()].flatMap(({ entry }) => entry.hooks);
    sessionHasSubject(layers, hooks, report);
  }
  if (visitor.routingEnabled) pluginActive(registry.declared, layers, report);
}

function unmatchedOf(visitor: PolicyVisitor): BundleSummary['unmatched'] {
  const decision = (type: EntityType): 'deny' | 'allow' => visitor.unmatchedDecision(type);
  return {
    tool: decision('tool'),
    resource: decision('resource'),
    prompt: decision('prompt'),
    llm: decision('llm'),
    http: decision('http'),
  };
}

async function attributesOf(
  root: MapNode,
  baseDirectory: string,
  reader: DocumentReader,
  options: LoadOptions,
  report: Report,
): Promise<AttributeTree> {
  if (options.data !== undefined) return { data: options.data, sources: [] };
  return readAttributeFiles(globalOnlyEntries(root).get('attribute_files'), baseDirectory, reader, report);
}

/** What has to be read or made before the policy is walked; the visitor reports what is wrong with the section. */
function globalOnlyEntries(root: MapNode): ReadonlyMap<GlobalOnlyKey, MapEntry> {
  const global = root.entries.find(({ key }) => key === 'global');
  if (global?.value.kind !== 'map') return new Map();
  return splitSection({ place: 'global', node: global.value, entry: global }, new Report()).globalOnly;
}

async function directoryOf(source: BundleSource): Promise<string> {
  if (typeof source !== 'string') return '.';
  return (await stat(source)).isDirectory() ? source : dirname(source);
}

const HASHED_AT_ONCE = 256 * 1024;

async function digestOf(
  sources: readonly { readonly name: string; readonly text: string }[],
  pace: Pace,
): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, text } of sources) {
    hash.update(`${name.length}:${name}${text.length}:`);
    for (let at = 0; at < text.length;) {
      // A pair of surrogates is one character.
      const end = at + HASHED_AT_ONCE;
      const cut = /[\uD800-\uDBFF]/.test(text.charAt(end - 1)) ? end + 1 : end;
      hash.update(text.slice(at, cut));
      at = cut;
      if (pace.due) await pace.rest();
    }
  }
  return hash.digest('hex');
}

function rejected(report: Report, roots: Parameters<typeof withPaths>[1]): LoadResult {
  return { ok: false, diagnostics: withPaths(report.diagnostics, roots), dropped: report.dropped };
}

import { createHash, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Report } from '../diagnostics/report.ts';
import type { CompileScope } from '../engine/compile-scope.ts';
import { isOperationHook } from '../engine/declared.ts';
import { deny, type Halt } from '../engine/halt.ts';
import { type EntityType, type JsonObject, type RoutedEntityType } from '../engine/operation.ts';
import type { QuestionDesk } from '../engine/elicitation/question-desk.ts';
import type { PluginHandle } from '../engine/plugin-handle.ts';
import type { Program, Programs } from '../engine/program.ts';
import type { Route } from '../engine/route-table.ts';
import { whenMatches, type PluginCondition } from '../plugins/conditional-plugin.ts';
import type { PluginHostOptions } from '../plugins/plugin-host.ts';
import type { StoreObserver } from '../session/label-store.ts';
import type { SessionRules } from '../session/session-rules.ts';
import type { StoreReference } from '../session/store-reference.ts';
import { memoryStore } from '../session/memory-store.ts';
import { LocalStorage } from '../transport/local-storage.ts';
import type { StorageReference } from '../transport/storage-reference.ts';
import { canonicalJson } from '../text/json.ts';
import { entryOf, toValue, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import { composeProgram, overridden, type Composition, type ProgramTarget } from './compose-program.ts';
import { makeRoute, programsByTags, reportShadowedRoutes, routeHead, type RouteHead } from './compile-routes.ts';
import type { AttributeUse } from './layer-facts.ts';
import { KnownTexts } from './known-texts.ts';
import type { OutlinedRoute } from './outline.ts';
import type { Pace } from './pace.ts';
import { PluginRegistry, pluginTimeout, type DeclaredPlugin } from './plugin-entries.ts';
import { GLOBAL_ONLY_KEYS, splitSection, stringOf, stringsOf, type SplitSection } from './policy-terms.ts';
import { readSecret } from './secret.ts';
import { sectionLayer, type SectionLayer } from './section-layer.ts';
import { readSessionRules } from './session-rules.ts';
import type { ConfigVisitor, Section } from './walk.ts';
import { buildSessionStore, buildTransportStorage, type DecisionPoints } from './wiring.ts';
import type { RegisteredKinds } from './registered-kinds.ts';

/** The group that applies to every request. */
const EVERYBODY = 'all';

export interface PolicyVisitorOptions {
  readonly kinds: RegisteredKinds;
  readonly decisionPoints: DecisionPoints['handles'];
  readonly questions: QuestionDesk;
  readonly data: JsonObject;
  readonly baseDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly alarm: PluginHostOptions['alarm'];
  readonly observer: StoreObserver | undefined;
  readonly report: Report;
}

/** Compiles the policy of a bundle. Source: bundle specification, "The policy visitor", points 1 to 7. */
export class PolicyVisitor implements ConfigVisitor {
  readonly routes: Route[] = [];
  readonly outline: OutlinedRoute[] = [];
  readonly sessions: StoreReference = { store: memoryStore() };
  /** Digest of the `session_store` block, which may hold a password. */
  sessionStoreBlock = '';
  readonly transport: StorageReference = { storage: new LocalStorage() };
  /** Digest of the `transport_sessions` block; undefined when there is none. */
  transportSessionsBlock: string | undefined;

  readonly #options: PolicyVisitorOptions;
  readonly #report: Report;
  readonly #heads: RouteHead[] = [];
  readonly #defaults = new Map<RoutedEntityType, SectionLayer>();
  readonly #groups = new Map<string, SectionLayer>();
  /** Of all groups, since routes come after them. */
  #groupNames: ReadonlySet<string> | undefined;
  readonly #overrides: { readonly entry: MapEntry; readonly name: string }[] = [];
  readonly #usedOverrides = new Set<MapEntry>();
  readonly #texts = new KnownTexts();
  /** Most time that a plugin or a decision point may take, in milliseconds. */
  #timeout = pluginTimeout(undefined);
  #registry: PluginRegistry;
  #routingEnabled = false;
  #global: SectionLayer | undefined;
  #globalSection: Section | undefined;
  #scope: CompileScope;
  #composition: Composition | undefined;

  constructor(options: PolicyVisitorOptions) {
    this.#options = options;
    this.#report = options.report;
    this.#registry = this.#newRegistry();
    this.#scope = {
      data: options.data,
      predicates: new Map(),
      stepCodes: new Map(),
      fields: new Map(),
      hashKey: createSecretKey(randomBytes(32)),
      plugins: new Map(),
      decisionPoints: options.decisionPoints,
      questions: options.questions,
      onMissingSession: 'ignore',
      report: options.report,
    };
  }

  get registry(): PluginRegistry {
    return this.#registry;
  }

  /** Every section that has policy, broadest first. */
  get layers(): readonly SectionLayer[] {
    return [
      ...(this.#global ? [this.#global] : []),
      ...this.#defaults.values(),
      ...this.#groups.values(),
      ...this.#routeLayers,
    ];
  }

  readonly #routeLayers: SectionLayer[] = [];
  /** How sessions are told apart; undefined for the usual order. */
  sessionRules: SessionRules | undefined;

  get hasHashKey(): boolean {
    return this.#globalSection !== undefined && entryOf(this.#globalSection.node, 'hash_key') !== undefined;
  }

  get routingEnabled(): boolean {
    return this.#routingEnabled;
  }

  get onMissingSession(): 'ignore' | 'deny' {
    return this.#scope.onMissingSession;
  }

  plugins(settings: MapNode | undefined, entries: readonly DocumentNode[]): void {
    const routing = settings && entryOf(settings, 'routing_enabled')?.value;
    this.#routingEnabled = routing?.kind === 'scalar' && routing.value === true;
    this.#timeout = pluginTimeout(settings);
    this.#registry = this.#newRegistry();
    for (const entry of entries) this.#registry.declare(entry);
    const plugins = new Map([...this.#registry.declared].map(([name, { handle }]) => [name, handle]));
    this.#scope = { ...this.#scope, plugins };
  }

  global(section: Section | undefined): void {
    const { report, baseDirectory, environment, now, alarm, observer, kinds } = this.#options;
    this.#globalSection = section;
    const split = section && splitSection(section, report);
    const store = split?.globalOnly.get('session_store');
    this.sessionStoreBlock = digestOf(store === undefined ? null : toValue(store.value));
    const context = { now, baseDirectory, environment, alarm, ...(observer === undefined ? {} : { observer }) };
    this.sessions.store = buildSessionStore(store, kinds.sessionStores, context, report) ?? this.sessions.store;
    const transport = split?.globalOnly.get('transport_sessions');
    this.transportSessionsBlock = transport && digestOf(toValue(transport.value));
    this.transport.storage = buildTransportStorage(transport, context, report) ?? this.transport.storage;
    this.#scope = {
      ...this.#scope,
      hashKey: this.#hashKey() ?? this.#scope.hashKey,
      onMissingSession: this.#readOnMissing(),
    };
    this.sessionRules = readSessionRules(section && entryOf(section.node, 'sessions')?.value, this.#options, report);
    if (section === undefined || split === undefined) return;
    this.#global = this.#layer(section, 'global', split);
  }

  default(section: Section, type: RoutedEntityType): void {
    this.#defaults.set(type, this.#narrower(section, section.place));
  }

  group(section: Section, name: string): void {
    this.#groups.set(name, this.#narrower(section, section.place));
  }

  route(section: Section, index: number): void {
    const groups = (this.#groupNames ??= new Set(this.#groups.keys()));
    const head = routeHead(section, groups, this.#scope);
    const place = `routes.${head?.key ?? index}`;
    const split = splitSection(section, this.#report);
    this.#warnOfGlobalOnlyKeys(split, place);
    const own = this.#layer(section, place, split);
    this.#routeLayers.push(own);
    if (head === undefined) return;
    this.#heads.push(head);
    if (head.when !== undefined) this.#refuseConditionalAuthentication(section, own, head);
    const layersOf = (extraTags: readonly string[]): readonly SectionLayer[] =>
      this.#broadLayers(head.type, [...head.tags, ...extraTags]).concat(own);
    const target = { type: head.type, unmatched: undefined, responder: own };
    const compose = (extraTags: readonly string[]): Program => this.#compose(layersOf(extraTags), target);
    this.routes.push(makeRoute(head, groups, compose));
    this.outline.push({ head, layers: layersOf([]) });
  }

  /** Attributes that the routes' `when` read. */
  get conditions(): readonly AttributeUse[] {
    return this.#heads.flatMap(({ conditions }) => conditions);
  }

  /** After the walk: the programs of unmatched requests, and the checks that need every section. */
  async finish(pace: Pace): Promise<Record<EntityType, Programs>> {
    await reportShadowedRoutes(this.#heads, this.#report, pace);
    const unmatched = { tool: this.#unmatched('tool'), resource: this.#unmatched('resource') };
    const programs = {
      ...unmatched,
      prompt: this.#unmatched('prompt'),
      llm: this.#unmatched('llm'),
      http: this.#unmatched('http'),
    };
    for (const { entry, name } of this.#overrides) {
      if (this.#usedOverrides.has(entry)) continue;
      this.#report.add('config/unused-override', entry.keySpan, `no step that this override reaches calls \`${name}\``);
    }
    return programs;
  }

  /** Layers that unmatched requests of a type run. */
  unmatchedLayers(type: EntityType): readonly SectionLayer[] {
    return type === 'http' ? (this.#global ? [this.#global] : []) : this.#broadLayers(type, []);
  }

  /** `deny` or `allow` for requests of a type that no route matches. */
  unmatchedDecision(type: EntityType): 'deny' | 'allow' {
    const node = this.#globalSection && entryOf(this.#globalSection.node, 'unmatched')?.value;
    const chosen = stringOf(node?.kind === 'map' ? entryOf(node, type)?.value : node);
    if (chosen === 'deny' || chosen === 'allow') return chosen;
    return type === 'http' ? 'allow' : 'deny';
  }

  #unmatched(type: EntityType): Programs {
    const halt: Halt | undefined =
      this.unmatchedDecision(type) === 'deny' ? deny('route.unmatched', `no route matches this ${type}`) : undefined;
    const target: ProgramTarget = {
      type,
      unmatched: halt,
      responder: type === 'http' ? this.#global : undefined,
    };
    const groups = type === 'http' ? new Set<string>() : new Set(this.#groups.keys());
    return programsByTags(
      (tags) => this.#compose(type === 'http' ? this.unmatchedLayers(type) : this.#broadLayers(type, tags), target),
      groups,
    );
  }

  /** Global, default of the type, the group of everybody, then the groups of the tags. */
  #broadLayers(type: RoutedEntityType, tags: readonly string[]): readonly SectionLayer[] {
    const layers = [this.#global, this.#defaults.get(type), this.#groups.get(EVERYBODY)];
    for (const tag of tags) if (tag !== EVERYBODY) layers.push(this.#groups.get(tag));
    return layers.filter((layer) => layer !== undefined);
  }

  #compose(layers: readonly SectionLayer[], target: ProgramTarget): Program {
    this.#composition ??= {
      scope: this.#scope,
      registry: this.#registry,
      ambient: this.#routingEnabled ? [] : this.#ambientPlugins(),
      fallbackAuthentication: this.#routingEnabled ? [] : this.#identityPlugins(),
      usedOverrides: this.#usedOverrides,
    };
    return composeProgram(layers, target, this.#composition);
  }

  #ambientPlugins(): readonly PluginHandle[] {
    return [...this.#registry.declared.values()]
      .filter(({ entry }) => entry.hooks.some(isOperationHook))
      .map(({ handle, conditions }) => whenMatches(handle, conditionsOf(conditions)));
  }

  #identityPlugins(): readonly PluginHandle[] {
    return [...this.#registry.declared.values()]
      .filter(({ entry }) => entry.hooks.includes('identity.resolve') && entry.mode !== 'disabled')
      .map(({ handle }: DeclaredPlugin) => handle)
      .toSorted((a, b) => a.priority - b.priority);
  }

  /** Who calls is established before a condition over arguments and labels can be read. */
  #refuseConditionalAuthentication(section: Section, own: SectionLayer, head: RouteHead): void {
    const groups = head.tags.flatMap((tag) => (tag === EVERYBODY ? [] : (this.#groups.get(tag) ?? [])));
    const asking = [own, ...groups].find(({ authentication }) => authentication !== undefined);
    if (asking === undefined) return;
    const at = entryOf(section.node, 'when')?.keySpan ?? head.span;
    this.#report.add(
      'config/conditional-authentication',
      at,
      `the route has a condition, and \`${asking.place}\` asks for authentication of its own`,
      {
        help: 'ask for authentication globally or by a default of the type, or make the condition a rule',
      },
    );
  }

  #narrower(section: Section, place: string): SectionLayer {
    const split = splitSection(section, this.#report);
    this.#warnOfGlobalOnlyKeys(split, place);
    const { response } = split.terms;
    if (response !== undefined) {
      this.#report.add('config/response-scope', response.keySpan, `\`response\` has no effect in \`${place}\``, {
        help: 'write it on the routes, or under `global` for HTTP requests',
      });
    }
    return this.#layer(section, place, split);
  }

  #warnOfGlobalOnlyKeys({ globalOnly }: SplitSection, place: string): void {
    for (const key of GLOBAL_ONLY_KEYS) {
      const entry = globalOnly.get(key);
      if (entry === undefined) continue;
      this.#report.add('config/global-only-key', entry.keySpan, `\`${key}\` has no effect in \`${place}\``, {
        help: 'move it under `global`',
      });
    }
  }

  #layer(section: Section, place: string, { terms }: SplitSection): SectionLayer {
    const layer = sectionLayer(section, place, terms, this.#texts, this.#registry, this.#scope);
    for (const [name, entry] of layer.overrides) {
      this.#overrides.push({ name, entry });
      // Made now, since what is wrong with it can be reported at load only.
      overridden(name, entry, this.#registry);
    }
    for (const [name, span] of layer.facts.plugins) {
      if (this.#registry.declared.get(name)?.entry.mode !== 'disabled') continue;
      this.#report.add(
        'config/disabled-plugin',
        span,
        `plugin \`${name}\` has mode \`disabled\`, so it would check nothing`,
      );
    }
    return layer;
  }

  #hashKey(): KeyObject | undefined {
    const node = this.#globalSection && entryOf(this.#globalSection.node, 'hash_key')?.value;
    const secret = node && readSecret(node, this.#options, this.#report);
    return secret === undefined ? undefined : createSecretKey(secret, 'utf8');
  }

  #readOnMissing(): 'ignore' | 'deny' {
    const sessions = this.#globalSection && entryOf(this.#globalSection.node, 'sessions')?.value;
    const word = sessions?.kind === 'map' ? stringOf(entryOf(sessions, 'on_missing')?.value) : undefined;
    return word === 'deny' ? 'deny' : 'ignore';
  }

  #newRegistry(): PluginRegistry {
    const { kinds, baseDirectory, environment, now, alarm, report } = this.#options;
    const host = { timeout: this.#timeout, now, alarm };
    return new PluginRegistry(kinds.plugins, { baseDirectory, environment }, this.transport, host, report);
  }
}

function conditionsOf(entry: MapEntry | undefined): readonly PluginCondition[] {
  if (entry?.value.kind !== 'sequence') return [];
  return entry.value.items.flatMap((item) =>
    item.kind === 'map'
      ? [Object.fromEntries(item.entries.map(({ key, value }) => [key, stringsOf(value).map(({ text }) => text)]))]
      : [],
  );
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

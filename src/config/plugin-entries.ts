import { didYouMean } from '../diagnostics/nearest.ts';
import type { Report } from '../diagnostics/report.ts';
import type { PluginHandle } from '../engine/plugin-handle.ts';
import type { StorageReference } from '../transport/storage-reference.ts';
import {
  CAPABILITIES,
  HOOKS,
  type Capability,
  type HookName,
  type OnError,
  type Plugin,
  type PluginKind,
  type PluginMode,
} from '../engine/plugin.ts';
import { withImplied } from '../plugins/capability-view.ts';
import { hostPlugin, type PluginEntry, type PluginHostOptions } from '../plugins/plugin-host.ts';
import { entryOf, type DocumentNode, type MapNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import { stringOf, stringsOf } from './policy-terms.ts';
import { validateWith } from './schema.ts';
import type { SecretScope } from '../text/secret-source.ts';
import { configOf, kindOf, refusable } from './wiring.ts';

/** Spellings of hooks that existing bundles use. */
const HOOK_ALIASES: Readonly<Record<string, HookName>> = {
  identity_resolve: 'identity.resolve',
  token_delegate: 'token.delegate',
  tool_pre_invoke: 'cmf.tool_pre_invoke',
  tool_post_invoke: 'cmf.tool_post_invoke',
  prompt_pre_fetch: 'cmf.prompt_pre_invoke',
  prompt_post_fetch: 'cmf.prompt_post_invoke',
  prompt_pre_invoke: 'cmf.prompt_pre_invoke',
  prompt_post_invoke: 'cmf.prompt_post_invoke',
  'cmf.prompt_pre_fetch': 'cmf.prompt_pre_invoke',
  'cmf.prompt_post_fetch': 'cmf.prompt_post_invoke',
  resource_pre_fetch: 'cmf.resource_pre_fetch',
  resource_post_fetch: 'cmf.resource_post_fetch',
  llm_input: 'cmf.llm_input',
  llm_output: 'cmf.llm_output',
  http_request: 'cmf.http_request',
};

/** A plugin of the bundle, and what it takes to make another with other settings. */
export interface DeclaredPlugin {
  readonly entry: PluginEntry;
  readonly handle: PluginHandle;
  readonly span: Span;
  readonly conditions: MapNode['entries'][number] | undefined;
  /**
   * The plugin with settings of one place: `config` laid over (`merge`) or instead of (`replace`) its own. Undefined when
   * the settings are wrong, which is reported.
   */
  with(overrides: MapNode, config: 'merge' | 'replace'): PluginHandle | undefined;
}

/** Makes the plugins of a bundle and remembers them for start and end. */
export class PluginRegistry {
  readonly declared = new Map<string, DeclaredPlugin>();
  readonly #names = new Map<string, Span>();
  readonly #made: Plugin[] = [];
  readonly #kinds: readonly PluginKind[];
  readonly #scope: SecretScope;
  readonly #transport: StorageReference;
  readonly #report: Report;
  readonly #options: PluginHostOptions;

  constructor(
    kinds: readonly PluginKind[],
    scope: SecretScope,
    transport: StorageReference,
    options: PluginHostOptions,
    report: Report,
  ) {
    this.#kinds = kinds;
    this.#scope = scope;
    this.#transport = transport;
    this.#options = options;
    this.#report = report;
  }

  /** Every plugin made, overridden ones included. */
  get made(): readonly Plugin[] {
    return this.#made;
  }

  declare(node: DocumentNode): void {
    if (node.kind !== 'map') return;
    const nameNode = entryOf(node, 'name')?.value;
    const name = stringOf(nameNode);
    if (nameNode === undefined || name === undefined) return;
    const earlier = this.#names.get(name);
    if (earlier !== undefined) {
      this.#report.add('config/duplicate-name', nameNode.span, `the plugin name \`${name}\` is already taken`, {
        related: [{ span: earlier, note: 'first used here' }],
      });
      return;
    }
    this.#names.set(name, nameNode.span);
    const kind = kindOf(node, this.#kinds, `plugin \`${name}\``, this.#report);
    if (kind === undefined) return this.#declareUnusable(node, name, nameNode.span);
    const entry = this.#entryOf(node, name, kind);
    const config = configNode(node);
    const base = this.#make(entry, kind, config);
    if (base === undefined) return this.#declareUnusable(node, name, nameNode.span);
    for (const { message, help } of kind.lint?.(configOf(config)) ?? []) {
      this.#report.add('config/plugin-doubt', config.span, `plugin \`${name}\`: ${message}`, { help });
    }
    this.declared.set(name, {
      entry,
      handle: base,
      span: nameNode.span,
      conditions: entryOf(node, 'conditions'),
      with: (overrides, how) => {
        const given = entryOf(overrides, 'config') === undefined ? undefined : configNode(overrides);
        const merged = given === undefined ? config : how === 'merge' ? laidOver(config, given) : given;
        return this.#make(this.#overridden(entry, overrides), kind, merged);
      },
    });
  }

  /** Stands for a plugin that could not be made, which is reported; its uses are then no mistakes of their own. */
  #declareUnusable(node: MapNode, name: string, span: Span): void {
    const entry: PluginEntry = {
      name,
      kind: '',
      hooks: HOOKS,
      mode: 'sequential',
      priority: 100,
      onError: 'fail',
      capabilities: [],
    };
    const handle = hostPlugin(entry, {}, this.#options);
    const conditions = entryOf(node, 'conditions');
    this.declared.set(name, { entry, handle, span, conditions, with: () => handle });
  }

  #entryOf(node: MapNode, name: string, kind: PluginKind): PluginEntry {
    const priority = entryOf(node, 'priority')?.value;
    return {
      name,
      kind: kind.kind,
      hooks: this.#hooksOf(node, kind),
      mode: modeOf(stringOf(entryOf(node, 'mode')?.value)),
      priority: priority?.kind === 'scalar' && typeof priority.value === 'number' ? priority.value : 100,
      onError: onErrorOf(stringOf(entryOf(node, 'on_error')?.value)),
      capabilities: this.#capabilitiesOf(node),
    };
  }

  #overridden(entry: PluginEntry, overrides: MapNode): PluginEntry {
    const onError = stringOf(entryOf(overrides, 'on_error')?.value);
    return {
      ...entry,
      ...(onError === undefined ? {} : { onError: onErrorOf(onError) }),
      ...(entryOf(overrides, 'capabilities') === undefined ? {} : { capabilities: this.#capabilitiesOf(overrides) }),
    };
  }

  #make(entry: PluginEntry, kind: PluginKind, config: MapNode): PluginHandle | undefined {
    const subject = `plugin \`${entry.name}\``;
    const valid = validateWith(kind.configSchema, config, this.#report, { code: 'config/plugin-config', subject });
    if (!valid) return undefined;
    const context = {
      name: entry.name,
      now: this.#options.now,
      baseDirectory: this.#scope.baseDirectory,
      environment: this.#scope.environment,
      alarm: this.#options.alarm,
      transportSessions: () => this.#transport.storage,
      mode: entry.mode,
      capabilities: withImplied(entry.capabilities),
    };
    const make = (): Plugin => kind.create(configOf(config), context);
    const plugin = refusable({ keySpan: config.span }, subject, this.#report, make);
    if (plugin === undefined) return undefined;
    this.#made.push(plugin);
    return hostPlugin(entry, plugin, this.#options);
  }

  /** The hooks written; without any those of the kind. */
  #hooksOf(node: MapNode, kind: PluginKind): readonly HookName[] {
    const written = stringsOf(entryOf(node, 'hooks')?.value);
    if (written.length === 0) return kind.hooks;
    const hooks: HookName[] = [];
    for (const { text, node: at } of written) {
      const alias = Object.hasOwn(HOOK_ALIASES, text) ? HOOK_ALIASES[text] : undefined;
      const hook = alias ?? HOOKS.find((known) => known === text);
      if (hook === undefined) {
        this.#report.add('config/unknown-hook', at.span, `there is no hook \`${text}\``, {
          help: didYouMean(text, [...HOOKS, ...Object.keys(HOOK_ALIASES)]),
        });
      } else if (!kind.hooks.includes(hook)) {
        this.#report.add('config/unknown-hook', at.span, `plugins of kind \`${kind.kind}\` do not serve \`${hook}\``);
      } else {
        hooks.push(hook);
      }
    }
    return hooks;
  }

  #capabilitiesOf(node: MapNode): readonly Capability[] {
    const capabilities: Capability[] = [];
    for (const { text, node: at } of stringsOf(entryOf(node, 'capabilities')?.value)) {
      const capability = CAPABILITIES.find((known) => known === text);
      if (capability !== undefined) capabilities.push(capability);
      else {
        this.#report.add('config/wrong-value', at.span, `there is no capability \`${text}\``, {
          help: didYouMean(text, CAPABILITIES),
        });
      }
    }
    return capabilities;
  }
}

/** The `config` of an entry; an empty one at the entry's place when there is none. */
function configNode(node: MapNode): MapNode {
  const config = entryOf(node, 'config')?.value;
  return config?.kind === 'map' ? config : { kind: 'map', entries: [], span: node.span };
}

function laidOver(base: MapNode, over: MapNode): MapNode {
  const kept = base.entries.filter((entry) => entryOf(over, entry.key) === undefined);
  return { kind: 'map', entries: [...kept, ...over.entries], span: over.span };
}

function modeOf(text: string | undefined): PluginMode {
  return MODES.find((mode) => mode === text) ?? 'sequential';
}

function onErrorOf(text: string | undefined): OnError {
  return ON_ERROR.find((word) => word === text) ?? 'fail';
}

const MODES: readonly PluginMode[] = ['sequential', 'transform', 'audit', 'concurrent', 'fire_and_forget', 'disabled'];
const ON_ERROR: readonly OnError[] = ['fail', 'ignore', 'disable'];

const DEFAULT_TIMEOUT = 30_000;

/** Most time that one call of a plugin or decision point may take, in milliseconds. */
export function pluginTimeout(settings: MapNode | undefined): number {
  const seconds = settings && entryOf(settings, 'plugin_timeout')?.value;
  return seconds?.kind === 'scalar' && typeof seconds.value === 'number' ? seconds.value * 1000 : DEFAULT_TIMEOUT;
}

import { Report } from '../diagnostics/report.ts';
import type { CompileScope } from '../engine/compile-scope.ts';
import { fieldSteps } from '../engine/field-walk.ts';
import { denyWith, type Halt } from '../engine/halt.ts';
import type { EntityType, Phase } from '../engine/operation.ts';
import { hookOf } from '../engine/plugin-input.ts';
import type { PluginHandle } from '../engine/plugin-handle.ts';
import { layerFields, type PhaseProgram, type Program } from '../engine/program.ts';
import { runParallel, runPlugin, stepList, type CompiledStep } from '../engine/steps.ts';
import type { MapEntry } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import { compileLayer, type CompiledLayer } from './parsed-layer.ts';
import type { PluginRegistry } from './plugin-entries.ts';
import type { SectionLayer } from './section-layer.ts';

/** What programs are composed with, besides their layers. */
export interface Composition {
  readonly scope: CompileScope;
  readonly registry: PluginRegistry;
  /** Plugins that run without being listed. */
  readonly ambient: readonly PluginHandle[];
  /** Identity plugins of a bundle that asks for none in particular. */
  readonly fallbackAuthentication: readonly PluginHandle[];
  /** Overrides that some program uses. */
  readonly usedOverrides: Set<MapEntry>;
}

/** What is known of the operations that a program is for. */
export interface ProgramTarget {
  readonly type: EntityType;
  readonly unmatched: Halt | undefined;
  /** The layer whose `response` dresses denials. */
  readonly responder: SectionLayer | undefined;
}

/**
 * Folds layers, broadest first, into what one operation runs. Structural plugins that can decide or change run before
 * the policy's steps in `pre` and after them in `post`. Source: plugin specification, "Routing and layering".
 */
export function composeProgram(
  layers: readonly SectionLayer[],
  target: ProgramTarget,
  composition: Composition,
): Program {
  const { overrides, structural, admission, listeners } = participantsOf(layers, target, composition);
  const compiled = compiledWith(overrides, layers, composition);
  const phaseProgram = (phase: Phase, written: readonly (readonly CompiledStep[])[]): PhaseProgram => {
    const { steps, runs } = stepList(joined([admission[phase], ...written]));
    return { steps, runs, listeners: listeners[phase] };
  };
  return {
    pre: phaseProgram('pre', [
      structural.pre,
      fieldSteps(layerFields(compiled.map((layer) => layer.args)), 'args'),
      ...compiled.map((layer) => layer.pre),
    ]),
    post: phaseProgram('post', [
      fieldSteps(layerFields(compiled.map((layer) => layer.result)), 'result'),
      ...compiled.map((layer) => layer.post),
      structural.post,
    ]),
    forecasts: joined(compiled.map((layer) => layer.forecasts)),
    response: target.responder?.response,
    unmatched: target.unmatched,
    authentication: authenticationOf(layers, composition),
  };
}

/** What plugins do in a program besides what its rules call them for. */
interface Participants {
  /** Plugins that rules call, with settings of their own. */
  readonly overrides: ReadonlyMap<string, PluginHandle>;
  readonly structural: Readonly<Record<Phase, readonly CompiledStep[]>>;
  readonly admission: Readonly<Record<Phase, readonly CompiledStep[]>>;
  readonly listeners: Readonly<Record<Phase, PhaseProgram['listeners']>>;
}

const NOBODY: Participants = {
  overrides: new Map(),
  structural: { pre: [], post: [] },
  admission: { pre: [], post: [] },
  listeners: { pre: undefined, post: undefined },
};

function participantsOf(
  layers: readonly SectionLayer[],
  target: ProgramTarget,
  composition: Composition,
): Participants {
  if (composition.scope.plugins.size === 0) return NOBODY;
  const called = new Set(layers.flatMap((layer) => [...layer.facts.plugins.keys()]));
  const overrides = effectiveOverrides(layers, called, composition);
  const activated = lastOfEach(layers.flatMap((layer) => layer.activated));
  const listed = new Set(activated.map(({ name }) => name));
  const structural = [...activated, ...composition.ambient.filter(({ name }) => !listed.has(name))].toSorted(
    (a, b) => a.priority - b.priority,
  );

  const observers = lastOfEach([
    ...[...called].flatMap((name) => composition.scope.plugins.get(name) ?? []),
    ...structural,
    ...overrides.values(),
  ]).filter(({ observe, mode }) => observe !== undefined && mode !== 'disabled');

  const serving = (handles: readonly PluginHandle[], phase: Phase): readonly PluginHandle[] =>
    handles.filter(({ hooks }) => hooks.includes(hookOf(target.type, phase)));
  const at = (phase: Phase): readonly PluginHandle[] =>
    serving(structural, phase).filter(
      ({ name, observesOnly }) =>
        !observesOnly &&
        // An HTTP request is one hook, and its plugins have seen it in `pre`.
        (target.type !== 'http' || phase === 'pre') &&
        // Where rules call a plugin that nothing lists, the rules say when it runs.
        (listed.has(name) || !layers.some(({ facts }) => facts.called[phase].has(name))),
    );
  const ofMode = (phase: Phase, mode: PluginHandle['mode']): readonly PluginHandle[] =>
    at(phase).filter((handle) => handle.mode === mode);

  const admission = (phase: Phase): readonly CompiledStep[] =>
    serving(observers, phase).flatMap((handle) => admissionStep(handle, composition.registry));

  const listeners = (phase: Phase): PhaseProgram['listeners'] => {
    const audit = ofMode(phase, 'audit');
    const background = ofMode(phase, 'fire_and_forget');
    const observing = serving(observers, phase);
    const isHeard = audit.length + background.length + observing.length > 0;
    return isHeard ? { audit, background, observers: observing } : undefined;
  };
  const steps = (phase: Phase): readonly CompiledStep[] => structuralSteps(at(phase), composition.registry);
  return {
    overrides,
    structural: { pre: steps('pre'), post: steps('post') },
    admission: { pre: admission('pre'), post: admission('post') },
    listeners: { pre: listeners('pre'), post: listeners('post') },
  };
}

/** The lists in one that has no room for more; the only one that is not empty itself. */
function joined<Item>(lists: readonly (readonly Item[])[]): readonly Item[] {
  const [first = [], ...others] = lists.filter((list) => list.length > 0);
  return others.length === 0 ? first : first.concat(...others);
}

/** Of several activations of one plugin the last counts. */
function lastOfEach(handles: readonly PluginHandle[]): readonly PluginHandle[] {
  const byName = new Map<string, PluginHandle>();
  for (const handle of handles) {
    byName.delete(handle.name);
    byName.set(handle.name, handle);
  }
  return [...byName.values()];
}

function structuralSteps(plugins: readonly PluginHandle[], registry: PluginRegistry): readonly CompiledStep[] {
  const steps = (modes: readonly PluginHandle['mode'][]): readonly CompiledStep[] =>
    plugins.filter(({ mode }) => modes.includes(mode)).map((handle) => structuralStep(handle, registry));
  const concurrent = steps(['concurrent']);
  const [first] = concurrent;
  const ordered = steps(['sequential', 'transform']);
  return first === undefined
    ? ordered
    : [...ordered, { ...first, code: { run: (frame) => runParallel(concurrent, frame) } }];
}

function structuralStep(handle: PluginHandle, registry: PluginRegistry): CompiledStep {
  const advisory = handle.mode === 'transform';
  const declared = registry.declared.get(handle.name);
  return {
    place: `plugins.${handle.name}`,
    at: declared?.span ?? NOWHERE,
    code: { run: (frame) => runPlugin(handle, frame, advisory) },
  };
}

/** The step that keeps a phase from running, for a plugin that may. */
function admissionStep({ name, admit }: PluginHandle, registry: PluginRegistry): readonly CompiledStep[] {
  if (admit === undefined) return [];
  return [
    {
      place: `plugins.${name}`,
      at: registry.declared.get(name)?.span ?? NOWHERE,
      code: {
        run: ({ operation: { entity }, extensions }) => {
          const violation = admit({ entity, extensions });
          return violation && denyWith(violation);
        },
      },
    },
  ];
}

const NOWHERE: Span = { source: { name: '', text: '' }, start: 0, end: 0 };

/** Plugins that rules call and that have settings of their own on this route. */
function effectiveOverrides(
  layers: readonly SectionLayer[],
  called: ReadonlySet<string>,
  composition: Composition,
): ReadonlyMap<string, PluginHandle> {
  const effective = new Map<string, MapEntry>();
  for (const layer of layers) for (const [name, entry] of layer.overrides) effective.set(name, entry);
  const overrides = new Map<string, PluginHandle>();
  for (const [name, entry] of effective) {
    if (!called.has(name)) continue;
    composition.usedOverrides.add(entry);
    const handle = overridden(name, entry, composition.registry);
    if (handle !== undefined) overrides.set(name, handle);
  }
  return overrides;
}

/** The layers, recompiled where plugins that rules call have settings of their own. */
function compiledWith(
  overrides: ReadonlyMap<string, PluginHandle>,
  layers: readonly SectionLayer[],
  composition: Composition,
): readonly CompiledLayer[] {
  if (overrides.size === 0) return layers.map((layer) => layer.compiled);
  const plugins = new Map([...composition.scope.plugins, ...overrides]);
  // Everything there is to report about these layers was reported when they were first compiled.
  const scope = { ...composition.scope, plugins, report: new Report() };
  return layers.map((layer) => compileLayer(layer.parsed, scope));
}

const overriddenHandles = new WeakMap<MapEntry, PluginHandle>();

/** One plugin for each override entry, however many routes it reaches. Undefined when it is wrong, which is reported. */
export function overridden(name: string, entry: MapEntry, registry: PluginRegistry): PluginHandle | undefined {
  const known = overriddenHandles.get(entry);
  if (known !== undefined) return known;
  if (entry.value.kind !== 'map') return undefined;
  const handle = registry.declared.get(name)?.with(entry.value, 'replace');
  if (handle !== undefined) overriddenHandles.set(entry, handle);
  return handle;
}

function authenticationOf(layers: readonly SectionLayer[], composition: Composition): readonly PluginHandle[] {
  const asked = layers.flatMap((layer) => layer.authentication ?? []);
  if (asked.length === 0) return composition.fallbackAuthentication;
  const own = layers.at(-1)?.authentication;
  if (own?.replaceInherited === true) return own.plugins;
  return asked.flatMap((authentication) => authentication.plugins);
}

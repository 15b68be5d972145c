import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { loadBundle, type LoadResult } from '../../src/config/load-bundle.ts';
import type { LoadOptions } from '../../src/config/load-options.ts';
import { renderJson } from '../../src/diagnostics/render.ts';
import type { Bundle } from '../../src/engine/bundle.ts';
import type { Decision } from '../../src/engine/decision.ts';
import type { DecisionPoint, DecisionPointKind } from '../../src/engine/decision-point.ts';
import type { Operation } from '../../src/engine/operation.ts';
import { HOOKS, type HookName, type Plugin, type PluginKind } from '../../src/engine/plugin.ts';
import { createEngine, type EngineOptions, type PolicyEngine } from '../../src/engine/policy-engine.ts';
import type { Alarm, LabelStore } from '../../src/session/label-store.ts';

/** A bundle from its text; fails with its diagnostics when it is rejected. */
export async function bundleOf(text: string, options: LoadOptions = {}): Promise<Bundle> {
  const loaded = await loadText(text, options);
  assert.ok(loaded.ok, JSON.stringify(renderJson(loaded.diagnostics), undefined, 1));
  return loaded.bundle;
}

export function loadText(text: string, options: LoadOptions = {}): Promise<LoadResult> {
  return loadBundle({ name: 'policy.yaml', text }, options);
}

/** The codes and underlined texts of what loading a bundle reports, in the order of the text. */
export async function findingsOf(text: string, options: LoadOptions = {}): Promise<readonly (readonly string[])[]> {
  const { diagnostics } = await loadText(text, options);
  return diagnostics.map(({ code, span }) => [code, span.source.text.slice(span.start, span.end)]);
}

export async function engineOf(
  text: string,
  options: LoadOptions = {},
  engineOptions: EngineOptions = {},
): Promise<PolicyEngine> {
  return createEngine(await bundleOf(text, options), engineOptions);
}

/** `pre` on an engine of its own. */
export async function decide(text: string, operation: Operation, options: LoadOptions = {}): Promise<Decision> {
  return (await engineOf(text, options)).pre(operation);
}

/** A tool call. */
export function call(name: string, rest: Omit<Operation, 'entity'> = {}): Operation {
  return { entity: { type: 'tool', name }, ...rest };
}

/** `allow`, or the code of the violation. */
export function outcomeOf({ decision, violation }: Decision): string {
  return violation === null ? decision : violation.code;
}

/** A kind `test` whose plugins are those given, by the names of their entries. */
export function testKind(plugins: Readonly<Record<string, Plugin>>, hooks: readonly HookName[] = HOOKS): PluginKind {
  return {
    kind: 'test',
    configSchema: { type: 'object' },
    hooks,
    create: (_config, { name }) => plugins[name] ?? {},
  };
}

/** A kind `test` of decision points for the dialect `test`. */
export function testDialect(point: DecisionPoint): DecisionPointKind {
  return { kind: 'test', dialect: 'test', configSchema: { type: 'object' }, create: () => point };
}

/** A `session_store: {kind: given}` that is `store`. */
export function givenStore(store: LabelStore): LoadOptions {
  return { sessionStores: [{ kind: 'given', schema: { type: 'object' }, build: () => store }] };
}

/** Collects alarms. */
export function alarms(): { readonly raised: Alarm[]; readonly alarm: (alarm: Alarm) => void } {
  const raised: Alarm[] = [];
  return { raised, alarm: (alarm) => void raised.push(alarm) };
}

/** The rows of `fixtures/<path>.yaml`. */
export function rowsOf(path: string): readonly unknown[] {
  const rows: unknown = parse(readFileSync(new URL(`../../fixtures/${path}.yaml`, import.meta.url), 'utf8'));
  assert.ok(Array.isArray(rows) && rows.length > 0);
  return rows;
}

/** The value, frozen all the way down. */
export function deepFrozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFrozen);
    Object.freeze(value);
  }
  return value;
}

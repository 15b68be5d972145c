import assert from 'node:assert/strict';
import { createEngine, type Alarm, type EngineOptions, type LoadOptions, type PolicyEngine } from '../../src/index.ts';
import { alarms, bundleOf, loadText } from './engine.ts';

export interface LoadedEngine {
  readonly engine: PolicyEngine;
  /** Raised so far. */
  readonly alarms: readonly Alarm[];
  readonly digest: string;
}

/** An engine on a bundle that has to load, and what either raised. Close it. */
export async function loadedEngine(
  text: string,
  options: LoadOptions = {},
  engineOptions: EngineOptions = {},
): Promise<LoadedEngine> {
  const { raised, alarm } = alarms();
  const bundle = await bundleOf(text, { alarm, ...options });
  const now = options.now === undefined ? {} : { now: options.now };
  const engine = await createEngine(bundle, { alarm, ...now, ...engineOptions });
  return { engine, alarms: raised, digest: bundle.digest };
}

/** The errors of a bundle that must not load, as code, underlined text and message. */
export async function refusals(text: string): Promise<readonly (readonly [string, string, string])[]> {
  const loaded = await loadText(text);
  assert.equal(loaded.ok, false);
  return loaded.diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ code, span, message }) => [code, span.source.text.slice(span.start, span.end), message]);
}

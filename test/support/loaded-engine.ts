import assert from 'node:assert/strict';
import { createEngine, loadBundle, type Alarm, type LoadOptions, type PolicyEngine } from '../../src/index.ts';

export interface LoadedEngine {
  readonly engine: PolicyEngine;
  /** Raised so far. */
  readonly alarms: Alarm[];
  readonly digest: string;
}

/** An engine on a bundle that has to load. Close it. */
export async function loadedEngine(text: string, options: LoadOptions = {}): Promise<LoadedEngine> {
  const alarms: Alarm[] = [];
  const alarm = (raised: Alarm): void => void alarms.push(raised);
  const loaded = await loadBundle({ name: 'policy.yaml', text }, { alarm, ...options });
  assert.ok(loaded.ok, loaded.diagnostics.map(({ message }) => message).join('; '));
  const now = options.now === undefined ? {} : { now: options.now };
  const engine = await createEngine(loaded.bundle, { alarm, ...now });
  return { engine, alarms, digest: loaded.bundle.digest };
}

/** The errors of a bundle that must not load, as code, underlined text and message. */
export async function refusals(text: string): Promise<readonly (readonly [string, string, string])[]> {
  const loaded = await loadBundle({ name: 'policy.yaml', text });
  assert.equal(loaded.ok, false);
  return loaded.diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ code, span, message }) => [code, span.source.text.slice(span.start, span.end), message]);
}

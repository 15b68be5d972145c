import { loadBundle } from '../src/config/load-bundle.ts';
import type { Bundle } from '../src/engine/bundle.ts';
import type { Decision } from '../src/engine/decision.ts';
import { createEngine, type PolicyEngine } from '../src/engine/policy-engine.ts';
import type { Awaitable } from '../src/session/label-store.ts';

export async function bundleOf(text: string): Promise<Bundle> {
  const loaded = await loadBundle({ name: 'bench.yaml', text });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'));
  return loaded.bundle;
}

export async function engineOf(text: string): Promise<PolicyEngine> {
  return createEngine(await bundleOf(text));
}

/** A decision that has to be there at once and to allow. */
export function allowed(decision: Awaitable<Decision>): Decision {
  if (decision instanceof Promise) throw new Error('the decision is not there at once');
  if (decision.decision !== 'allow') throw new Error(`denied: ${decision.violation?.code ?? ''}`);
  return decision;
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  createEngine,
  loadBundle,
  type Alarm,
  type Decision,
  type Diagnostic,
  type LoadOptions,
  type Operation,
  type PolicyEngine,
} from '../../src/index.ts';

/** A started engine, closed with the test, and the alarms it raised. */
export interface Running {
  readonly engine: PolicyEngine;
  readonly alarms: readonly Alarm[];
  /** Of the bundle and the files it was made from. */
  readonly digest: string;
  /** Decides a call of the tool `t`. */
  readonly pre: (operation?: Partial<Operation>) => Promise<Decision>;
}

export async function start(context: TestContext, bundle: string, options: LoadOptions = {}): Promise<Running> {
  const alarms: Alarm[] = [];
  const alarm = (raised: Alarm): void => void alarms.push(raised);
  const loaded = await loadBundle({ name: 'bundle.yaml', text: bundle }, { alarm, ...options });
  if (!loaded.ok) assert.fail(loaded.diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  const engine = await createEngine(loaded.bundle, { alarm, trace: true });
  context.after(() => engine.close());
  return {
    engine,
    alarms,
    digest: loaded.bundle.digest,
    pre: async (operation = {}) => engine.pre({ entity: { type: 'tool', name: 't' }, ...operation }),
  };
}

/** What loading `bundle` finds. */
export async function findings(bundle: string, options: LoadOptions = {}): Promise<readonly Diagnostic[]> {
  const loaded = await loadBundle({ name: 'bundle.yaml', text: bundle }, options);
  if (loaded.ok) await loaded.bundle.close();
  return loaded.diagnostics;
}

/** A bundle whose tool `t` asks one decision point once; `step` is flow style YAML. */
export function bundleOf(entry: string, step: string): string {
  return `global:\n  pdp:\n    - ${entry}\nroutes:\n  - tool: t\n    pre_invocation:\n      - ${step}\n`;
}

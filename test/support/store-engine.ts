import assert from 'node:assert/strict';
import { createEngine, definePlugin, loadBundle, type Decision, type PolicyEngine } from '../../src/index.ts';
import type { Alarm, StoreObserver } from '../../src/session/label-store.ts';

/** An engine on a bundle with this store, and what it said. */
export interface EngineUnderTest {
  readonly engine: PolicyEngine;
  readonly alarms: Alarm[];
  /** Decides on `tool` for a subject; without `session` the request has none. */
  decide(tool: string, session?: string): Promise<Decision>;
}

/**
 * Tools: `look` allows when the session lacks the label `secret`, `taint` adds it and allows, `forbidden` denies,
 * `taint-forbidden` adds it and denies. `taint` and `taint-forbidden` wait for `pause` between load and append.
 */
export async function engineOf(
  sessionStore: Readonly<Record<string, unknown>>,
  pause: () => Promise<void> = async () => undefined,
  storeObserver?: StoreObserver,
): Promise<EngineUnderTest> {
  const alarms: Alarm[] = [];
  const alarm = (raised: Alarm): void => void alarms.push(raised);
  const waiting = definePlugin<object>({
    kind: 'test/pause',
    configSchema: { type: 'object', additionalProperties: false },
    hooks: ['cmf.tool_pre_invoke'],
    create: () => ({
      async invoke() {
        await pause();
        return { outcome: 'allow' };
      },
    }),
  });
  const text = `
plugins: [{name: pause, kind: test/pause, hooks: [cmf.tool_pre_invoke]}]
global:
  session_store: ${JSON.stringify(sessionStore)}
routes:
  - tool: look
    pre_invocation: [{when: "session.labels contains 'secret'", do: ["deny('tainted', 'test.tainted')"]}]
  - {tool: taint, pre_invocation: ["plugin(pause)", "taint(secret, session)"]}
  - {tool: forbidden, pre_invocation: ["deny('never', 'test.forbidden')"]}
  - {tool: taint-forbidden, pre_invocation: ["plugin(pause)", "taint(secret, session)", "deny('never', 'test.forbidden')"]}
`;
  const options = {
    plugins: [waiting],
    alarm,
    environment: {},
    ...(storeObserver === undefined ? {} : { storeObserver }),
  };
  const result = await loadBundle({ name: 'policy.yaml', text }, options);
  assert.ok(result.ok, JSON.stringify(result.diagnostics.map(({ message }) => message)));
  const engine = await createEngine(result.bundle, { alarm });
  return {
    engine,
    alarms,
    async decide(name, session) {
      const extensions = session === undefined ? {} : { subject: { id: 'alice' }, agent: { session_id: session } };
      return engine.pre({ entity: { type: 'tool', name }, extensions });
    },
  };
}

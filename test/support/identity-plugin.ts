import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { IdentityInput, IdentityOutcome, Plugin } from '../../src/engine/plugin.ts';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { identityJwt } from '../../src/plugins/identity-jwt/identity-jwt.ts';
import type { Alarm } from '../../src/session/label-store.ts';

export type IdentityConfig = Readonly<Record<string, unknown>>;

const validate = new Ajv2020({ strict: true, allErrors: true, ownProperties: true }).compile(identityJwt.configSchema);

/** What the schema says against a config, as `path keyword`, sorted; empty when it is fine. */
export function schemaErrors(config: unknown): readonly string[] {
  if (validate(config)) return [];
  const errors = validate.errors ?? [];
  return errors.map((error) => `${error.instancePath} ${error.keyword}`).toSorted();
}

export interface IdentityPlugin {
  readonly plugin: Plugin;
  readonly alarms: Alarm[];
  /** Unix milliseconds; move it to let time pass for the plugin. */
  readonly clock: { now: number };
  identify(headers: IdentityInput['headers'] | string, signal?: AbortSignal): Promise<IdentityOutcome>;
}

/** A plugin as the loader makes it: the config is checked against the schema first. */
export function identityPlugin(config: IdentityConfig, baseDirectory = tmpdir()): IdentityPlugin {
  assert.deepEqual(schemaErrors(config), []);
  const alarms: Alarm[] = [];
  const clock = { now: Date.now() };
  const alarm = (raised: Alarm): void => void alarms.push(raised);
  const plugin = identityJwt.create(config, {
    name: 'idp',
    now: () => clock.now,
    baseDirectory,
    environment: {},
    alarm,
    transportSessions: () => new LocalStorage(),
    mode: 'sequential',
    capabilities: new Set(),
  });
  return {
    plugin,
    alarms,
    clock,
    identify: async (credential, signal = new AbortController().signal) => {
      const headers = typeof credential === 'string' ? { authorization: `Bearer ${credential}` } : credential;
      const outcome = await plugin.resolveIdentity?.({ entity: { type: 'tool', name: 'any' }, headers }, { signal });
      assert.ok(outcome);
      return outcome;
    },
  };
}

/** The code of a denial, or `identified`. */
export function codeOf(outcome: IdentityOutcome): string {
  return outcome.outcome === 'denied' ? outcome.violation.code : outcome.outcome;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../support/engine.ts';

test('the uses of a plugin that cannot be made are no mistakes of their own', async () => {
  const text = `
plugin_settings: {routing_enabled: true}
plugins:
  - {name: tokens, kind: identity/jwt, hooks: [identity.resolve], config: {role: user}}
  - {name: trail, kind: audit/loger}
global: {authentication: [tokens]}
routes:
  - tool: read
    plugins: [trail]
    pre_invocation: ["taint(secret, session)", "plugin(trail)"]
`;
  assert.deepEqual(await findingsOf(text), [
    ['config/plugin-config', '{role: user}'],
    ['config/unknown-kind', 'audit/loger'],
  ]);
});

import type { CallDeadline } from './call-deadline.ts';
import type { IdentityResult } from './engine.ts';
import type { InboundCredential } from './inbound-credential.ts';
import type { Identity, IdentityInput } from './plugin.ts';
import type { PluginHandle } from './plugin-handle.ts';

/**
 * Asks the identity plugins in order; each may add a slot, a later one replaces what an earlier one found. The first
 * denial or failure ends it; once `deadline` has passed, the plugin that is asked has failed.
 */
export async function authenticate(
  plugins: readonly PluginHandle[],
  input: IdentityInput,
  deadline: CallDeadline,
): Promise<IdentityResult> {
  let identity: Identity = {};
  const credentials: InboundCredential[] = [];
  for (const plugin of plugins) {
    const outcome = await plugin.resolveIdentity(input, deadline);
    if (outcome.outcome !== 'identified') return { outcome: 'denied', violation: outcome.violation };
    identity = { ...identity, ...outcome.identity };
    if (outcome.credential !== undefined) credentials.push(outcome.credential);
  }
  return { outcome: 'identified', extensions: identity, credentials };
}

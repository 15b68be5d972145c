import type { PluginWarning } from '../engine/plugin.ts';
import type { SecretConfig } from '../text/secret-source.ts';

/** A secret that stands in the bundle is seen by all who read it. */
export function lintSecret(config: SecretConfig | undefined, place: string): readonly PluginWarning[] {
  if (config?.kind !== 'literal') return [];
  return [{ message: `\`${place}\` holds the secret itself`, help: 'use `kind: env_var` or `kind: file`' }];
}

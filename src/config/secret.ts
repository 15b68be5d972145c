import type { Report } from '../diagnostics/report.ts';
import { toValue, type DocumentNode } from '../text/document.ts';
import { readSecretSource, secretSource, type SecretScope } from '../text/secret-source.ts';

/** The secret that a `SecretConfig` of the bundle stands for. Undefined when it cannot be had, which is reported. */
export function readSecret(node: DocumentNode, scope: SecretScope, report: Report): string | undefined {
  // The schema has said so.
  if (node.kind !== 'map') return undefined;
  try {
    return readSecretSource(secretSource(toValue(node), scope));
  } catch (error) {
    report.add('config/secret', node.span, error instanceof Error ? error.message : 'the secret cannot be read');
    return undefined;
  }
}

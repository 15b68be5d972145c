import type { Report } from '../../diagnostics/report.ts';
import { spanOf } from '../notes.ts';
import type { SectionLayer } from '../section-layer.ts';

/** Digests are comparable only under a key that the bundle gives. Source: policy language section 4, stage `hash`. */
export function hashHasKey(layers: readonly SectionLayer[], report: Report): void {
  for (const { facts } of layers) {
    if (facts.hash === undefined) continue;
    report.add(
      'config/hash-key-missing',
      spanOf(facts.hash),
      '`hash` has no key of the bundle, so its digests differ from load to load',
      {
        help: 'give one as `global.hash_key: {kind: env_var, name: …}`',
      },
    );
    return;
  }
}

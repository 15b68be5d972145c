import type { Report } from '../../diagnostics/report.ts';
import type { HookName } from '../../engine/plugin.ts';
import { spanOf } from '../notes.ts';
import type { SectionLayer } from '../section-layer.ts';

/** Labels of a session need a subject that something can establish. Source: session specification, "Session identity". */
export function sessionHasSubject(layers: readonly SectionLayer[], hooks: readonly HookName[], report: Report): void {
  if (hooks.includes('identity.resolve')) return;
  for (const { facts } of layers) {
    if (facts.sessionTaint === undefined) continue;
    report.add(
      'session/no-subject',
      spanOf(facts.sessionTaint),
      'the session is labelled, and no plugin establishes a subject',
      {
        help: 'declare an identity plugin, or set `global.sessions.on_missing: deny`',
      },
    );
    return;
  }
}

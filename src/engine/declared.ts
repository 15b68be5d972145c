import { didYouMean } from '../diagnostics/nearest.ts';
import type { Span } from '../text/source.ts';
import type { CompileScope } from './compile-scope.ts';

/** Reports a plugin name that the bundle does not declare. */
export function reportUnknownPlugin(name: string, span: Span, scope: Pick<CompileScope, 'plugins' | 'report'>): void {
  scope.report.add('config/undeclared-plugin', span, `no plugin \`${name}\` is declared`, {
    help: didYouMean(name, scope.plugins.keys()) ?? 'declare it under `plugins:`',
  });
}

/** Reports a dialect that no decision point of the bundle answers for. */
export function reportUnknownDialect(
  dialect: string,
  span: Span,
  scope: Pick<CompileScope, 'decisionPoints' | 'report'>,
): void {
  scope.report.add('config/unknown-dialect', span, `no decision point answers for \`${dialect}\``, {
    help: didYouMean(dialect, [...scope.decisionPoints.keys(), ...STEP_KEYS]) ?? 'declare one under `global.pdp`',
  });
}

/** Keys that a map step can have besides dialects, for suggestions. */
const STEP_KEYS = ['when', 'delegate', 'restrict', 'sequential', 'parallel'];

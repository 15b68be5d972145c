import type { Step } from '../../language/ast.ts';
import type { CompileScope } from '../compile-scope.ts';
import type { Phase } from '../operation.ts';
import type { PluginHandle } from '../plugin-handle.ts';
import { parseDuration } from './duration.ts';

/** Reports what is doubtful in a question. False, and an error, when the plugin says that it cannot be asked. */
export function checkElicitation(
  step: Step & { readonly kind: 'elicit' },
  plugin: PluginHandle,
  phase: Phase,
  { report }: Pick<CompileScope, 'report'>,
): boolean {
  const span = step.text.span(step.range.start, step.range.end);
  const doubt = (message: string, help?: string): void =>
    report.add('config/elicitation-doubt', span, message, help === undefined ? {} : { help });
  if (phase === 'post') {
    doubt('the question comes after the operation, which every retry runs again', 'ask in `pre_invocation`');
  }
  if (step.from.startsWith('args.')) {
    doubt(`the caller chooses who is asked: \`${step.from}\` is an argument`, 'take it from a claim or from `data`');
  }
  if (step.timeout !== undefined && parseDuration(step.timeout) === undefined) {
    doubt(`\`${step.timeout}\` is no time, so the usual one counts`, 'write it as in `90s`, `15m`, `24h` or `2d`');
  }
  try {
    for (const { message, help } of plugin.checkElicit(step.verb)) doubt(`plugin \`${plugin.name}\`: ${message}`, help);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'the question cannot be asked';
    report.add('config/elicitation-step', span, `plugin \`${plugin.name}\`: ${message}`);
    return false;
  }
}

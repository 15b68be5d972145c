import type { Step } from '../language/ast.ts';
import { compilePath, elicitationId, type Accessor } from './attributes.ts';
import type { CompileScope } from './compile-scope.ts';
import type { Frame } from './frame.ts';
import { deny, denyWith, type Halt } from './halt.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { compilePredicate } from './predicates.ts';

const PATH = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;

/**
 * Compiles a question to a human. Pending suspends the phase; a human's no always denies; a question that could not be
 * asked, expired, or was approved outside its `scope` denies unless `on_error: continue`.
 * Source: policy language sections 2 and 3.
 */
export function compileElicitation(
  step: Step & { readonly kind: 'elicit' },
  plugin: PluginHandle,
  place: string,
  scope: CompileScope,
): (frame: Frame) => Promise<Halt | undefined> {
  const from = compileApprover(step.from, scope);
  const within = step.scope === undefined ? undefined : compilePredicate(step.scope.predicate, scope);
  const fail = (halt: Halt): Halt | undefined => (step.onError === 'continue' ? undefined : halt);
  return async (frame) => {
    const approver = from(frame);
    if (approver === undefined) return fail(deny(place, `\`${step.from}\` names nobody to ask`));
    const id = elicitationId(frame);
    const outcome = await plugin.elicit(
      {
        verb: step.verb,
        entity: frame.operation.entity,
        extensions: frame.extensions,
        args: frame.nextArgs,
        from: approver,
        place,
        config: step.config,
        ...(step.purpose === undefined ? {} : { purpose: step.purpose }),
        ...(step.channel === undefined ? {} : { channel: step.channel }),
        ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
        ...(id === undefined ? {} : { id }),
      },
      frame.signal,
    );
    switch (outcome.outcome) {
      case 'pending':
        return {
          kind: 'pending',
          code: 'elicitation.pending',
          reason: 'a human has been asked',
          details: {
            elicitation_id: outcome.id,
            plugin: plugin.name,
            ...(outcome.approver === undefined ? {} : { approver: outcome.approver }),
            ...(outcome.channel === undefined ? {} : { channel: outcome.channel }),
            ...(outcome.expires_at === undefined ? {} : { expires_at: outcome.expires_at }),
          },
        };
      case 'denied':
        return deny(place, outcome.reason ?? 'a human refused');
      case 'expired':
        return fail(deny(place, 'nobody answered in time'));
      case 'failed':
        return fail(denyWith(outcome.violation));
      case 'approved':
        return within === undefined || within(frame)
          ? undefined
          : fail(deny(place, 'the approval does not cover this request'));
    }
  };
}

/** An attribute that names somebody, or the text itself when it cannot be a dotted attribute. */
function compileApprover(written: string, scope: CompileScope): (frame: Frame) => string | undefined {
  if (!PATH.test(written)) return () => written;
  const segments = written.split('.').map((text) => ({ kind: 'name', text }) as const);
  const read: Accessor = compilePath({ kind: 'path', segments, range: { start: 0, end: written.length } }, scope);
  const fallback = segments.length === 1 ? written : undefined;
  return (frame) => {
    const value = read(frame);
    return typeof value === 'string' ? value : fallback;
  };
}

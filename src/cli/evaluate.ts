import type { Constraint } from '../engine/constraint.ts';
import type { Decision, Taint, Violation } from '../engine/decision.ts';
import type { Engine } from '../engine/engine.ts';
import type { JsonValue, Phase } from '../engine/operation.ts';
import { positionAt } from '../text/source.ts';
import type { EvaluationRequest } from './read-request.ts';

/** A step of `--trace`; line and column from 1. */
export interface AnswerStep {
  readonly place: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly outcome: string;
  readonly inputs?: Readonly<Record<string, JsonValue>>;
  readonly diagnostics?: readonly string[];
}

/** An answer line, its members in the order printed. Source: command line specification, "eval: answer line". */
export interface Answer {
  readonly id?: string;
  readonly decision: Decision['decision'];
  /** The phase that decided; the last one run when allowed. */
  readonly phase: Phase;
  readonly violation: Violation | null;
  /** As they would be forwarded. */
  readonly args?: JsonValue;
  /** As it would be returned; as given when `post` did not run or refused. */
  readonly result?: JsonValue;
  readonly modified: { readonly args: boolean; readonly result: boolean };
  /** Of all phases run, each once. */
  readonly taints: readonly Taint[];
  /** Of the session, sorted. */
  readonly labels: readonly string[];
  readonly constraint: Constraint | null;
  readonly trace?: readonly AnswerStep[];
}

/** Runs the phases that `request` asks for, `post` only when `pre` allowed, and tells what came of them together. */
export async function evaluate(engine: Engine, request: EvaluationRequest): Promise<Answer> {
  const { id, entity, attributes, extensions, args, result } = request;
  const operation = {
    entity,
    ...(id === undefined ? {} : { id }),
    ...(args === undefined ? {} : { args }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(extensions === undefined ? {} : { extensions }),
  };
  const phase = request.phase ?? (result === undefined ? 'pre' : 'both');
  const pre = phase === 'post' ? undefined : await engine.pre(operation);
  if (pre !== undefined && (phase === 'pre' || pre.decision !== 'allow')) {
    return answerOf(id, [pre], pre, { args: pre.args, result });
  }
  const post = await engine.post(operation, result);
  const decisions = pre === undefined ? [post] : [pre, post];
  return answerOf(id, decisions, post, {
    args: (pre ?? post).args,
    result: post.decision === 'allow' ? post.result : result,
  });
}

/** `last` is the one of `decisions` that the others led to. */
function answerOf(
  id: string | undefined,
  decisions: readonly Decision[],
  last: Decision,
  { args, result }: { readonly args: JsonValue | undefined; readonly result: JsonValue | undefined },
): Answer {
  const traces = decisions.flatMap(({ trace }) => (trace === undefined ? [] : [trace]));
  return {
    ...(id === undefined ? {} : { id }),
    decision: last.decision,
    phase: last.phase,
    violation: last.violation,
    ...(args === undefined ? {} : { args }),
    ...(result === undefined ? {} : { result }),
    modified: {
      args: decisions.some(({ modified }) => modified.args),
      result: decisions.some(({ modified }) => modified.result),
    },
    taints: distinct(decisions.flatMap(({ taints }) => taints)),
    labels: [...last.labels].toSorted(),
    constraint: last.constraint,
    ...(traces.length === 0 ? {} : { trace: traces.flat().map(stepOf) }),
  };
}

function distinct(taints: readonly Taint[]): readonly Taint[] {
  const seen = new Set<string>();
  return taints.filter(({ label, scopes }) => {
    const key = JSON.stringify([label, ...scopes.toSorted()]);
    return !seen.has(key) && seen.add(key);
  });
}

function stepOf({ place, span, outcome, inputs, diagnostics }: NonNullable<Decision['trace']>[number]): AnswerStep {
  const { line, column } = positionAt(span.source, span.start);
  return {
    place,
    file: span.source.name,
    line,
    column,
    outcome,
    ...(inputs === undefined ? {} : { inputs }),
    ...(diagnostics === undefined ? {} : { diagnostics }),
  };
}

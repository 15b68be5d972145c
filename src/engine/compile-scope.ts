import type { KeyObject } from 'node:crypto';
import type { Report } from '../diagnostics/report.ts';
import type { ArgumentMap, Stage } from '../language/ast.ts';
import type { AttributeScope } from './attributes.ts';
import type { Awaitable } from '../session/label-store.ts';
import type { DecisionAnswer, DecisionQuestion, StepContext } from './decision-point.ts';
import type { QuestionDesk } from './elicitation/question-desk.ts';
import type { CompiledField } from './field-pipeline.ts';
import type { PluginHandle } from './plugin-handle.ts';
import type { StepCode } from './steps.ts';

/** A declared decision point as compiled routes call it: time limit and checks of the answer included. */
export interface DecisionPointHandle {
  readonly dialect: string;
  /** Throws an `Error` for the author when the step cannot be asked. The question itself never throws or rejects. */
  prepare(
    body: ArgumentMap,
    argument: string | undefined,
    context: StepContext,
  ): (
    question: DecisionQuestion,
    signal: AbortSignal | undefined,
  ) => Awaitable<DecisionAnswer | { readonly outcome: 'failed' }>;
}

/** What rules are compiled against. Everything is looked up here once, at load. */
export interface CompileScope extends AttributeScope {
  /** Key of the `hash` stage. */
  readonly hashKey: KeyObject;
  readonly plugins: ReadonlyMap<string, PluginHandle>;
  /** By dialect. */
  readonly decisionPoints: ReadonlyMap<string, DecisionPointHandle>;
  readonly questions: QuestionDesk;
  /** What `taint(…, session)` does without a session. */
  readonly onMissingSession: 'ignore' | 'deny';
  readonly report: Report;
  /** Codes of steps made so far by what they do; without it each step gets one of its own. */
  readonly stepCodes?: Map<string, StepCode>;
  /** Fields made so far by the stages of their pipelines; without it each is made anew. */
  readonly fields?: Map<readonly Stage[], Map<string, CompiledField>>;
}

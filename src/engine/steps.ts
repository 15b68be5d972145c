import type { Predicate, Step } from '../language/ast.ts';
import { printPath, printPredicate } from '../language/printer.ts';
import { interned } from '../text/interned.ts';
import type { Span } from '../text/source.ts';
import type { Awaitable } from '../session/label-store.ts';
import { ATTRIBUTE_NAMESPACES, compilePath, toJson, type Accessor } from './attributes.ts';
import type { CompileScope } from './compile-scope.ts';
import type { Taint, TraceStep } from './decision.ts';
import type { DecisionAnswer, StepContext } from './decision-point.ts';
import { isOperationHook, pluginToCall, reportUnknownDialect } from './declared.ts';
import { checkElicitation } from './elicitation/check-elicitation.ts';
import { compileElicitation } from './elicitation.ts';
import { compileField } from './field-pipeline.ts';
import { attributeReader, FrameQuestion } from './frame-question.ts';
import type { Frame } from './frame.ts';
import {
  DEFAULT_REASON,
  deny,
  denyWith,
  placed,
  spanOf,
  type DecidingRule,
  type Halt,
  type PlacedDenial,
} from './halt.ts';
import { withHiddenToken } from './hidden-token.ts';
import type { JsonValue, Phase } from './operation.ts';
import { takeChanges } from './plugin-changes.ts';
import { hookOf, pluginInput } from './plugin-input.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { compilePredicate, negationOf, pathsOf, type CompiledPredicate } from './predicates.ts';
import { compileRestriction } from './restrict.ts';

/** What a list of steps leads to: nothing (go on) or the end of the phase. */
export type StepsOutcome = Awaitable<Halt | undefined>;

/** What one step leads to; true stands for its `denial`, false for nothing. */
export type StepOutcome = Awaitable<Halt | PlacedDenial | undefined> | boolean;

/** What a step does. Knows nothing of where it is written, so that equal rules of a bundle are one object. */
export interface StepCode {
  readonly run: (frame: Frame) => StepOutcome;
  /** Of a step that answers with true. */
  readonly denial?: Halt | PlacedDenial;
  /** False when a condition of the step does not hold; for traces. */
  readonly applies?: CompiledPredicate | undefined;
  /** The attributes that the step's predicates read; for traces. */
  readonly inputs?: ((frame: Frame) => Readonly<Record<string, JsonValue>>) | undefined;
  /** The steps that this one does the work of in one go; traces run them one by one. */
  readonly members?: readonly CompiledStep[];
}

/** A step in its place, which is the code of denials without one of their own. */
export interface CompiledStep extends DecidingRule {
  readonly code: StepCode;
}

/** Steps in the order they run. */
export interface StepList {
  readonly steps: readonly CompiledStep[];
  /** What each does: while all goes well nothing else of them is read. */
  readonly runs: readonly StepCode['run'][];
}

const NO_STEPS: StepList = { steps: [], runs: [] };

export function stepList(steps: readonly CompiledStep[]): StepList {
  return steps.length === 0 ? NO_STEPS : { steps, runs: steps.map(({ code }) => code.run) };
}

/** Where a list of rules stands: the phase it runs in and how its entries are called. */
export interface StepPlace {
  readonly phase: Phase;
  /** Code of the rule that a step belongs to. */
  readonly place: string;
}

/** Runs steps in order up to the first that ends the phase. Stays synchronous as long as every step does. */
export function runSteps(list: StepList, frame: Frame, from: number = 0): StepsOutcome {
  if (frame.trace !== undefined) return runTraced(list.steps.flatMap(membersOf), frame, frame.trace, from);
  const { runs } = list;
  for (let i = from; i < runs.length; i++) {
    const outcome = runs[i]?.(frame);
    if (outcome !== undefined && outcome !== false) return outcomeOf(outcome, list, i, frame);
  }
  return undefined;
}

function outcomeOf(outcome: Exclude<StepOutcome, undefined>, list: StepList, at: number, frame: Frame): StepsOutcome {
  if (!(outcome instanceof Promise)) return haltOf(outcome, list.steps[at]);
  return outcome.then((halt) => (halt === undefined ? runSteps(list, frame, at + 1) : haltOf(halt, list.steps[at])));
}

function haltOf(outcome: Halt | PlacedDenial | boolean, step: CompiledStep | undefined): Halt | undefined {
  if (step === undefined || outcome === false) return undefined;
  return placed(outcome === true ? (step.code.denial ?? DENIAL) : outcome, step);
}

function membersOf(step: CompiledStep): readonly CompiledStep[] {
  return step.code.members ?? [step];
}

/** Like `runSteps`; records every step before the steps inside it. */
function runTraced(steps: readonly CompiledStep[], frame: Frame, trace: TraceStep[], from: number): StepsOutcome {
  for (let i = from; i < steps.length; i++) {
    const step = steps[i];
    if (step === undefined) break;
    const outcome = traced(step, frame, trace);
    if (outcome === undefined) continue;
    if (outcome instanceof Promise) return outcome.then((halt) => halt ?? runTraced(steps, frame, trace, i + 1));
    return outcome;
  }
  return undefined;
}

function traced(step: CompiledStep, frame: Frame, trace: TraceStep[]): StepsOutcome {
  const { code } = step;
  const at = trace.length;
  const inputs = code.inputs?.(frame);
  const applies = code.applies?.(frame) ?? true;
  const { nextArgs, nextResult } = frame;
  frame.record(step.place, spanOf(step), 'continue', inputs);
  const finish = (outcome: Halt | PlacedDenial | boolean | undefined): Halt | undefined => {
    const halt = outcome === undefined ? undefined : haltOf(outcome, step);
    const entry = trace[at];
    const modified = frame.nextArgs !== nextArgs || frame.nextResult !== nextResult;
    const told = halt?.kind ?? (modified ? 'modified' : applies ? 'continue' : 'skipped');
    if (entry !== undefined) trace[at] = { ...entry, outcome: told };
    return halt;
  };
  const outcome = code.run(frame);
  return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
}

/** Compiles a list of steps that belong to one rule place. */
export function compileSteps(steps: readonly Step[], where: StepPlace, scope: CompileScope): readonly CompiledStep[] {
  return steps.map((step) => compileStep(step, where, scope));
}

/**
 * Compiles one step. Undeclared plugins, unregistered dialects and steps that a decision point refuses are reported to
 * `scope.report`. Source: policy language sections 2 and 3.
 */
export function compileStep(step: Step, where: StepPlace, scope: CompileScope): CompiledStep {
  return { place: where.place, at: step, code: stepCode(step, where, scope) };
}

function stepCode(step: Step, where: StepPlace, scope: CompileScope): StepCode {
  const span = (): Span => step.text.span(step.range.start, step.range.end);
  switch (step.kind) {
    case 'allow':
      return ALLOW;
    case 'deny': {
      const halt = denialOf(step);
      return { run: () => true, denial: halt };
    }
    case 'require':
      return sharedCode(['require', ...step.predicates.map(printPredicate)], scope, () => ({
        run: someFails(step.predicates, scope),
        denial: DENIAL,
        inputs: inputsOf(step.predicates, scope),
      }));
    case 'when': {
      const [only] = step.steps;
      const { predicate } = step;
      if (only?.kind === 'deny' && step.steps.length === 1) {
        return sharedCode(['when', printPredicate(predicate), only.code, only.reason], scope, () => {
          const applies = compilePredicate(predicate, scope);
          return {
            run: applies,
            denial: denialOf(only),
            applies,
            inputs: inputsOf([predicate], scope),
          };
        });
      }
      const applies = compilePredicate(predicate, scope);
      const steps = stepList(compileSteps(step.steps, where, scope));
      return {
        run: (frame) => (applies(frame) ? runSteps(steps, frame) : undefined),
        applies,
        inputs: inputsOf([predicate], scope),
      };
    }
    case 'taint':
      return taintCode(step, where, scope);
    case 'plugin': {
      const plugin = pluginToCall(step.name, isOperationHook, span(), scope);
      if (plugin?.observesOnly === true) return { run: (frame) => passObserver(plugin, frame) };
      return { run: plugin === undefined ? unusable(where) : (frame) => runPlugin(plugin, frame) };
    }
    case 'delegate': {
      const plugin = pluginToCall(step.plugin, (hook) => hook === 'token.delegate', span(), scope);
      if (plugin === undefined || !checkDelegate(step, plugin, span(), scope)) return { run: unusable(where) };
      return { run: (frame) => runDelegate(step, plugin, frame) };
    }
    case 'elicit': {
      const plugin = pluginToCall(step.plugin, (hook) => hook === 'elicit', span(), scope);
      if (plugin === undefined || !checkElicitation(step, plugin, where.phase, scope)) return { run: unusable(where) };
      return { run: compileElicitation(step, plugin, where.place, scope) };
    }
    case 'decide':
      return { run: compileDecide(step, span, where, scope) };
    case 'restrict': {
      const restriction = compileRestriction(step.restriction, scope);
      const unresolved = deny(where.place, 'a deny list of `restrict` could not be read');
      return {
        run: (frame) => {
          const constraint = restriction(frame);
          if (constraint === 'unresolved') return unresolved;
          if (constraint !== undefined) frame.addConstraint(constraint);
          return undefined;
        },
      };
    }
    case 'sequential': {
      const steps = stepList(compileSteps(step.steps, where, scope));
      return { run: (frame) => runSteps(steps, frame) };
    }
    case 'parallel': {
      refuseModifyingPlugins(step.steps, scope);
      const steps = compileSteps(step.steps, where, scope);
      return { run: (frame) => runParallel(steps, frame) };
    }
    case 'field':
      return { run: compileFieldOperation(step, where, scope) };
  }
}

/** A step whose load already failed; were it ever run, it denies. */
function unusable(where: StepPlace): () => Halt {
  return () => deny(where.place);
}

/** The code of equal steps, made once for each bundle. `parts` say all that it does. */
function sharedCode(
  parts: readonly (string | undefined)[],
  { stepCodes }: CompileScope,
  make: () => StepCode,
): StepCode {
  if (stepCodes === undefined) return make();
  const key = JSON.stringify(parts);
  let code = stepCodes.get(key);
  if (code === undefined) {
    code = make();
    stepCodes.set(key, code);
  }
  return code;
}

const ALLOW: StepCode = { run: () => false };
const DENIAL: PlacedDenial = { kind: 'deny', code: undefined, reason: DEFAULT_REASON };

function denialOf({ code, reason = DEFAULT_REASON }: Step & { readonly kind: 'deny' }): Halt | PlacedDenial {
  return code === undefined ? { kind: 'deny', code, reason } : deny(code, reason);
}

/** Whether some of the predicates does not hold. */
function someFails(predicates: readonly Predicate[], scope: CompileScope): CompiledPredicate {
  const [only] = predicates;
  if (only !== undefined && predicates.length === 1) return compilePredicate(negationOf(only), scope);
  const compiled = predicates.map((predicate) => compilePredicate(predicate, scope));
  return (frame) => {
    for (const holds of compiled) if (!holds(frame)) return true;
    return false;
  };
}

function taintCode(step: Step & { readonly kind: 'taint' }, where: StepPlace, scope: CompileScope): StepCode {
  const { label, scopes } = step;
  if (scope.onMissingSession === 'ignore' || !scopes.includes('session')) {
    return sharedCode(['taint', label, ...scopes], scope, () => {
      const taints = taintsOf(step);
      return {
        run: (frame) => {
          frame.addTaints(taints);
          return undefined;
        },
      };
    });
  }
  const taints = taintsOf(step);
  const halt = deny('session.missing', `\`${where.place}\` labels the session, and the request has none`);
  return {
    run: (frame) => {
      frame.addTaints(taints);
      return frame.session === undefined ? halt : undefined;
    },
  };
}

/** One array for all requests. */
function taintsOf({ label, scopes }: Step & { readonly kind: 'taint' }): readonly Taint[] {
  return Object.freeze([{ label: interned(label), scopes }]);
}

/** Calls a plugin and takes over what it may change. An `advisory` one can fail the phase, but not refuse it. */
export async function runPlugin(
  plugin: PluginHandle,
  frame: Frame,
  advisory: boolean = false,
): Promise<Halt | undefined> {
  const result = await plugin.invoke(pluginInput(frame), frame.signal);
  switch (result.outcome) {
    case 'allow':
      return undefined;
    case 'deny':
      return advisory && !result.failed ? undefined : denyWith(result.violation);
    case 'modify':
      if (result.args !== undefined && frame.phase === 'pre') frame.nextArgs = result.args;
      if (result.result !== undefined && frame.phase === 'post') frame.nextResult = result.result;
      takeChanges(result, frame);
      return undefined;
  }
}

/** A plugin that only observes hears of the phase when it is decided; a step that calls it need not wait. */
function passObserver(plugin: PluginHandle, frame: Frame): StepOutcome {
  const hook = hookOf(frame.operation.entity.type, frame.phase);
  return plugin.hooks.includes(hook) ? undefined : runPlugin(plugin, frame);
}

/** False, and reported, when the plugin says that the step cannot work. */
function checkDelegate(
  step: Step & { readonly kind: 'delegate' },
  plugin: PluginHandle,
  span: Span,
  { report }: CompileScope,
): boolean {
  try {
    for (const { message, help } of plugin.checkDelegate(step.config)) {
      report.add('config/plugin-doubt', span, `plugin \`${plugin.name}\`: ${message}`, { help });
    }
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'the step cannot work';
    report.add('config/delegate-step', span, `plugin \`${plugin.name}\`: ${message}`);
    return false;
  }
}

async function runDelegate(
  step: Step & { readonly kind: 'delegate' },
  plugin: PluginHandle,
  frame: Frame,
): Promise<Halt | undefined> {
  // A later step must never pass on what an earlier one was granted.
  frame.grant = undefined;
  const outcome = await plugin.delegate(
    {
      entity: frame.operation.entity,
      extensions: frame.extensions,
      credentials: frame.operation.credentials ?? [],
      config: step.config,
    },
    frame.signal,
  );
  if (outcome.outcome === 'granted') {
    frame.grant = {
      permissions: new Set(outcome.permissions),
      audience: outcome.audience,
      expiresAt: outcome.expiresAt === undefined ? undefined : timestamp(outcome.expiresAt),
    };
    frame.addDelegatedToken(withHiddenToken({ header: outcome.header }, outcome.token));
    return undefined;
  }
  return step.onError === 'continue' ? undefined : denyWith(outcome.violation);
}

function timestamp(unixMilliseconds: number): string {
  return `${new Date(Math.floor(unixMilliseconds / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

function compileDecide(
  step: Step & { readonly kind: 'decide' },
  span: () => Span,
  where: StepPlace,
  scope: CompileScope,
): (frame: Frame) => StepOutcome {
  const onAllow = stepList(compileSteps(step.onAllow, where, scope));
  const onDeny = stepList(compileSteps(step.onDeny, where, scope));
  const point = scope.decisionPoints.get(step.dialect);
  if (point === undefined) {
    reportUnknownDialect(step.dialect, span(), scope);
    return unusable(where);
  }
  const { dialect } = step;
  const context: StepContext = {
    namespaces: ATTRIBUTE_NAMESPACES,
    reader: (name) => attributeReader(name, scope),
    warn: (message, help) =>
      scope.report.add('config/decision-point-doubt', span(), `\`${dialect}\`: ${message}`, { help }),
  };
  let ask: ReturnType<typeof point.prepare>;
  try {
    ask = point.prepare(step.body, step.argument, context);
  } catch (error) {
    const message = error instanceof Error ? error.message : 'the step cannot be asked';
    scope.report.add('config/decision-point-step', span(), `\`${dialect}\`: ${message}`);
    return unusable(where);
  }
  const failed = deny(`pdp.${dialect}.error`, `the decision point \`${dialect}\` gave no answer`);
  /** Reactions may give the denial other words; they cannot take it back, nor put it off with a question. */
  const react = (denial: Halt, frame: Frame): StepsOutcome => {
    const worded = (halt: Halt | undefined): Halt => (halt?.kind === 'deny' ? halt : denial);
    const reaction = runSteps(onDeny, frame);
    return reaction instanceof Promise ? reaction.then(worded) : worded(reaction);
  };
  const conclude = (
    answer: DecisionAnswer | { readonly outcome: 'failed' },
    frame: Frame,
    at: number,
  ): StepsOutcome => {
    const diagnostics = answer.outcome === 'failed' ? [] : (answer.diagnostics ?? []);
    frame.addConsultation({ dialect, place: where.place, outcome: answer.outcome, diagnostics }, at);
    switch (answer.outcome) {
      case 'failed':
        return failed;
      case 'allow':
        return runSteps(onAllow, frame);
      case 'deny':
        return react(deny(answer.code ?? `pdp.${dialect}.deny`, answer.reason), frame);
    }
  };
  return (frame) => {
    // The step's own entry is the last one of the trace until a reaction runs.
    const at = (frame.trace?.length ?? 0) - 1;
    const answer = ask(new FrameQuestion(frame, scope.data), frame.signal);
    return answer instanceof Promise ? answer.then((given) => conclude(given, frame, at)) : conclude(answer, frame, at);
  };
}

function refuseModifyingPlugins(steps: readonly Step[], scope: CompileScope): void {
  for (const step of steps) {
    if (step.kind === 'plugin' && scope.plugins.get(step.name)?.modifies === true) {
      scope.report.add(
        'config/parallel-modifies',
        step.text.span(step.range.start, step.range.end),
        `plugin \`${step.name}\` may modify, so it cannot run inside \`parallel\``,
        { help: 'give it mode `audit` or `concurrent`, or move it out of the group' },
      );
    }
    if ('steps' in step) refuseModifyingPlugins(step.steps, scope);
    if (step.kind === 'decide') refuseModifyingPlugins([...step.onAllow, ...step.onDeny], scope);
  }
}

/**
 * Runs the members at once, each on a fork. The first halt in written order wins and the members that still run are
 * cancelled: they leave nothing, while what finished members collected stays. A member that throws or rejects denies
 * with its place.
 */
export function runParallel(steps: readonly CompiledStep[], frame: Frame): StepOutcome {
  const cancel = new AbortController();
  const signal = AbortSignal.any([frame.signal, cancel.signal]);
  const members: Member[] = [];
  for (const step of steps) {
    const member = startMember(step, frame.fork(signal));
    members.push(member);
    if (member.outcome !== undefined && !(member.outcome instanceof Promise)) break;
  }
  const settled = firstHalt(members, 0);
  const finish = (halt: Halt | undefined): Halt | undefined => {
    for (const member of members) if (member.finished) frame.join(member.frame);
    if (halt !== undefined) cancel.abort();
    return halt;
  };
  return settled instanceof Promise ? settled.then(finish) : finish(settled);
}

interface Member {
  readonly frame: Frame;
  /** Never rejects. */
  outcome: StepsOutcome;
  finished: boolean;
}

function startMember(step: CompiledStep, frame: Frame): Member {
  const member: Member = { frame, outcome: undefined, finished: false };
  const finish = (halt: Halt | undefined): Halt | undefined => {
    member.finished = true;
    return halt;
  };
  const fail = (): Halt | undefined => finish(deny(step.place, 'a member of the group failed'));
  try {
    const outcome = runSteps(stepList([step]), frame);
    member.outcome = outcome instanceof Promise ? outcome.then(finish, fail) : finish(outcome);
  } catch {
    member.outcome = fail();
  }
  return member;
}

function firstHalt(members: readonly Member[], from: number): StepsOutcome {
  for (const [i, { outcome }] of members.entries()) {
    if (i < from) continue;
    if (outcome instanceof Promise) return outcome.then((halt) => halt ?? firstHalt(members, i + 1));
    if (outcome !== undefined) return outcome;
  }
  return undefined;
}

function compileFieldOperation(
  step: Step & { readonly kind: 'field' },
  where: StepPlace,
  scope: CompileScope,
): (frame: Frame) => StepOutcome {
  const name = step.text.value.slice(step.path.range.start, step.path.range.end);
  const { path, pipeline, target } = step;
  const { run } = compileField({ path, pipeline, name }, target, scope);
  return (target === 'args') === (where.phase === 'pre') ? run : () => undefined;
}

/** The attributes that predicates read, by name as written; absent ones are left out. Compiled when first asked for. */
function inputsOf(predicates: readonly Predicate[], scope: CompileScope): NonNullable<StepCode['inputs']> {
  let readers: ReadonlyMap<string, Accessor> | undefined;
  return (frame) => {
    readers ??= new Map(predicates.flatMap(pathsOf).map((path) => [printPath(path), compilePath(path, scope)]));
    const inputs: Record<string, JsonValue> = {};
    for (const [name, read] of readers) {
      const value = toJson(read(frame));
      if (value !== undefined) inputs[name] = value;
    }
    return inputs;
  };
}

import type { FieldPath, Pipeline, Stage } from '../language/ast.ts';
import type { Awaitable } from '../session/label-store.ts';
import { compileFieldPath, HALTED, OMIT, type FieldAnswer } from './field-path.ts';
import type { CompileScope } from './compile-scope.ts';
import { rootField, type RootField } from './field-walk.ts';
import type { Frame } from './frame.ts';
import { denyWith, placedDenial, type Halt, type PlacedDenial } from './halt.ts';
import type { JsonValue } from './operation.ts';
import { isOperationHook, pluginToCall } from './declared.ts';
import { takeChanges } from './plugin-changes.ts';
import { pluginInput } from './plugin-input.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { compileStage, type CompiledStage } from './stages.ts';

type Runner = StageRunner | PluginRunner;

interface StageRunner {
  readonly name: string;
  readonly run: CompiledStage;
  /** False when no value can make the stage halt. */
  readonly refuses: boolean;
  readonly plugin?: undefined;
}

interface PluginRunner {
  readonly name: string;
  readonly plugin: PluginHandle;
}

/** A field's pipeline as written. */
export interface WrittenField {
  readonly path: FieldPath;
  readonly pipeline: Pipeline;
  readonly name: string;
}

/** Knows nothing of where the field is written, so that equal fields of a bundle are one object. */
export interface CompiledField {
  /** Rewrites what will be forwarded. Answers at once unless a stage is a plugin. */
  readonly run: (frame: Frame) => Awaitable<Halt | PlacedDenial | undefined>;
  /** The same for a walk over several fields; undefined when the field cannot be part of one. */
  readonly atRoot: RootField | undefined;
}

export function compileField(field: WrittenField, target: 'args' | 'result', scope: CompileScope): CompiledField {
  const { stages } = field.pipeline;
  // Plugins differ from place to place.
  if (scope.fields === undefined || stages.some(({ kind }) => kind === 'plugin')) return compile(field, target, scope);
  let known = scope.fields.get(stages);
  if (known === undefined) scope.fields.set(stages, (known = new Map()));
  const key = `${target} ${field.name}`;
  let compiled = known.get(key);
  if (compiled === undefined) known.set(key, (compiled = compile(field, target, scope)));
  return compiled;
}

function compile(field: WrittenField, target: 'args' | 'result', scope: CompileScope): CompiledField {
  const runners = field.pipeline.stages.flatMap((stage) => compileRunner(stage, field.pipeline, scope)).slice();
  const rewrite = compileFieldPath<Frame>(field.path);
  const stages = runners.flatMap((runner) => (runner.plugin === undefined ? [runner] : [])).slice();
  if (stages.length === runners.length) {
    const change = compileChange(stages, field);
    const [only, ...others] = field.path.segments;
    return {
      run: (frame) => {
        const root = target === 'args' ? frame.nextArgs : frame.nextResult;
        return root === undefined ? undefined : replaceRoot(frame, target, rewrite(root, frame, change));
      },
      atRoot: only?.kind === 'name' && others.length === 0 ? rootField(only.text, change) : undefined,
    };
  }
  const run = async (frame: Frame): Promise<Halt | PlacedDenial | undefined> => {
    const root = target === 'args' ? frame.nextArgs : frame.nextResult;
    if (root === undefined) return undefined;
    const values: JsonValue[] = [];
    rewrite(root, frame, (value) => {
      values.push(value);
      return value;
    });
    const answers: FieldAnswer[] = [];
    for (const value of values) {
      const answer = await changeWithPlugins(runners, field, value, frame);
      if (answer === HALTED) return replaceRoot(frame, target, HALTED);
      answers.push(answer);
    }
    let next = 0;
    const answered = rewrite(root, frame, (value) => {
      const answer = answers[next];
      next += 1;
      return answer === undefined ? value : answer;
    });
    return replaceRoot(frame, target, answered);
  };
  return { run, atRoot: undefined };
}

function replaceRoot(frame: Frame, target: 'args' | 'result', answer: FieldAnswer): Halt | PlacedDenial | undefined {
  if (answer === HALTED) return frame.fieldHalt ?? placedDenial();
  const next = answer === OMIT ? undefined : answer;
  if (target === 'args') frame.nextArgs = next;
  else frame.nextResult = next;
  return undefined;
}

type Change = (value: JsonValue, frame: Frame) => FieldAnswer;

/** The stages one after the other, up to the first that omits or refuses. */
function compileChange(stages: readonly StageRunner[], field: WrittenField): Change {
  const [only] = stages;
  if (only !== undefined && stages.length === 1) {
    const { name, run, refuses } = only;
    if (!refuses) return run;
    return (value, frame) => {
      const answer = run(value, frame);
      return answer === HALTED ? refuse(field, name, value, frame) : answer;
    };
  }
  return (value, frame) => {
    let current = value;
    for (const { name, run } of stages) {
      const answer = run(current, frame);
      if (answer === HALTED) return refuse(field, name, current, frame);
      if (answer === OMIT) return OMIT;
      current = answer;
    }
    return current;
  };
}

async function changeWithPlugins(
  runners: readonly Runner[],
  field: WrittenField,
  value: JsonValue,
  frame: Frame,
): Promise<FieldAnswer> {
  let current = value;
  for (const runner of runners) {
    const answer =
      runner.plugin === undefined
        ? runner.run(current, frame)
        : await callPlugin(runner.plugin, field.name, current, frame);
    if (answer === HALTED) return runner.plugin === undefined ? refuse(field, runner.name, current, frame) : HALTED;
    if (answer === OMIT) return OMIT;
    current = answer;
  }
  return current;
}

function refuse(field: WrittenField, stage: string, value: JsonValue, frame: Frame): typeof HALTED {
  frame.fieldHalt = placedDenial(`\`${field.name}\` was refused by \`${stage}\`: the value is ${kindOf(value)}`);
  return HALTED;
}

function compileRunner(stage: Stage, pipeline: Pipeline, scope: CompileScope): readonly Runner[] {
  const name = pipeline.text.value.slice(stage.range.start, stage.range.end).trim();
  if (stage.kind !== 'plugin') {
    return [{ name, run: compileStage(stage, scope), refuses: stage.kind !== 'redact' && stage.kind !== 'omit' }];
  }
  const span = pipeline.text.span(stage.range.start, stage.range.end);
  const plugin = pluginToCall(stage.name, isOperationHook, span, scope);
  return plugin === undefined ? [] : [{ name, plugin }];
}

async function callPlugin(plugin: PluginHandle, path: string, value: JsonValue, frame: Frame): Promise<FieldAnswer> {
  const result = await plugin.invoke(pluginInput(frame, { path, value }), frame.signal);
  switch (result.outcome) {
    case 'allow':
      return value;
    case 'deny':
      frame.fieldHalt = denyWith(result.violation);
      return HALTED;
    case 'modify':
      takeChanges(result, frame);
      return result.field === undefined ? value : result.field;
  }
}

function kindOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'object':
      return 'an object';
    case 'number':
    case 'bigint':
      return 'a number';
    case 'boolean':
      return 'a boolean';
    default:
      return 'a string';
  }
}

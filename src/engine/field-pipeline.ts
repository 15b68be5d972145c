import type { FieldPath, Pipeline, Stage } from '../language/ast.ts';
import type { Awaitable } from '../session/label-store.ts';
import { compileFieldPath, HALTED, OMIT, type FieldAnswer } from './field-path.ts';
import type { CompileScope } from './compile-scope.ts';
import type { Frame } from './frame.ts';
import { deny, denyWith } from './halt.ts';
import type { JsonValue } from './operation.ts';
import { isOperationHook, pluginToCall } from './declared.ts';
import { pluginInput } from './plugin-input.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { compileStage, type CompiledStage } from './stages.ts';

/**
 * Runs one field's pipeline over a root value. Answers the new root, the same one when nothing changed, or `HALTED` with
 * the reason in `frame.fieldHalt`.
 */
export type CompiledField = (root: JsonValue, frame: Frame) => Awaitable<FieldAnswer>;

type Runner = { readonly name: string; readonly run: CompiledStage; readonly plugin?: undefined } | PluginRunner;

interface PluginRunner {
  readonly name: string;
  readonly plugin: PluginHandle;
}

/** Compiles a field pipeline; `place` is the code of its refusals. */
export function compileField(
  field: { readonly path: FieldPath; readonly pipeline: Pipeline; readonly name: string; readonly place: string },
  scope: CompileScope,
): CompiledField {
  const runners = field.pipeline.stages.flatMap((stage) => compileRunner(stage, field.pipeline, scope));
  const rewrite = compileFieldPath<Frame>(field.path);
  const refuse = (frame: Frame, stage: string, value: JsonValue): typeof HALTED => {
    frame.fieldHalt = deny(field.place, `\`${field.name}\` was refused by \`${stage}\`: the value is ${kindOf(value)}`);
    return HALTED;
  };

  if (runners.every((runner) => runner.plugin === undefined)) {
    const change = (value: JsonValue, frame: Frame): FieldAnswer => {
      let current = value;
      for (const runner of runners) {
        const answer = runner.run(current, frame);
        if (answer === HALTED) return refuse(frame, runner.name, current);
        if (answer === OMIT) return OMIT;
        current = answer;
      }
      return current;
    };
    return (root, frame) => rewrite(root, frame, change);
  }

  const changeAsync = async (value: JsonValue, frame: Frame): Promise<FieldAnswer> => {
    let current = value;
    for (const runner of runners) {
      const answer =
        runner.plugin === undefined
          ? runner.run(current, frame)
          : await callPlugin(runner.plugin, field.name, current, frame);
      if (answer === HALTED) return runner.plugin === undefined ? refuse(frame, runner.name, current) : HALTED;
      if (answer === OMIT) return OMIT;
      current = answer;
    }
    return current;
  };
  return async (root, frame) => {
    const values: JsonValue[] = [];
    rewrite(root, frame, (value) => {
      values.push(value);
      return value;
    });
    const answers: FieldAnswer[] = [];
    for (const value of values) {
      const answer = await changeAsync(value, frame);
      if (answer === HALTED) return HALTED;
      answers.push(answer);
    }
    let next = 0;
    return rewrite(root, frame, (value) => {
      const answer = answers[next];
      next += 1;
      return answer === undefined ? value : answer;
    });
  };
}

function compileRunner(stage: Stage, pipeline: Pipeline, scope: CompileScope): readonly Runner[] {
  const name = pipeline.text.value.slice(stage.range.start, stage.range.end).trim();
  if (stage.kind !== 'plugin') return [{ name, run: compileStage(stage, scope) }];
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
      for (const label of result.labels) frame.addTaint({ label, scopes: ['session'] });
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

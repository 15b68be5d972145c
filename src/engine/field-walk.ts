import { interned } from '../text/interned.ts';
import { HALTED, OMIT, type FieldAnswer } from './field-path.ts';
import type { Frame } from './frame.ts';
import { placed, placedDenial, type Halt, type PlacedDenial } from './halt.ts';
import type { JsonObject, JsonValue } from './operation.ts';
import type { LayerField } from './program.ts';
import type { CompiledStep, StepCode } from './steps.ts';
import { isInheritedName, isObject } from './values.ts';

/** A field right below the root whose pipeline answers at once. */
export interface RootField {
  readonly name: string;
  readonly change: (value: JsonValue, frame: Frame) => FieldAnswer;
}

/** The field as one of a walk; undefined for names that objects have without owning them. */
export function rootField(name: string, change: RootField['change']): RootField | undefined {
  return isInheritedName(name) ? undefined : { name: interned(name), change };
}

/** Steps that rewrite `fields` in order. Neighbours right below the root share one walk, and one copy. */
export function fieldSteps(fields: readonly LayerField[], target: 'args' | 'result'): readonly CompiledStep[] {
  const steps: CompiledStep[] = [];
  let together: LayerField[] = [];
  const flush = (): void => {
    const [first] = together;
    if (first !== undefined) steps.push(together.length === 1 ? first.step : joined(first.step, together, target));
    together = [];
  };
  for (const field of fields) {
    if (field.atRoot !== undefined) {
      together.push(field);
      continue;
    }
    flush();
    steps.push(field.step);
  }
  flush();
  return steps;
}

function joined(first: CompiledStep, fields: readonly LayerField[], target: 'args' | 'result'): CompiledStep {
  const walked = fields.flatMap(({ atRoot }) => atRoot ?? []).slice();
  const members = fields.map(({ step }) => step);
  return { place: first.place, at: first.at, code: { run: walk(walked, members, target), members } };
}

function walk(
  fields: readonly RootField[],
  members: readonly CompiledStep[],
  target: 'args' | 'result',
): StepCode['run'] {
  return (frame) => {
    const root = target === 'args' ? frame.nextArgs : frame.nextResult;
    if (!isObject(root)) return undefined;
    let current: JsonObject = root;
    let copy: Record<string, JsonValue> | undefined;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      if (field === undefined) break;
      const { name, change } = field;
      const before = current[name];
      if (before === undefined) continue;
      const after = change(before, frame);
      if (after === before) continue;
      if (after === HALTED) return refusal(members[i], frame);
      if (after === OMIT) {
        const { [name]: _omitted, ...rest } = current;
        copy = rest;
      } else {
        copy ??= { ...root };
        copy[name] = after;
      }
      current = copy;
      if (target === 'args') frame.nextArgs = copy;
      else frame.nextResult = copy;
    }
    return undefined;
  };
}

function refusal(member: CompiledStep | undefined, { fieldHalt }: Frame): Halt | PlacedDenial {
  const halt = fieldHalt ?? placedDenial();
  return member === undefined ? halt : placed(halt, member);
}

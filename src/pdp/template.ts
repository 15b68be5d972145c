import type { DecisionQuestion, StepContext } from '../engine/decision-point.ts';
import type { JsonValue } from '../engine/operation.ts';
import type { ArgumentValue } from '../language/ast.ts';

/** The value of a template for one question. Throws `MissingAttributeError`. */
export type Template = (question: DecisionQuestion) => JsonValue;

/** Whether `text` is one placeholder and nothing else. */
export function isPlaceholder(text: ArgumentValue): text is string {
  return typeof text === 'string' && PLACEHOLDER.test(text);
}

/** A placeholder's attribute is absent; `message` names it. */
export class MissingAttributeError extends Error {
  override readonly name = 'MissingAttributeError';
}

const PLACEHOLDER = /^\$\{\s*([^{}]*?)\s*\}$/;

/**
 * Compiles a value whose strings may be `${attribute}`. Only a string that is nothing but a placeholder is one; it is
 * replaced by the attribute with its type kept, sets becoming sorted lists; `checkGiven` may throw for
 * what a request gives, as opposed to the `data` of the bundle. Keys never are, and nothing that was put in
 * is looked at again. Source: reference facts on decision points, substitution.
 */
export function compileTemplate(
  value: ArgumentValue,
  context: StepContext,
  checkGiven?: (value: JsonValue) => void,
): Template {
  if (typeof value === 'string') return compileText(value, context, checkGiven);
  if (typeof value !== 'object' || value === null) return () => value;
  if (isList(value)) {
    const items = value.map((item) => compileTemplate(item, context, checkGiven));
    return hasPlaceholder(value) ? (question) => items.map((item) => item(question)) : () => value;
  }
  if (!hasPlaceholder(value)) return () => value;
  const members = Object.entries(value).map(
    ([key, item]) => [key, compileTemplate(item, context, checkGiven)] as const,
  );
  return (question) => Object.fromEntries(members.map(([key, item]) => [key, item(question)]));
}

function compileText(
  text: string,
  context: StepContext,
  checkGiven: ((value: JsonValue) => void) | undefined,
): Template {
  const name = PLACEHOLDER.exec(text)?.[1];
  if (name === undefined || name === '') {
    if (text.includes('${')) {
      context.warn(
        `\`${text}\` stays as it is written`,
        'a placeholder is replaced only where it is the whole value: `${args.id}`',
      );
    }
    return () => text;
  }
  const read = context.reader(name);
  const trusted = name === 'data' || name.startsWith('data.');
  return (question) => {
    const value = read(question);
    if (value === undefined) throw new MissingAttributeError(`there is no attribute \`${name}\``);
    if (!trusted) checkGiven?.(value);
    return value;
  };
}

function hasPlaceholder(value: ArgumentValue): boolean {
  if (typeof value === 'string') return PLACEHOLDER.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasPlaceholder);
}

function isList(value: ArgumentValue): value is readonly ArgumentValue[] {
  return Array.isArray(value);
}

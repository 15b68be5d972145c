import type * as Cel from '@bufbuild/cel';
import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { nestingOf } from '../nesting.ts';
import { inspectExpression, type Expression } from './inspect-expression.ts';
import type { Projection } from './projection.ts';

export const MAX_EXPRESSION_LENGTH = 8192;
const MAX_NESTING = 64;
const MAX_PATTERN_LENGTH = 1000;
/** Not a name that an expression can write. */
const GUARD = '@within';

/** When the evaluation under way has to end, in milliseconds of `performance.now`. Evaluations never overlap. */
export interface Clock {
  readonly timeout: number;
  deadline: number;
  expired: boolean;
}

type EnvironmentOptions = NonNullable<Parameters<typeof Cel.celEnv>[0]>;

/** The standard functions, with loops that end when `clock` says so and patterns that take linear time. */
export function celEnvironment(
  library: typeof Cel,
  clock: Clock,
  options: Pick<EnvironmentOptions, 'namespace' | 'registry'> = {},
): Cel.CelEnv {
  const { BOOL } = library.CelScalar;
  const guard = library.celFunc(GUARD, [BOOL], BOOL, (condition) => condition && inTime(clock));
  return library.celEnv({ ...options, funcs: [guard], re2: linearTimePatterns() });
}

function inTime(clock: Clock): boolean {
  if (!clock.expired && performance.now() > clock.deadline) clock.expired = true;
  return !clock.expired;
}

/** Reads an expression and what it needs. Throws an `Error` for the author; the answer is to be planned as it is. */
export function readExpression(
  library: typeof Cel,
  environment: Cel.CelEnv,
  text: string,
): { readonly expression: Expression; readonly reads: Projection } {
  const expression = parse(library, text);
  const functions = new Set([...environment.funcs].map(({ name }) => name));
  const message = (name: string): boolean =>
    candidates(environment.namespace, name).some((each) => environment.registry.getMessage(each) !== undefined);
  return { expression, reads: inspectExpression(expression, { functions, message }, GUARD) };
}

/** What a name can stand for inside a namespace, innermost first. */
function candidates(namespace: string, name: string): readonly string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  const outer = namespace.split('.');
  const names: string[] = [];
  for (let length = namespace === '' ? 0 : outer.length; length > 0; length--) {
    names.push([...outer.slice(0, length), name].join('.'));
  }
  return [...names, name];
}

function parse(library: typeof Cel, text: string): Expression {
  if (text.length > MAX_EXPRESSION_LENGTH) {
    throw new Error(`the expression has more than ${MAX_EXPRESSION_LENGTH} characters`);
  }
  if (nestingOf(text) > MAX_NESTING) throw new Error(`the expression nests more than ${MAX_NESTING} levels deep`);
  let parsed: ReturnType<typeof Cel.parse>;
  try {
    parsed = library.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it is no CEL expression';
    throw new Error(`\`expr\` cannot be read: ${why.replace(/^<input>:/, '')}`, { cause: error });
  }
  if (parsed.expr === undefined) throw new Error('`expr` is empty');
  return parsed.expr;
}

/** `matches(…)` in linear time, with the patterns of late kept compiled. */
function linearTimePatterns(): NonNullable<EnvironmentOptions['re2']> {
  const compiled = new LRUCache<string, RE2JS>({ max: 256 });
  return {
    compile(pattern) {
      if (pattern.length > MAX_PATTERN_LENGTH) throw new Error('the pattern is too long');
      let expression = compiled.get(pattern);
      if (expression === undefined) {
        expression = RE2JS.compile(pattern);
        compiled.set(pattern, expression);
      }
      const matcher = expression;
      return { test: (text) => matcher.matcher(text).find() };
    },
  };
}

import type * as Cel from '@bufbuild/cel';
import { addPath, emptyProjection, type Projection } from './projection.ts';

export type Expression = NonNullable<ReturnType<typeof Cel.parse>['expr']>;

export const MAX_NODES = 2000;
export const MAX_NODE_DEPTH = 200;
/** Comprehensions (`all`, `exists`, `map`, …) inside one another. */
export const MAX_COMPREHENSIONS = 2;

/** Operators that the library plans itself, without a function of that name. */
const PLANNED: ReadonlySet<string> = new Set(['_[_]', '_?_:_', '_&&_', '_||_', '@not_strictly_false']);

/** Names that stand for types, not for variables. */
const TYPE_NAMES: ReadonlySet<string> = new Set(
  'bool bytes double duration dyn google int list map null_type string timestamp type uint'.split(' '),
);

/** What expressions of an environment can name. */
export interface Known {
  readonly functions: ReadonlySet<string>;
  readonly message: (name: string) => boolean;
}

/**
 * Walks an expression once, before it is planned, and tells what it reads; members are the variables. Unknown functions are an `Error`, because the library would find them
 * only when it meets them and `boom() || true` would hold; so are expressions that could cost more than a decision may.
 * Each comprehension's condition becomes an argument of `guard`, a function that ends the loop when time is up.
 */
export function inspectExpression(root: Expression, known: Known, guard: string): Projection {
  const { functions } = known;
  const reads = emptyProjection();
  let nodes = 0;

  const read = (path: readonly string[], use: 'value' | 'presence', bound: ReadonlySet<string>): void => {
    const [variable = ''] = path;
    if (!bound.has(variable) && !TYPE_NAMES.has(variable)) addPath(reads, path, use);
  };

  const visit = (
    expression: Expression | undefined,
    bound: ReadonlySet<string>,
    depth: number,
    loops: number,
  ): void => {
    if (expression === undefined) return;
    nodes += 1;
    if (nodes > MAX_NODES || depth > MAX_NODE_DEPTH) throw new Error('the expression is too large');
    const path = pathOf(expression);
    if (path !== undefined) {
      if (path.length > MAX_NODE_DEPTH) throw new Error('the expression is too large');
      return read(path, 'value', bound);
    }
    const inner = (child: Expression | undefined): void => visit(child, bound, depth + 1, loops);
    const { exprKind } = expression;
    switch (exprKind.case) {
      case 'selectExpr': {
        const { operand, field, testOnly } = exprKind.value;
        const parent = operand && pathOf(operand);
        if (testOnly && parent !== undefined) return read([...parent, field], 'presence', bound);
        return inner(operand);
      }
      case 'callExpr': {
        const { target, args } = exprKind.value;
        checkFunction(exprKind.value, functions);
        if (target !== undefined && !isFunctionNamespace(exprKind.value, functions)) inner(target);
        return args.forEach(inner);
      }
      case 'listExpr':
        return exprKind.value.elements.forEach(inner);
      case 'structExpr': {
        const { messageName, entries } = exprKind.value;
        if (messageName !== '' && !known.message(messageName)) {
          throw new Error(`there is no message type \`${messageName}\``);
        }
        for (const { keyKind, value } of entries) {
          if (keyKind.case === 'mapKey') inner(keyKind.value);
          inner(value);
        }
        return undefined;
      }
      case 'comprehensionExpr': {
        const loop = exprKind.value;
        if (loops >= MAX_COMPREHENSIONS) {
          throw new Error(
            `more than ${MAX_COMPREHENSIONS} of \`all\`, \`exists\`, \`map\`, … stand inside one another`,
          );
        }
        inner(loop.iterRange);
        inner(loop.accuInit);
        const within = new Set([...bound, loop.accuVar, loop.iterVar]);
        visit(loop.loopCondition, within, depth + 1, loops + 1);
        visit(loop.loopStep, within, depth + 1, loops + 1);
        visit(loop.result, new Set([...bound, loop.accuVar]), depth + 1, loops);
        if (loop.loopCondition !== undefined) loop.loopCondition = guarded(loop.loopCondition, guard);
        return undefined;
      }
      default:
        return undefined;
    }
  };

  visit(root, new Set(), 0, 0);
  return reads;
}

type Call = Extract<Expression['exprKind'], { case: 'callExpr' }>['value'];

function checkFunction(call: Call, functions: ReadonlySet<string>): void {
  const name = call.function;
  if (functions.has(name) || PLANNED.has(name) || isFunctionNamespace(call, functions)) return;
  throw new Error(`there is no function \`${name}\``);
}

/** `math.least(…)`: what looks like a target is the beginning of the function's name. */
function isFunctionNamespace({ target, function: name }: Call, functions: ReadonlySet<string>): boolean {
  const path = target && pathOf(target);
  return path !== undefined && functions.has(`${path.join('.')}.${name}`);
}

/** `a.b["c"]` as a path from a variable; undefined when the expression is something else. */
function pathOf({ exprKind }: Expression): readonly string[] | undefined {
  switch (exprKind.case) {
    case 'identExpr':
      return [exprKind.value.name.replace(/^\./, '')];
    case 'selectExpr': {
      const { operand, field, testOnly } = exprKind.value;
      const parent = testOnly || operand === undefined ? undefined : pathOf(operand);
      return parent && [...parent, field];
    }
    case 'callExpr': {
      const { function: name, args } = exprKind.value;
      const [operand, index] = args;
      if (name !== '_[_]' || operand === undefined || index?.exprKind.case !== 'constExpr') return undefined;
      const { constantKind } = index.exprKind.value;
      const parent = constantKind.case === 'stringValue' ? pathOf(operand) : undefined;
      return parent && constantKind.case === 'stringValue' ? [...parent, constantKind.value] : undefined;
    }
    default:
      return undefined;
  }
}

function guarded(condition: Expression, guard: string): Expression {
  return {
    $typeName: 'cel.expr.Expr',
    id: condition.id,
    exprKind: {
      case: 'callExpr',
      value: { $typeName: 'cel.expr.Expr.Call', function: guard, args: [condition] },
    },
  };
}

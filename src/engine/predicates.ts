import type { ComparisonOperator, Literal, Path, Predicate } from '../language/ast.ts';
import { printPredicate } from '../language/printer.ts';
import { interned } from '../text/interned.ts';
import { compileBothWays, isListed, type AttributeScope, type CompiledPath } from './attributes.ts';
import type { Frame } from './frame.ts';
import { compareNumbers, isPresent, isSet, setHas, setMembers, toNumber, type AttributeValue } from './values.ts';

/** Never throws: what cannot be compared does not hold. */
export type CompiledPredicate = (frame: Frame) => boolean;

type ValueTest = (value: AttributeValue | undefined) => boolean;

const NEVER: CompiledPredicate = () => false;

/** Compiles a predicate to a closure. Source: policy language section 1, table of forms. */
export function compilePredicate(predicate: Predicate, scope: AttributeScope): CompiledPredicate {
  if (scope.predicates === undefined) return compile(predicate, scope);
  const text = printPredicate(predicate);
  let compiled = scope.predicates.get(text);
  if (compiled === undefined) {
    compiled = compile(predicate, scope);
    scope.predicates.set(text, compiled);
  }
  return compiled;
}

function compile(predicate: Predicate, scope: AttributeScope): CompiledPredicate {
  switch (predicate.kind) {
    case 'or':
      return any(predicate.operands.map((operand) => compilePredicate(operand, scope)));
    case 'and':
      return all(predicate.operands.map((operand) => compilePredicate(operand, scope)));
    case 'not':
      return negation(predicate.operand, scope);
    case 'truthy':
      return flag(compileBothWays(predicate.path, scope), true);
    case 'exists':
      return test(compileBothWays(predicate.path, scope), isPresent);
    case 'compare':
      return compare(compileBothWays(predicate.path, scope), predicate.operator, predicate.literal);
    case 'contains':
      return contains(predicate.path, predicate.literal, scope);
    case 'in': {
      const holds = isMember(compileBothWays(predicate.path, scope), compileBothWays(predicate.set, scope));
      return predicate.negated ? (frame) => !holds(frame) : holds;
    }
  }
}

/** What holds exactly when `predicate` does not. */
export function negationOf(predicate: Predicate): Predicate {
  if (predicate.kind === 'not') return predicate.operand;
  return { kind: 'not', operand: predicate, range: predicate.range };
}

function negation(operand: Predicate, scope: AttributeScope): CompiledPredicate {
  if (operand.kind === 'truthy') return flag(compileBothWays(operand.path, scope), false);
  const holds = compilePredicate(operand, scope);
  return (frame) => !holds(frame);
}

/** Whether the value at `path` is true, or is not; the lists of the subject are looked at without another call. */
function flag({ read, direct, membership }: CompiledPath, expected: boolean): CompiledPredicate {
  const name = membership?.name ?? '';
  switch (membership?.list) {
    case undefined:
      return (frame) => ((frame.overlay === undefined ? direct(frame) : read(frame)) === true) === expected;
    case 'roles':
      return (frame) =>
        (frame.overlay === undefined ? isListed(frame.subject?.roles, name) : read(frame) === true) === expected;
    case 'permissions':
      return (frame) =>
        (frame.overlay === undefined ? isListed(frame.subject?.permissions, name) : read(frame) === true) === expected;
    case 'teams':
      return (frame) =>
        (frame.overlay === undefined ? isListed(frame.subject?.teams, name) : read(frame) === true) === expected;
  }
}

function all(operands: readonly CompiledPredicate[]): CompiledPredicate {
  const [first, second, third] = operands;
  if (first !== undefined && second !== undefined && operands.length === 2) {
    return (frame) => first(frame) && second(frame);
  }
  if (first !== undefined && second !== undefined && third !== undefined && operands.length === 3) {
    return (frame) => first(frame) && second(frame) && third(frame);
  }
  return (frame) => {
    for (const operand of operands) if (!operand(frame)) return false;
    return true;
  };
}

function any(operands: readonly CompiledPredicate[]): CompiledPredicate {
  const [first, second] = operands;
  if (first !== undefined && second !== undefined && operands.length === 2) {
    return (frame) => first(frame) || second(frame);
  }
  return (frame) => {
    for (const operand of operands) if (operand(frame)) return true;
    return false;
  };
}

/** Whether the value at `path` passes; of what is the same for every request that is found out now. */
function test({ read, direct, constant }: CompiledPath, passes: ValueTest): CompiledPredicate {
  if (constant === undefined) {
    return (frame) => passes(frame.overlay === undefined ? direct(frame) : read(frame));
  }
  const known = passes(constant.value);
  return (frame) => (frame.overlay === undefined ? known : passes(read(frame)));
}

function compare(path: CompiledPath, operator: ComparisonOperator, literal: Literal): CompiledPredicate {
  switch (operator) {
    case '==':
      return equals(path, literal);
    case '!=': {
      const same = equalTo(literal);
      return test(path, (value) => isPresent(value) && !same(value));
    }
    case '>':
    case '>=':
    case '<':
    case '<=':
      return ordered(path, operator, literal);
  }
}

function equals(path: CompiledPath, literal: Literal): CompiledPredicate {
  if (path.constant === undefined && (literal.kind === 'string' || literal.kind === 'boolean')) {
    const { read, direct } = path;
    const value = typeof literal.value === 'string' ? interned(literal.value) : literal.value;
    return (frame) => (frame.overlay === undefined ? direct(frame) : read(frame)) === value;
  }
  return test(path, equalTo(literal));
}

/** Same type and equal; integers and floats are one type. */
function equalTo(literal: Literal): ValueTest {
  const expected = literal.value;
  if (typeof expected === 'string' || typeof expected === 'boolean') return (value) => value === expected;
  return (value) => (typeof value === 'number' || typeof value === 'bigint') && compareNumbers(value, expected) === 0;
}

type Ordering = '>' | '>=' | '<' | '<=';

const ORDERS: Readonly<Record<Ordering, readonly (-1 | 0 | 1)[]>> = {
  '>': [1],
  '>=': [1, 0],
  '<': [-1],
  '<=': [-1, 0],
};

function ordered(path: CompiledPath, operator: Ordering, literal: Literal): CompiledPredicate {
  const bound = toNumber(literal.value);
  if (bound === undefined) return NEVER;
  const orders = ORDERS[operator];
  const exact: ValueTest = (value) => {
    const number = toNumber(value);
    const order = number === undefined ? undefined : compareNumbers(number, bound);
    return order !== undefined && orders.includes(order);
  };
  // No number that JavaScript has rounded can have crossed a bound of this size.
  const comparable = typeof bound === 'number' && Math.abs(bound) <= Number.MAX_SAFE_INTEGER;
  if (path.constant !== undefined || !comparable) return test(path, exact);
  const { read, direct } = path;
  switch (operator) {
    case '>':
      return (frame) => {
        const value = frame.overlay === undefined ? direct(frame) : read(frame);
        return typeof value === 'number' ? value > bound : exact(value);
      };
    case '>=':
      return (frame) => {
        const value = frame.overlay === undefined ? direct(frame) : read(frame);
        return typeof value === 'number' ? value >= bound : exact(value);
      };
    case '<':
      return (frame) => {
        const value = frame.overlay === undefined ? direct(frame) : read(frame);
        return typeof value === 'number' ? value < bound : exact(value);
      };
    case '<=':
      return (frame) => {
        const value = frame.overlay === undefined ? direct(frame) : read(frame);
        return typeof value === 'number' ? value <= bound : exact(value);
      };
  }
}

function contains(path: Path, literal: Literal, scope: AttributeScope): CompiledPredicate {
  if (literal.kind !== 'string') return NEVER;
  const text = interned(literal.value);
  if (isLabels(path)) return (frame) => frame.hasLabel(text);
  return test(compileBothWays(path, scope), (set) => isSet(set) && setHas(set, text));
}

/** `security.labels` or `session.labels`, which raw attributes add to and never hide. */
function isLabels({ segments }: Path): boolean {
  const [namespace, name] = segments;
  return (
    segments.length === 2 &&
    namespace?.kind === 'name' &&
    (namespace.text === 'security' || namespace.text === 'session') &&
    name?.kind !== 'lookup' &&
    name?.text === 'labels'
  );
}

function isMember(path: CompiledPath, set: CompiledPath): CompiledPredicate {
  const { read, direct } = path;
  const { read: readSet, direct: directSet, constant } = set;
  const known = constant === undefined ? undefined : membersOf(constant.value);
  return (frame) => {
    const value = frame.overlay === undefined ? direct(frame) : read(frame);
    if (typeof value !== 'string') return false;
    if (known !== undefined && frame.overlay === undefined) return known.has(value);
    const members = frame.overlay === undefined ? directSet(frame) : readSet(frame);
    return isSet(members) && setHas(members, value);
  };
}

function membersOf(value: AttributeValue | undefined): ReadonlySet<string> {
  return isSet(value) ? new Set(setMembers(value)) : new Set();
}

/** The paths that a predicate reads, brackets included, each once. For traces and lint. */
export function pathsOf(predicate: Predicate): readonly Path[] {
  switch (predicate.kind) {
    case 'or':
    case 'and':
      return predicate.operands.flatMap(pathsOf);
    case 'not':
      return pathsOf(predicate.operand);
    case 'in':
      return [...withLookups(predicate.path), ...withLookups(predicate.set)];
    case 'truthy':
    case 'exists':
    case 'compare':
    case 'contains':
      return withLookups(predicate.path);
  }
}

function withLookups(path: Path): readonly Path[] {
  return [path, ...path.segments.flatMap((segment) => (segment.kind === 'lookup' ? withLookups(segment.path) : []))];
}

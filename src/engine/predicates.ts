import type { ComparisonOperator, Literal, Path, Predicate } from '../language/ast.ts';
import { compilePath, type Accessor, type AttributeScope } from './attributes.ts';
import type { Frame } from './frame.ts';
import { compareNumbers, isPresent, isSet, setHas, toNumber, type AttributeValue } from './values.ts';

/** Never throws: what cannot be compared does not hold. */
export type CompiledPredicate = (frame: Frame) => boolean;

const NEVER: CompiledPredicate = () => false;

/** Compiles a predicate to a closure. Source: policy language section 1, table of forms. */
export function compilePredicate(predicate: Predicate, scope: AttributeScope): CompiledPredicate {
  switch (predicate.kind) {
    case 'or':
      return any(predicate.operands.map((operand) => compilePredicate(operand, scope)));
    case 'and':
      return all(predicate.operands.map((operand) => compilePredicate(operand, scope)));
    case 'not': {
      const operand = compilePredicate(predicate.operand, scope);
      return (frame) => !operand(frame);
    }
    case 'truthy': {
      const read = compilePath(predicate.path, scope);
      return (frame) => read(frame) === true;
    }
    case 'exists': {
      const read = compilePath(predicate.path, scope);
      return (frame) => isPresent(read(frame));
    }
    case 'compare':
      return compare(compilePath(predicate.path, scope), predicate.operator, predicate.literal);
    case 'contains':
      return contains(compilePath(predicate.path, scope), predicate.literal);
    case 'in': {
      const holds = isMember(compilePath(predicate.path, scope), compilePath(predicate.set, scope));
      return predicate.negated ? (frame) => !holds(frame) : holds;
    }
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

function compare(read: Accessor, operator: ComparisonOperator, literal: Literal): CompiledPredicate {
  switch (operator) {
    case '==':
      return equals(read, literal);
    case '!=': {
      const same = equalTo(literal);
      return (frame) => {
        const value = read(frame);
        return isPresent(value) && !same(value);
      };
    }
    case '>':
      return ordered(read, literal, (order) => order > 0);
    case '>=':
      return ordered(read, literal, (order) => order >= 0);
    case '<':
      return ordered(read, literal, (order) => order < 0);
    case '<=':
      return ordered(read, literal, (order) => order <= 0);
  }
}

function equals(read: Accessor, literal: Literal): CompiledPredicate {
  if (literal.kind === 'string' || literal.kind === 'boolean') {
    const { value } = literal;
    return (frame) => read(frame) === value;
  }
  const same = equalTo(literal);
  return (frame) => same(read(frame));
}

/** Same type and equal; integers and floats are one type. */
function equalTo(literal: Literal): (value: AttributeValue | undefined) => boolean {
  const expected = literal.value;
  if (typeof expected === 'string' || typeof expected === 'boolean') return (value) => value === expected;
  return (value) => (typeof value === 'number' || typeof value === 'bigint') && compareNumbers(value, expected) === 0;
}

function ordered(read: Accessor, literal: Literal, holds: (order: -1 | 0 | 1) => boolean): CompiledPredicate {
  const bound = toNumber(literal.value);
  if (bound === undefined) return NEVER;
  return (frame) => {
    const number = toNumber(read(frame));
    if (number === undefined) return false;
    const order = compareNumbers(number, bound);
    return order !== undefined && holds(order);
  };
}

function contains(read: Accessor, literal: Literal): CompiledPredicate {
  if (literal.kind !== 'string') return NEVER;
  const text = literal.value;
  return (frame) => {
    const set = read(frame);
    return isSet(set) && setHas(set, text);
  };
}

function isMember(read: Accessor, readSet: Accessor): CompiledPredicate {
  return (frame) => {
    const value = read(frame);
    if (typeof value !== 'string') return false;
    const set = readSet(frame);
    return isSet(set) && setHas(set, value);
  };
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

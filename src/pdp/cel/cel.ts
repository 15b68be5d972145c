import type * as Cel from '@bufbuild/cel';
import type {
  DecisionAnswer,
  DecisionPoint,
  DecisionPointKind,
  DecisionQuestion,
  PreparedQuestion,
  StepContext,
} from '../../engine/decision-point.ts';
import type { PluginContext } from '../../engine/plugin.ts';
import { didYouMean } from '../../diagnostics/nearest.ts';
import type { ArgumentMap, ArgumentValue } from '../../language/ast.ts';
import { importOptional } from '../import-optional.ts';
import { activate, MAX_VALUES, type CelData } from './activation.ts';
import { celEnvironment, readExpression, type Clock } from './environment.ts';
import { projectedNames, type Projection } from './projection.ts';

const DEFAULT_TIMEOUT = 100;

/**
 * `cel: {expr: "…"}`: an expression of the Common Expression Language over the attributes of the request. True allows,
 * false denies with code `cel`; anything else is an error. Source: reference facts on the decision point `cel`.
 */
export const cel: DecisionPointKind = {
  kind: 'cel',
  dialect: 'cel',
  configSchema: {
    type: 'object',
    required: ['kind'],
    properties: {
      kind: { const: 'cel' },
      on_error: {
        enum: ['deny', 'allow'],
        default: 'deny',
        description: 'What an expression leads to that cannot be evaluated, as when an attribute is missing.',
      },
      timeout_ms: {
        type: 'integer',
        minimum: 1,
        maximum: 10_000,
        default: DEFAULT_TIMEOUT,
        description: 'Most time that one evaluation may take, in milliseconds.',
      },
    },
    additionalProperties: false,
  },
  async create(config, context) {
    const library = await importOptional('@bufbuild/cel', () => import('@bufbuild/cel'));
    return new CelPoint(library, config, context);
  },
};

class CelPoint implements DecisionPoint {
  readonly synchronous = true;
  readonly #library: typeof Cel;
  readonly #environment: Cel.CelEnv;
  readonly #allowErrors: boolean;
  readonly #clock: Clock;
  readonly #context: PluginContext;

  constructor(library: typeof Cel, config: Readonly<Record<string, unknown>>, context: PluginContext) {
    const timeout = typeof config['timeout_ms'] === 'number' ? config['timeout_ms'] : DEFAULT_TIMEOUT;
    const clock: Clock = { timeout, deadline: 0, expired: false };
    this.#library = library;
    this.#clock = clock;
    this.#context = context;
    this.#allowErrors = config['on_error'] === 'allow';
    this.#environment = celEnvironment(library, clock);
  }

  prepare(body: ArgumentMap, argument: string | undefined, context: StepContext): PreparedQuestion {
    const text = body['expr'];
    if (argument !== undefined || typeof text !== 'string') throw new Error('`expr` must hold an expression as text');
    const { expression, reads } = readExpression(this.#library, this.#environment, text);
    readGrantAsFlag(reads);
    const constants = constantsOf(body, context);
    warnOfVariables(reads, constants, context);
    const { exprKind } = expression;
    const constant = exprKind.case === 'constExpr' ? exprKind.value.constantKind.case : undefined;
    if (exprKind.case === 'listExpr' || (constant !== undefined && constant !== 'boolValue')) {
      context.warn('the expression is never true or false, so it always denies');
    }
    const evaluate = this.#library.plan(this.#environment, expression);
    return (question) => this.#answer(evaluate, bindingsOf(question, reads, constants), reads, text);
  }

  /** Throws, which denies, when time is up or the result is no boolean: neither is an error that `on_error` is for. */
  #answer(evaluate: Evaluation, bindings: Bindings, reads: Projection, text: string): DecisionAnswer {
    const clock = this.#clock;
    clock.expired = false;
    clock.deadline = performance.now() + clock.timeout;
    const result = evaluate(bindings);
    if (clock.expired || performance.now() > clock.deadline) throw new Error('the expression takes too long');
    if (result === true) return ALLOWED;
    if (result === false) {
      return { outcome: 'deny', code: this.#context.name, diagnostics: [`\`${text}\` is false`] };
    }
    if (!this.#library.isCelError(result)) throw new Error('the expression is neither true nor false');
    const missing = projectedNames(reads).filter((name) => !isBound(bindings, name));
    const about = missing.length === 0 ? '' : `; missing: ${missing.join(', ')}`;
    const diagnostics = [`\`${text}\` cannot be evaluated${about}`];
    const dialect = this.#context.name;
    this.#context.alarm({ alarm: 'decision_point_error', dialect, allowed: this.#allowErrors });
    if (this.#allowErrors) return { outcome: 'allow', diagnostics };
    const reason = 'the expression cannot be evaluated for this request';
    return { outcome: 'deny', code: `pdp.${dialect}.error`, reason, diagnostics };
  }
}

const ALLOWED: DecisionAnswer = Object.freeze({ outcome: 'allow' });

type Bindings = Readonly<Record<string, CelData>>;
type Evaluation = (bindings: Bindings) => Cel.CelResult;

/**
 * `delegation.granted` is a flag that also has members. An expression that reads it as a value means the flag; one that
 * reads both cannot have both.
 */
function readGrantAsFlag(reads: Projection): void {
  const granted = reads.members.get('delegation')?.members.get('granted');
  if (granted?.whole !== true) return;
  if (granted.members.size > 0) {
    throw new Error('`delegation.granted` is read as a value and through its members; write `has(delegation.granted)`');
  }
  granted.whole = false;
}

/** The other keys of a step are variables. */
function constantsOf(body: ArgumentMap, context: StepContext): ReadonlyMap<string, CelData> {
  const constants = new Map<string, CelData>();
  for (const [name, value] of Object.entries(body)) {
    if (name === 'expr') continue;
    if (context.namespaces.has(name)) {
      context.warn(`the key \`${name}\` has no effect, because attributes of that name exist`, 'choose another name');
      continue;
    }
    const data = constantOf(value);
    if (data !== undefined) constants.set(name, data);
  }
  return constants;
}

/** Unlike attributes, constants stay as written: lists keep their order. */
function constantOf(value: ArgumentValue): CelData | undefined {
  if (value === null) return undefined;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object') return value;
  if (isList(value)) return value.map(constantOf).filter((item) => item !== undefined);
  const members = new Map<string, CelData>();
  for (const [key, item] of Object.entries(value)) {
    const data = constantOf(item);
    if (data !== undefined) members.set(key, data);
  }
  return members;
}

function isList(value: ArgumentValue): value is readonly ArgumentValue[] {
  return Array.isArray(value);
}

function warnOfVariables(reads: Projection, constants: ReadonlyMap<string, CelData>, context: StepContext): void {
  for (const name of reads.members.keys()) {
    if (context.namespaces.has(name) || constants.has(name)) continue;
    const help = didYouMean(name, context.namespaces) ?? 'only a raw attribute of the host can give it';
    context.warn(`no request has an attribute \`${name}\``, help);
  }
}

/** The variables that an expression reads; names that objects inherit must not be found, so they have no prototype. */
function bindingsOf(question: DecisionQuestion, reads: Projection, constants: ReadonlyMap<string, CelData>): Bindings {
  const bindings: Record<string, CelData> = Object.create(null);
  const budget = { left: MAX_VALUES };
  for (const [name, projection] of reads.members) {
    const value = activate(question.namespace(name), projection, budget) ?? constants.get(name);
    if (value !== undefined) bindings[name] = value;
  }
  return bindings;
}

function isBound(bindings: Bindings, name: string): boolean {
  const [variable = '', ...members] = name.split('.');
  let value: CelData | undefined = bindings[variable];
  for (const member of members) value = value instanceof Map ? value.get(member) : undefined;
  return value !== undefined;
}

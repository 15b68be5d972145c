import type {
  ArgumentMap,
  ArgumentValue,
  FieldPath,
  Literal,
  Path,
  Pipeline,
  Predicate,
  RestrictedSet,
  Restriction,
  Segment,
  Stage,
  Step,
  TaintScope,
} from './ast.ts';

/** A rule as plain data for YAML or JSON: a string where a string form exists, otherwise a map. */
export type RuleData = string | { readonly [key: string]: unknown };

/** The predicate in its usual spelling, with no more parentheses than needed. Parsing it gives the same tree. */
export function printPredicate(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'or':
      return predicate.operands.map((operand) => printOperand(operand, operand.kind === 'or')).join(' | ');
    case 'and':
      return predicate.operands.map((operand) => printOperand(operand, isJoined(operand))).join(' & ');
    case 'not':
      return `!${printOperand(predicate.operand, isJoined(predicate.operand))}`;
    case 'truthy':
      return printPath(predicate.path);
    case 'exists':
      return `exists(${printPath(predicate.path)})`;
    case 'compare':
      return `${printPath(predicate.path)} ${predicate.operator} ${printLiteral(predicate.literal)}`;
    case 'contains':
      return `${printPath(predicate.path)} contains ${printLiteral(predicate.literal)}`;
    case 'in':
      return `${printPath(predicate.path)} ${predicate.negated ? 'not in' : 'in'} ${printPath(predicate.set)}`;
  }
}

function printOperand(operand: Predicate, parenthesised: boolean): string {
  return parenthesised ? `(${printPredicate(operand)})` : printPredicate(operand);
}

function isJoined(predicate: Predicate): boolean {
  return predicate.kind === 'or' || predicate.kind === 'and';
}

/** The path with dots and brackets; names the grammar cannot spell stay quoted. */
export function printPath(path: Path): string {
  return path.segments.map(printSegment).join('');
}

function printSegment(segment: Segment, index: number): string {
  switch (segment.kind) {
    case 'name':
      return index === 0 ? segment.text : `.${segment.text}`;
    case 'literal':
      return `[${quoted(segment.text)}]`;
    case 'lookup':
      return `[${printPath(segment.path)}]`;
  }
}

function printLiteral(literal: Literal): string {
  switch (literal.kind) {
    case 'string':
      return quoted(literal.value);
    case 'float': {
      const digits = decimal(literal.value);
      return digits.includes('.') ? digits : `${digits}.0`;
    }
    case 'integer':
    case 'boolean':
      return String(literal.value);
  }
}

/** A finite number in digits, without an exponent. */
function decimal(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, '0');
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Throws when `text` holds both kinds of quotes, which no parsed text does. */
function quoted(text: string): string {
  if (!text.includes("'")) return `'${text}'`;
  if (!text.includes('"')) return `"${text}"`;
  throw new Error('a text with both kinds of quotes has no spelling in the language');
}

/** The path of a field without its `args` or `result`; a name that is not plain goes in brackets and quotes. */
export function printFieldPath(path: FieldPath): string {
  return path.segments
    .map((segment, index) => {
      switch (segment.kind) {
        case 'name':
          if (!isPlainField(segment.text)) return `[${quoted(segment.text)}]`;
          return index === 0 ? segment.text : `.${segment.text}`;
        case 'members':
          return index === 0 ? '*' : '.*';
        case 'elements':
          return '[*]';
        case 'index':
          return `[${segment.index}]`;
      }
    })
    .join('');
}

function isPlainField(name: string): boolean {
  return /^[^.[\]|*'"\s=!<>&():,]+$/.test(name);
}

/** The stages joined by ` | `. Parsing it gives the same tree. */
export function printPipeline(pipeline: Pipeline): string {
  return pipeline.stages.map(printStage).join(' | ');
}

/** One stage; suffixes of ranges are written out. */
function printStage(stage: Stage): string {
  switch (stage.kind) {
    case 'type':
      return stage.type;
    case 'format':
      return stage.format;
    case 'scan':
      return stage.scan;
    case 'range':
      return `${stage.minimum ?? ''}..${stage.maximum ?? ''}`;
    case 'length':
      return `len(${stage.minimum ?? ''}..${stage.maximum ?? ''})`;
    case 'enum':
      return `enum(${stage.values.map(quoted).join(', ')})`;
    case 'regex':
      return `regex(${quoted(stage.pattern)})`;
    case 'mask':
      return `mask(${stage.keep})`;
    case 'redact':
      return stage.when ? `redact(${printPredicate(stage.when)})` : 'redact';
    case 'omit':
    case 'hash':
      return stage.kind;
    case 'taint':
      return printTaint(stage.label, stage.scopes);
    case 'plugin':
      return `plugin(${printName(stage.name)})`;
  }
}

function printTaint(label: string, scopes: readonly TaintScope[]): string {
  const [scope] = scopes;
  if (scopes.length !== 1) return `taint(${printName(label)}, [${scopes.join(', ')}])`;
  return scope === 'session' ? `taint(${printName(label)})` : `taint(${printName(label)}, ${scope})`;
}

function printName(name: string): string {
  return /^[\w./@-]+$/.test(name) ? name : quoted(name);
}

/** The rule as it would be written, in a string where that is possible. Parsing it gives the same tree. */
export function printRule(step: Step): RuleData {
  switch (step.kind) {
    case 'allow':
      return 'allow';
    case 'deny':
      return printDeny(step);
    case 'require':
      return `require(${step.predicates.map((each) => printRequirement(each, step.predicates.length)).join(', ')})`;
    case 'when':
      return printWhen(step);
    case 'taint':
      return printTaint(step.label, step.scopes);
    case 'plugin':
      return `plugin(${printName(step.name)})`;
    case 'delegate':
      return printDelegate(step);
    case 'elicit':
      return printElicitation(step);
    case 'decide':
      return printDecision(step);
    case 'restrict':
      return { restrict: printRestriction(step.restriction) };
    case 'sequential':
    case 'parallel':
      return { [step.kind]: step.steps.map(printRule) };
    case 'field':
      return printFieldOperation(step);
  }
}

type StepOf<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>;

function printFieldOperation(step: StepOf<'field'>): string {
  const path = printFieldPath(step.path);
  return `${step.target}${path.startsWith('[') ? '' : '.'}${path} | ${printPipeline(step.pipeline)}`;
}

/** A single `or` needs no parentheses; among others its `|` would be taken for a mixture. */
function printRequirement(predicate: Predicate, count: number): string {
  return printOperand(predicate, predicate.kind === 'or' && count > 1);
}

function printDeny(step: StepOf<'deny'>): string {
  if (step.code !== undefined) return `deny(${quoted(step.reason ?? '')}, ${quoted(step.code)})`;
  return step.reason === undefined ? 'deny' : `deny(${quoted(step.reason)})`;
}

/** The kinds whose string form may stand behind `predicate:`. */
const EFFECTS: ReadonlySet<Step['kind']> = new Set(['allow', 'deny', 'taint', 'plugin', 'delegate', 'elicit', 'field']);

function printWhen(step: StepOf<'when'>): RuleData {
  const predicate = printPredicate(step.predicate);
  const [effect, second] = step.steps;
  const printed = step.steps.map(printRule);
  if (effect && !second && step.id === undefined && EFFECTS.has(effect.kind) && typeof printed[0] === 'string') {
    return `${predicate}: ${printed[0]}`;
  }
  return { ...(step.id === undefined ? {} : { id: step.id }), when: predicate, do: printed };
}

function printDelegate(step: StepOf<'delegate'>): RuleData {
  const onError = step.onError === 'deny' ? {} : { on_error: step.onError };
  const options = printOptions({ ...step.config, ...onError });
  const name = isQuotable(step.plugin) ? printName(step.plugin) : undefined;
  if (options !== undefined && name !== undefined) return `delegate(${[name, ...options].join(', ')})`;
  return { delegate: { plugin: step.plugin, config: step.config, ...onError } };
}

function printElicitation(step: StepOf<'elicit'>): string {
  const options = printOptions({
    from: step.from,
    ...(step.channel === undefined ? {} : { channel: step.channel }),
    ...(step.scope === undefined ? {} : { scope: printPredicate(step.scope.predicate) }),
    ...(step.purpose === undefined ? {} : { purpose: step.purpose }),
    ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
    ...(step.onError === 'deny' ? {} : { on_error: step.onError }),
    ...step.config,
  });
  if (options === undefined) throw new Error('an option with both kinds of quotes has no spelling in the language');
  return `${step.verb}(${[printName(step.plugin), ...options].join(', ')})`;
}

const OPTION_KEY = /^[A-Za-z_][\w.-]*$/;

/** `key: value` for each, or undefined when one of them can only be written in a map form. */
function printOptions(options: ArgumentMap): readonly string[] | undefined {
  const printed = Object.entries(options).map(([key, value]) => {
    const text = printArgument(value);
    return text !== undefined && OPTION_KEY.test(key) ? `${key}: ${text}` : undefined;
  });
  const complete = printed.filter((each) => each !== undefined);
  return complete.length < printed.length ? undefined : complete;
}

function printArgument(value: ArgumentValue): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return isQuotable(value) ? quoted(value) : undefined;
  if (typeof value === 'number') return decimal(value);
  if (typeof value === 'boolean') return String(value);
  if (!isList(value)) return undefined;
  const items = value.map(printArgument);
  return items.includes(undefined) ? undefined : `[${items.join(', ')}]`;
}

function isList(value: readonly ArgumentValue[] | ArgumentMap): value is readonly ArgumentValue[] {
  return Array.isArray(value);
}

function isQuotable(text: string): boolean {
  return !(text.includes("'") && text.includes('"'));
}

function printDecision(step: StepOf<'decide'>): RuleData {
  const key = step.argument === undefined ? step.dialect : `${step.dialect}(${quoted(step.argument)})`;
  return {
    [key]: step.body,
    ...(step.onAllow.length === 0 ? {} : { on_allow: step.onAllow.map(printRule) }),
    ...(step.onDeny.length === 0 ? {} : { on_deny: step.onDeny.map(printRule) }),
  };
}

function printRestriction(restriction: Restriction): Readonly<Record<string, unknown>> {
  return {
    ...printSet('allow_models', restriction.allowModels),
    ...printSet('deny_models', restriction.denyModels),
    ...printSet('allow_regions', restriction.allowRegions),
    ...printSet('allow_sites', restriction.allowSites),
    ...(restriction.maxCostTier === undefined ? {} : { max_cost_tier: restriction.maxCostTier }),
    ...(restriction.custom === undefined ? {} : { custom: restriction.custom }),
    ...(restriction.onEmpty === 'deny' ? {} : { on_empty: restriction.onEmpty }),
  };
}

function printSet(key: string, set: RestrictedSet | undefined): Readonly<Record<string, unknown>> {
  if (set === undefined) return {};
  return { [key]: set.kind === 'values' ? set.values : printPath(set.path) };
}

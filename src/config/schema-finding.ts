import { didYouMean, nearest } from '../diagnostics/nearest.ts';
import { schemaErrors, type JsonSchema, type SchemaError } from './compiled-schema.ts';
import { isRecord } from '../text/shape.ts';

/**
 * One thing wrong with a value, worded for its author. Source texts never appear, except names of keys and values that
 * are none of a fixed choice, and those not where the schema says `writeOnly`.
 */
export interface SchemaFinding {
  /**
   * `unknown-key`: `key` is not known in the map at `path`. `missing-key`: the map at `path` lacks something.
   * `wrong-key`: `key` of the map at `path` must not stand there. `wrong-value`: the value at `path` is wrong.
   */
  readonly problem: 'unknown-key' | 'missing-key' | 'wrong-key' | 'wrong-value';
  /** Map keys and 0-based list indexes from the root of the checked value. */
  readonly path: readonly string[];
  readonly key?: string;
  /** Of `unknown-key`: the keys that are known there. Of `missing-key`: the keys that would do. */
  readonly keys?: readonly string[];
  readonly message: string;
  readonly help?: string;
}

/** Errors beyond this many are not looked at: far more than a report keeps. */
const MAX_ERRORS = 1000;

/**
 * What is wrong with `value` under `schema`: one finding a place and cause, alternatives that nobody meant left out.
 * Of a value with a great many errors only the first are told. `subject` is what the root is called in messages, such as "the bundle". Throws when the schema itself is not valid.
 */
export function schemaFindings(schema: JsonSchema, value: unknown, subject: string): readonly SchemaFinding[] {
  const errors = schemaErrors(schema, value).slice(0, MAX_ERRORS);
  if (errors.length === 0) return [];
  const findings = withoutEchoes(errors).map((error) => asFinding(error, nameOf(value, error.path, subject)));
  return withoutConsequences(findings);
}

/** Leaves out errors that only repeat another one: branches of a choice, and keywords applied to the wrong type. */
function withoutEchoes(errors: readonly SchemaError[]): readonly SchemaError[] {
  const dropped = new Set(errors.filter((error) => error.propertyName !== undefined || error.keyword === 'if'));
  for (const error of errors) if (isChoice(error)) settleChoice(error, errors, dropped);
  const kept = errors.filter((error) => !dropped.has(error));
  const mistyped = new Set(kept.filter((error) => error.keyword === 'type').map(placeOf));
  return kept.filter((error) => {
    if (error.keyword === 'discriminator' && tagOf(error).value === undefined) return false;
    return (
      !(isChoice(error) || ['enum', 'const', 'discriminator'].includes(error.keyword)) || !mistyped.has(placeOf(error))
    );
  });
}

function isChoice(error: SchemaError): boolean {
  return error.keyword === 'oneOf' || error.keyword === 'anyOf';
}

/** Keeps the errors of the one branch that was meant, if there is one, else the choice's own error. */
function settleChoice(choice: SchemaError, errors: readonly SchemaError[], dropped: Set<SchemaError>): void {
  const branches = asList(choice.schema).map((branch, index) =>
    errors.filter((error) => error !== choice && isWithin(error, choice, branch, index)),
  );
  const meant = branches.filter(
    (branch) =>
      branch.length > 0 && !branch.some((error) => error.keyword === 'type' && placeOf(error) === placeOf(choice)),
  );
  const severalFit = Array.isArray(choice.params['passingSchemas']);
  const only = meant.length === 1 && !severalFit ? meant[0] : undefined;
  for (const error of branches.flat()) if (!only?.includes(error)) dropped.add(error);
  if (only) dropped.add(choice);
}

function isWithin(error: SchemaError, choice: SchemaError, branch: unknown, index: number): boolean {
  const reference = isRecord(branch) ? branch['$ref'] : undefined;
  const isOfBranch =
    error.schemaPath.startsWith(`${choice.schemaPath}/${index}/`) ||
    (typeof reference === 'string' && error.schemaPath.startsWith(`${reference}/`));
  return isOfBranch && placeOf(error).startsWith(placeOf(choice));
}

/** A misspelt key explains the missing key it was meant to be; a value is complained of once for each cause. */
function withoutConsequences(findings: readonly SchemaFinding[]): readonly SchemaFinding[] {
  const unknown = new Map<string, string[]>();
  for (const finding of findings) {
    if (finding.problem !== 'unknown-key' || finding.key === undefined) continue;
    const place = JSON.stringify(finding.path);
    unknown.set(place, [...(unknown.get(place) ?? []), finding.key]);
  }
  const seen = new Set<string>();
  return findings.filter((finding) => {
    const place = JSON.stringify(finding.path);
    const keys = finding.keys ?? [];
    if (finding.problem === 'missing-key' && unknown.get(place)?.some((key) => nearest(key, keys).length > 0)) {
      return false;
    }
    const identity = `${place} ${finding.message}`;
    if (seen.has(identity)) return false;
    seen.add(identity);
    return true;
  });
}

function asFinding(error: SchemaError, name: string): SchemaFinding {
  const { keyword, path, params, parentSchema } = error;
  const wrong = (message: string, help?: string): SchemaFinding => ({
    problem: 'wrong-value',
    path,
    message: `${name} ${message}`,
    ...(help === undefined ? {} : { help }),
  });
  switch (keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      const keys = isRecord(parentSchema['properties']) ? Object.keys(parentSchema['properties']) : [];
      const help = didYouMean(key, keys) ?? (keys.length > 0 ? `known here: ${quoted(keys, 'and')}` : undefined);
      return {
        problem: 'unknown-key',
        path,
        key,
        keys,
        message: `unknown key \`${key}\` in ${name}`,
        ...(help === undefined ? {} : { help }),
      };
    }
    case 'required': {
      const key = String(params['missingProperty']);
      return { problem: 'missing-key', path, keys: [key], message: `${name} has no \`${key}\`` };
    }
    case 'dependentRequired': {
      const key = String(params['missingProperty']);
      const present = String(params['property']);
      return { problem: 'missing-key', path, keys: [key], message: `${name} has \`${present}\` but no \`${key}\`` };
    }
    case 'propertyNames': {
      const key = String(params['propertyName']);
      return { problem: 'wrong-key', path, key, message: `\`${key}\` cannot be a key of ${name}` };
    }
    case 'false schema':
      return wrong('is not allowed here');
    case 'type':
      return wrongType(error, wrong);
    case 'enum':
      return wrongChoice(error, error.data, asList(error.schema), wrong);
    case 'const':
      return wrongChoice(error, error.data, [error.schema], wrong);
    case 'discriminator':
      return wrongTag(error, name);
    case 'oneOf':
    case 'anyOf':
      return wrongAlternative(error, name, wrong);
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return wrong(params['limit'] === 1 ? 'must not be empty' : `must have at least ${countOf(error)}`);
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return wrong(`must have at most ${countOf(error)}`);
    case 'minimum':
      return wrong(`must be at least ${String(params['limit'])}`);
    case 'maximum':
      return wrong(`must be at most ${String(params['limit'])}`);
    case 'exclusiveMinimum':
      return wrong(`must be more than ${String(params['limit'])}`);
    case 'exclusiveMaximum':
      return wrong(`must be less than ${String(params['limit'])}`);
    case 'multipleOf':
      return wrong(`must be a multiple of ${String(params['multipleOf'])}`);
    case 'uniqueItems':
      return wrong('has the same entry twice');
    case 'pattern':
      return wrong(`does not have the form \`${String(params['pattern'])}\``);
    default:
      return wrong(`does not satisfy \`${keyword}\` of its schema`);
  }
}

type WrongValue = (message: string, help?: string) => SchemaFinding;

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: '`true` or `false`',
  array: 'a list',
  object: 'a map',
  null: 'empty',
};

function wrongType(error: SchemaError, wrong: WrongValue): SchemaFinding {
  const types = asList(error.schema).map(String);
  const wanted = types.filter((type) => type !== 'null' || types.length === 1);
  const expected = wanted.map((type) => TYPE_NAMES[type] ?? type).join(' or ');
  if (error.data === null) return wrong('has no value', `give it ${expected}, or leave it out`);
  const given = typeName(error.data);
  const quotable = wanted.includes('string') && ['number', 'boolean'].includes(typeof error.data);
  return wrong(`must be ${expected}, not ${given}`, quotable ? 'put it in quotes to make it a string' : undefined);
}

function typeName(data: unknown): string {
  if (Array.isArray(data)) return 'a list';
  if (typeof data === 'string') return 'a string';
  if (typeof data === 'boolean') return `\`${data}\``;
  if (typeof data === 'number') return Number.isInteger(data) ? 'a whole number' : 'a number with a fraction';
  if (typeof data === 'bigint') return 'an integer beyond ±(2^53−1)';
  return 'a map';
}

function wrongChoice(error: SchemaError, data: unknown, choices: readonly unknown[], wrong: WrongValue): SchemaFinding {
  const known = choices.map(String);
  const shown = error.parentSchema['writeOnly'] === true || !isScalar(data) ? '' : `\`${String(data)}\`, but `;
  const message = `is ${shown}must be ${quoted(known, 'or')}`.replace(/^is must/, 'must');
  return wrong(message, shown === '' ? undefined : didYouMean(String(data), known));
}

/** The key that selects a branch, and its value. */
function tagOf(error: SchemaError): { readonly key: string; readonly value: unknown } {
  return { key: String(error.params['tag']), value: error.params['tagValue'] };
}

function wrongTag(error: SchemaError, name: string): SchemaFinding {
  const { key, value } = tagOf(error);
  const known = asList(error.parentSchema['oneOf']).flatMap((branch) => {
    const properties = isRecord(branch) ? branch['properties'] : undefined;
    const tag = isRecord(properties) ? properties[key] : undefined;
    return isRecord(tag) ? [...asList(tag['enum'] ?? []), ...('const' in tag ? [tag['const']] : [])].map(String) : [];
  });
  const wrong: WrongValue = (message, help) => ({
    problem: 'wrong-value',
    path: [...error.path, key],
    message: `\`${key}\` of ${name} ${message}`,
    ...(help === undefined ? {} : { help }),
  });
  return wrongChoice(error, value, known, wrong);
}

function wrongAlternative(error: SchemaError, name: string, wrong: WrongValue): SchemaFinding {
  const branches = asList(error.schema);
  const required = branches.map((branch) => (isRecord(branch) ? asList(branch['required'] ?? []).map(String) : []));
  const keys = required.flatMap((each) => each.slice(0, 1));
  if (keys.length !== branches.length || !isRecord(error.data)) {
    const types = branches.flatMap((branch) => (isRecord(branch) ? asList(branch['type'] ?? []).map(String) : []));
    const expected = types.map((type) => TYPE_NAMES[type] ?? type).join(' or ');
    return wrong(types.length === branches.length ? `must be ${expected}` : 'has none of the accepted forms');
  }
  const data = error.data;
  const help = `write ${error.keyword === 'oneOf' ? 'exactly' : 'at least'} one of ${quoted(keys, 'and')}`;
  const present = Object.keys(data).filter((key) => keys.includes(key));
  const extra = present[1];
  if (extra === undefined) {
    return {
      problem: 'missing-key',
      path: error.path,
      keys,
      message: `${name} has none of ${quoted(keys, 'and')}`,
      help,
    };
  }
  const message = `${name} has ${quoted(present, 'and')}, of which only one may be given`;
  return { problem: 'wrong-key', path: error.path, key: extra, message, help };
}

function countOf(error: SchemaError): string {
  const unit = error.keyword.endsWith('Length') ? 'character' : error.keyword.endsWith('Items') ? 'entry' : 'key';
  const count = Number(error.params['limit']);
  const units = unit === 'entry' ? 'entries' : `${unit}s`;
  return `${count} ${count === 1 ? unit : units}`;
}

/** What messages call the value at `path` of `root`. */
function nameOf(root: unknown, path: readonly string[], subject: string): string {
  const steps = path.length;
  const holders: unknown[] = [root];
  for (const segment of path.slice(0, -1)) holders.push(memberOf(holders.at(-1), segment));
  let last = steps - 1;
  while (last >= 0 && Array.isArray(holders[last])) last -= 1;
  const key = path[last];
  const named = key === undefined ? subject : `\`${key}\``;
  return last === steps - 1 ? named : `an entry of ${named}`;
}

function memberOf(holder: unknown, segment: string): unknown {
  if (Array.isArray(holder)) return holder[Number(segment)];
  return isRecord(holder) && Object.hasOwn(holder, segment) ? holder[segment] : undefined;
}

function placeOf(error: SchemaError): string {
  return JSON.stringify(error.path).slice(0, -1);
}

function quoted(names: readonly string[], conjunction: 'and' | 'or'): string {
  const each = names.map((name) => `\`${name}\``);
  const last = each.at(-1) ?? '';
  return each.length < 2 ? last : `${each.slice(0, -1).join(', ')} ${conjunction} ${last}`;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

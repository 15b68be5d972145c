import * as library from '@bufbuild/cel';
import { getTestRegistry } from '@bufbuild/cel-spec/testdata/registry.js';
import { tests as conformance } from '@bufbuild/cel-spec/testdata/conformance.js';
import type { SerializedIncrementalTestSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import { fromJson, type JsonObject as ProtobufJson } from '@bufbuild/protobuf';
import { anyUnpack, AnySchema } from '@bufbuild/protobuf/wkt';
import type { JsonValue } from '../../src/engine/operation.ts';
import { activate, MAX_VALUES } from '../../src/pdp/cel/activation.ts';
import { celEnvironment, readExpression } from '../../src/pdp/cel/environment.ts';

/**
 * Runs the conformance data of the CEL specification through our reading of expressions and activation, and through the
 * library alone, and prints both counts and every test whose outcome differs.
 * Usage: `npm run test:cel`.
 */

const registry = getTestRegistry();
const EQUAL = library.plan(library.celEnv({ registry }), library.parse('actual == expected'));

type Outcome = 'pass' | 'fail' | 'skip';

interface SpecTest {
  readonly name: string;
  readonly expr: string;
  readonly container: string;
  readonly bindings: Readonly<Record<string, ProtobufJson>>;
  readonly value: ProtobufJson | undefined;
  readonly wantsError: boolean;
  readonly skipped: boolean;
}

function* testsOf(suite: SerializedIncrementalTestSuite, path: readonly string[]): Generator<SpecTest> {
  for (const inner of suite.suites ?? []) yield* testsOf(inner, [...path, inner.name]);
  for (const { original } of suite.tests ?? []) {
    const typed = original['typedResult'] as { readonly result?: ProtobufJson } | undefined;
    const bindings = (original['bindings'] ?? {}) as Record<string, { readonly value?: ProtobufJson }>;
    yield {
      name: [...path, original.name ?? original.expr].join('/'),
      expr: original.expr,
      container: typeof original['container'] === 'string' ? original['container'] : '',
      bindings: Object.fromEntries(Object.entries(bindings).map(([key, { value }]) => [key, value ?? {}])),
      value: (original['value'] as ProtobufJson | undefined) ?? typed?.result,
      wantsError: original['evalError'] !== undefined,
      skipped: original['checkOnly'] === true,
    };
  }
}

type Input = library.CelInput;

function inputOf(value: ProtobufJson): Input {
  const [[kind, given] = ['nullValue', null]] = Object.entries(value);
  switch (kind) {
    case 'boolValue':
      return given === true;
    case 'int64Value':
      return BigInt(given as string);
    case 'uint64Value':
      return library.celUint(BigInt(given as string));
    case 'enumValue':
      return BigInt((given as { readonly value?: number }).value ?? 0);
    case 'doubleValue':
      return Number(given);
    case 'stringValue':
      return JSON.parse(JSON.stringify(given)) as string;
    case 'bytesValue':
      return new Uint8Array(Buffer.from(given as string, 'base64'));
    case 'listValue':
      return ((given as { readonly values?: ProtobufJson[] }).values ?? []).map(inputOf);
    case 'mapValue': {
      const { entries = [] } = given as { readonly entries?: { key: ProtobufJson; value: ProtobufJson }[] };
      return new Map(entries.map((entry) => [inputOf(entry.key) as string, inputOf(entry.value)]));
    }
    case 'objectValue': {
      const message = anyUnpack(fromJson(AnySchema, given as ProtobufJson, { registry }), registry);
      if (message === undefined) throw new Error('unknown message');
      return message;
    }
    default:
      return null;
  }
}

/** A binding as the attribute it would be; undefined when attributes cannot hold it without a change. */
function attributeOf(value: ProtobufJson): JsonValue | undefined {
  const input = inputOf(value);
  if (typeof input === 'boolean' || typeof input === 'string' || typeof input === 'bigint') return input;
  if (typeof input === 'number') return Number.isInteger(input) ? undefined : input;
  if (!(input instanceof Map) || input.size === 0) return undefined;
  const members: [string, JsonValue][] = [];
  const { entries = [] } = value['mapValue'] as { readonly entries?: { key: ProtobufJson; value: ProtobufJson }[] };
  for (const entry of entries) {
    const key = inputOf(entry.key);
    const member = attributeOf(entry.value);
    if (typeof key !== 'string' || member === undefined) return undefined;
    members.push([key, member]);
  }
  return Object.fromEntries(members);
}

function judge(test: SpecTest, evaluate: () => library.CelResult): Outcome {
  if (test.skipped) return 'skip';
  let actual: library.CelResult;
  try {
    actual = evaluate();
  } catch (error) {
    if (!(error instanceof RefusedAtLoad) || !test.wantsError) return 'fail';
    refused += 1;
    return 'pass';
  }
  if (library.isCelError(actual)) return test.wantsError ? 'pass' : 'fail';
  if (test.wantsError) return 'fail';
  const { value = { boolValue: true } } = test;
  if (typeof value['typeValue'] === 'string') {
    return library.isCelType(actual) && actual.name === value['typeValue'] ? 'pass' : 'fail';
  }
  const expected = inputOf(value);
  if (library.celType(actual).name !== typeName(expected)) return 'fail';
  if (typeof expected === 'number' && Number.isNaN(expected)) return Number.isNaN(actual) ? 'pass' : 'fail';
  return EQUAL({ actual, expected }) === true ? 'pass' : 'fail';
}

const SELF = library.plan(library.celEnv({ registry }), library.parse('value'));

function typeName(value: Input): string {
  const result = SELF({ value });
  return library.isCelError(result) ? 'error' : library.celType(result).name;
}

function byLibrary(test: SpecTest): library.CelResult {
  const environment = library.celEnv({ namespace: test.container, registry });
  const bindings = Object.fromEntries(Object.entries(test.bindings).map(([name, value]) => [name, inputOf(value)]));
  return library.plan(environment, library.parse(test.expr))(bindings);
}

/** An error that is found before the expression is ever asked. */
class RefusedAtLoad extends Error {}

let refused = 0;
let asAttributes = 0;
let asGiven = 0;

function byUs(test: SpecTest): library.CelResult {
  const clock = { timeout: 1000, deadline: performance.now() + 1000, expired: false };
  const environment = celEnvironment(library, clock, { namespace: test.container, registry });
  let read: ReturnType<typeof readExpression>;
  try {
    read = readExpression(library, environment, test.expr);
  } catch (error) {
    throw new RefusedAtLoad(error instanceof Error ? error.message : 'refused');
  }
  const { expression, reads } = read;
  const evaluate = library.plan(environment, expression);
  const bindings: Record<string, Input> = Object.create(null);
  for (const [name, value] of Object.entries(test.bindings)) {
    const attribute = name.includes('.') ? undefined : attributeOf(value);
    const projection = reads.members.get(name);
    if (attribute === undefined || projection === undefined) {
      asGiven += 1;
      bindings[name] = inputOf(value);
      continue;
    }
    asAttributes += 1;
    const activated = activate(attribute, projection, { left: MAX_VALUES });
    if (activated !== undefined) bindings[name] = activated;
  }
  const result = evaluate(bindings);
  if (clock.expired) throw new Error('time is up');
  return result;
}

const counts = { library: { pass: 0, fail: 0, skip: 0 }, ours: { pass: 0, fail: 0, skip: 0 } };
const differences: string[] = [];
for (const test of testsOf(conformance, [])) {
  const alone = judge(test, () => byLibrary(test));
  const ours = judge(test, () => byUs(test));
  counts.library[alone] += 1;
  counts.ours[ours] += 1;
  if (alone === ours) continue;
  let why = 'the result differs';
  try {
    byUs(test);
  } catch (error) {
    why = error instanceof Error ? error.message : 'it throws';
  }
  differences.push(`${test.name}: library ${alone}, ours ${ours}: ${why}`);
}

const line = (name: string, { pass, fail, skip }: typeof counts.ours): string =>
  `${name}: ${pass} passed, ${fail} failed, ${skip} skipped\n`;
process.stdout.write(line('library alone', counts.library));
process.stdout.write(line('our cel step', counts.ours));
process.stdout.write(`errors that our step finds at load: ${refused}\n`);
process.stdout.write(`bindings given as attributes: ${asAttributes}; as the library takes them: ${asGiven}\n`);
for (const difference of differences) process.stdout.write(`${difference}\n`);

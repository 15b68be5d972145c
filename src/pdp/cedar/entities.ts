import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { isObject } from '../../engine/values.ts';
import { callCedar } from './library.ts';

type Uid = Cedar.TypeAndId;
type Value = Cedar.CedarValueJson;
type Attributes = Readonly<Record<string, Value>>;

const MAX_VALUE_DEPTH = 64;
const NAME = /^[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*$/;
const UID = /^((?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)::("(?:[^"\\]|\\.)*")$/s;

/** `Type::"id"`; undefined when `text` is something else. Source: Cedar grammar, entity references and string escapes. */
export function parseUid(text: string): Uid | undefined {
  const [, type, quoted] = UID.exec(text.trim()) ?? [];
  if (type === undefined || quoted === undefined) return undefined;
  let valid = true;
  const id = quoted.slice(1, -1).replaceAll(ESCAPE, (_, scalar?: string, byte?: string, other = '') => {
    const code = scalar ?? byte;
    const point = code === undefined ? undefined : Number.parseInt(code.replaceAll('_', ''), 16);
    if (point !== undefined && point <= 0x10ffff) return String.fromCodePoint(point);
    const character = SIMPLE_ESCAPES[other];
    if (character === undefined) valid = false;
    return character ?? '';
  });
  return valid ? { type, id } : undefined;
}

const ESCAPE = /\\(?:u\{([0-9a-fA-F_]{1,12})\}|x([0-7][0-9a-fA-F])|(.))/gs;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** An entity's name from values of a request; throws unless it is one. */
export function uidOf(type: JsonValue | undefined, id: JsonValue | undefined): Uid {
  if (typeof type !== 'string' || !NAME.test(type)) throw new Error('the type of an entity is no Cedar name');
  if (typeof id !== 'string') throw new Error('the id of an entity is no text');
  return { type, id };
}

/** Objects that Cedar reads as entities or as calls of extension functions. */
const ESCAPES = ['__entity', '__extn', '__expr'];

/** Throws for data of a request that would stand for an entity rather than for itself. */
export function refuseEscapes(value: JsonValue, depth = 0): void {
  if (depth > MAX_VALUE_DEPTH) throw new Error('the value is nested too deeply for Cedar');
  if (typeof value !== 'object' || value === null) return;
  if (isObject(value) && ESCAPES.some((key) => Object.hasOwn(value, key))) {
    throw new Error('the request gives an escape of Cedar');
  }
  for (const inner of Object.values(value)) refuseEscapes(inner, depth + 1);
}

/** Data as Cedar takes it. Throws for what it cannot hold exactly: null, fractions, integers beyond 64 bits, and numbers that were rounded. */
export function cedarValue(value: JsonValue, depth = 0): Value {
  if (depth > MAX_VALUE_DEPTH) throw new Error('the value is nested too deeply for Cedar');
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      if (!Number.isSafeInteger(value)) throw new Error('the number is no integer that Cedar can take');
      return value;
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw new Error('the number is larger than Cedar’s');
      return exactLong(value);
    default:
      if (value === null) throw new Error('Cedar has no null');
      if (!isObject(value)) return value.map((item) => cedarValue(item, depth + 1));
      return cedarRecord(value, depth);
  }
}

/** The library's types know no bigint; its input is written as text, where an integer is an integer. */
function exactLong(value: bigint): Value {
  const long: unknown = value;
  return isValue(long) ? long : Number(value);
}

function isValue(value: unknown): value is Value {
  return typeof value === 'bigint';
}

export function cedarRecord(value: JsonObject, depth = 0): Record<string, Value> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cedarValue(inner, depth + 1)]));
}

/** The entities that a bundle declares. */
export class DeclaredEntities {
  readonly #all: readonly Cedar.EntityJson[];
  readonly #byUid: ReadonlyMap<string, Cedar.EntityJson>;

  /** `entities` is the JSON form of Cedar entities. Throws an `Error` for the author. */
  constructor(entities: readonly Cedar.EntityJson[], schema: string | undefined) {
    const answer = callCedar((api) => api.checkParseEntities({ entities: [...entities], schema: schema ?? null }));
    if (answer.type === 'failure') throw new Error(`the entities cannot be used: ${answer.errors[0]?.message ?? ''}`);
    this.#all = entities;
    this.#byUid = new Map(entities.map((entity) => [keyOf(plainUid(entity.uid)), entity]));
  }

  has(uid: Uid): boolean {
    return this.#byUid.has(keyOf(uid));
  }

  /** All entities, those of `request` laid over the declared ones: attributes win one by one, parents add up. */
  with(request: readonly RequestEntity[]): Cedar.EntityJson[] {
    if (this.#all.length === 0) return merged(request, this.#byUid);
    const replaced = new Set(request.map(({ uid }) => keyOf(uid)));
    return [
      ...merged(request, this.#byUid),
      ...this.#all.filter((entity) => !replaced.has(keyOf(plainUid(entity.uid)))),
    ];
  }
}

/** An entity that a request brings. */
export interface RequestEntity {
  readonly uid: Uid;
  readonly attributes: Attributes;
}

function merged(
  request: readonly RequestEntity[],
  declared: ReadonlyMap<string, Cedar.EntityJson>,
): Cedar.EntityJson[] {
  const entities = new Map<string, Cedar.EntityJson>();
  for (const { uid, attributes } of request) {
    const key = keyOf(uid);
    const known = entities.get(key) ?? declared.get(key);
    entities.set(key, { ...known, uid, attrs: { ...known?.attrs, ...attributes }, parents: known?.parents ?? [] });
  }
  return [...entities.values()];
}

function keyOf({ type, id }: Uid): string {
  return `${type} ${id}`;
}

function plainUid(uid: Cedar.EntityUidJson): Uid {
  return '__entity' in uid ? uid.__entity : uid;
}

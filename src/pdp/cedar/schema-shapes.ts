import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import { isObject } from '../../engine/values.ts';
import { callCedar } from './library.ts';

/** The members that a record of a schema declares, records inside it included; `leaf` is any other type. */
export type Shape = { readonly members: ReadonlyMap<string, Shape> } | 'leaf';

/** What a schema declares of the records that the request gives rather than the author. */
export interface SchemaShapes {
  /** Attributes of an entity type; undefined when the type is not declared. */
  entity(type: string): Shape | undefined;
  /** Context of an action such as `App::Action::"view"`; undefined when it is not declared. */
  context(type: string, id: string): Shape | undefined;
}

const NO_MEMBERS: Shape = { members: new Map() };

/** Reads the declarations of a schema that is known to parse. */
export function schemaShapes(schema: string): SchemaShapes {
  const answer = callCedar((api) => api.schemaToJsonWithResolvedTypes(schema));
  if (answer.type === 'failure') throw new Error('the schema cannot be read');
  const namespaces: unknown = answer.json;
  const aliases = new Map<string, unknown>();
  const entities = new Map<string, unknown>();
  const contexts = new Map<string, unknown>();
  for (const [namespace, definition] of entriesOf(namespaces)) {
    const qualified = (name: string): string => (namespace === '' ? name : `${namespace}::${name}`);
    for (const [name, type] of entriesOf(member(definition, 'commonTypes'))) aliases.set(qualified(name), type);
    for (const [name, type] of entriesOf(member(definition, 'entityTypes'))) {
      entities.set(qualified(name), member(type, 'shape'));
    }
    for (const [id, action] of entriesOf(member(definition, 'actions'))) {
      contexts.set(`${qualified('Action')} ${id}`, member(member(action, 'appliesTo'), 'context'));
    }
  }
  // Types name types, so each is looked at once, or a few lines of schema could stand for billions of members.
  const known = new Map<string, Shape>();
  const shapeOf = (type: unknown): Shape => {
    if (type === undefined) return NO_MEMBERS;
    const name = member(type, 'type');
    if (name === 'Record') {
      const attributes = entriesOf(member(type, 'attributes'));
      return { members: new Map(attributes.map(([key, inner]) => [key, shapeOf(inner)])) };
    }
    const alias = name === 'EntityOrCommon' ? member(type, 'name') : name;
    if (typeof alias !== 'string' || !aliases.has(alias)) return 'leaf';
    const shape = known.get(alias) ?? shapeOf(aliases.get(alias));
    known.set(alias, shape);
    return shape;
  };
  const found = (declared: ReadonlyMap<string, unknown>, key: string): Shape | undefined =>
    declared.has(key) ? shapeOf(declared.get(key)) : undefined;
  return {
    entity: (type) => found(entities, type),
    context: (type, id) => found(contexts, `${type} ${id}`),
  };
}

/** `value` without the members of records that `shape` does not declare. */
export function declaredPart(value: JsonObject, shape: Shape): JsonObject {
  if (shape === 'leaf') return value;
  const kept: [string, JsonValue][] = [];
  for (const [key, inner] of Object.entries(value)) {
    const declared = shape.members.get(key);
    if (declared !== undefined) kept.push([key, isObject(inner) ? declaredPart(inner, declared) : inner]);
  }
  return Object.fromEntries(kept);
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

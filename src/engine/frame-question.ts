import type { Path } from '../language/ast.ts';
import { attributeTree } from './attribute-tree.ts';
import { ATTRIBUTE_NAMESPACES, compilePath, type AttributeScope } from './attributes.ts';
import type { AttributeReader, DecisionQuestion } from './decision-point.ts';
import type { Frame } from './frame.ts';
import type { Entity, Extensions, JsonObject, JsonValue, Phase } from './operation.ts';
import { isNativeSet, isObject, isSet, setMembers } from './values.ts';

/** What decision points are asked, read off a frame when they look at it. */
export class FrameQuestion implements DecisionQuestion {
  readonly frame: Frame;
  readonly #data: JsonObject;

  constructor(frame: Frame, data: JsonObject) {
    this.frame = frame;
    this.#data = data;
  }

  get phase(): Phase {
    return this.frame.phase;
  }

  get entity(): Entity {
    return this.frame.operation.entity;
  }

  get extensions(): Extensions {
    return this.frame.extensions;
  }

  get args(): JsonValue | undefined {
    return this.frame.args;
  }

  get result(): JsonValue | undefined {
    return this.frame.result;
  }

  get labels(): ReadonlySet<string> {
    return this.frame.labels;
  }

  namespaces(): ReadonlySet<string> {
    const { overlay } = this.frame;
    return overlay === undefined
      ? ATTRIBUTE_NAMESPACES
      : new Set([...ATTRIBUTE_NAMESPACES, ...overlay.children.keys()]);
  }

  namespace(name: string): JsonValue | undefined {
    return attributeTree(name, this.frame, this.#data);
  }
}

/** Compiles the read of the attribute called `name`; every part between dots is one segment. */
export function attributeReader(name: string, scope: AttributeScope): AttributeReader {
  const segments = name.split('.').map((text) => ({ kind: 'name', text }) as const);
  const path: Path = { kind: 'path', segments, range: { start: 0, end: name.length } };
  const read = compilePath(path, scope);
  return (question) => {
    if (!(question instanceof FrameQuestion)) return undefined;
    const value = read(question.frame);
    if (value === null || value === undefined) return undefined;
    if (isObject(value)) return Object.keys(value).length === 0 ? undefined : value;
    if (!isSet(value)) return value;
    if (!isNativeSet(value) && value.some((member) => typeof member === 'object' && member !== null)) return value;
    const members = setMembers(value);
    return members.length === 0 ? undefined : members.toSorted();
  };
}

import type { Entity, JsonObject } from '../../engine/operation.ts';
import type { ClientBody, ClientRequest } from './client-message.ts';
import { memberSpan } from '../json/json-scan.ts';
import { replaceMember, replaceSpan, spliceJson } from '../json/json-splice.ts';
import { foldedNames, hasLookalike, isJsonObject, jsonText, ownValue } from '../json/json-value.ts';

/** Methods that are operations of policy. Source: gateway specification, what it mediates. */
export type MediatedMethod = 'tools/call' | 'prompts/get' | 'resources/read';

/** A request that policy decides on. `args` is what it sees; for `resources/read` an object with the `uri` alone. */
export interface Mediation {
  readonly method: MediatedMethod;
  readonly entity: Entity;
  readonly args: JsonObject;
}

const ENTITY_TYPES = { 'tools/call': 'tool', 'prompts/get': 'prompt', 'resources/read': 'resource' } as const;
const NO_ARGUMENTS: JsonObject = {};
const PARAMS = foldedNames('name', 'arguments', 'uri', 'task', '_meta', 'requestState', 'inputResponses');

export function isMediated(method: string): method is MediatedMethod {
  return Object.hasOwn(ENTITY_TYPES, method);
}

/** Whether a lenient server could take `method` for a mediated one although it is none. */
export function resemblesMediated(method: string): boolean {
  return !isMediated(method) && isMediated(method.trim().toLowerCase());
}

/** Where `params` names what is called. */
function nameMember(method: MediatedMethod): 'name' | 'uri' {
  return method === 'resources/read' ? 'uri' : 'name';
}

/** What a mediated request asks for; undefined when its `params` do not say so in a way that all parsers read alike. */
export function mediationOf(method: MediatedMethod, params: JsonObject | undefined): Mediation | undefined {
  if (params === undefined || hasLookalike(params, PARAMS)) return undefined;
  const name = ownValue(params, nameMember(method));
  if (typeof name !== 'string' || name === '') return undefined;
  const entity: Entity = { type: ENTITY_TYPES[method], name };
  if (method === 'resources/read') return { method, entity, args: { uri: name } };
  const args = ownValue(params, 'arguments') ?? NO_ARGUMENTS;
  return isJsonObject(args) ? { method, entity, args } : undefined;
}

/**
 * The request's text with the arguments that policy made of them; undefined when these cannot be written where the
 * request had its own.
 */
export function withArguments(
  body: ClientBody,
  request: ClientRequest,
  mediation: Mediation,
  args: JsonObject,
): string | undefined {
  const { start, end } = request.span;
  const text = body.text.slice(start, end);
  const params = memberSpan(text, 0, 'params');
  if (params === undefined) return undefined;
  if (mediation.method === 'resources/read') {
    const uri = args['uri'];
    if (typeof uri !== 'string' || Object.keys(args).length !== 1) return undefined;
    return replaceSpan(text, params, replaceMember(text, params, 'uri', JSON.stringify(uri)));
  }
  const written = memberSpan(text, params.start, 'arguments');
  const spliced =
    written === undefined || ownValue(request.params, 'arguments') === null
      ? jsonText(args)
      : spliceJson(text, written, mediation.args, args);
  return replaceSpan(text, params, replaceMember(text, params, 'arguments', spliced));
}

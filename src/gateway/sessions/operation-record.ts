import { ENTITY_TYPES, PROGRESS, type Entity, type Extensions, type Operation } from '../../engine/operation.ts';
import { parseJson, stringifyJson } from '../../text/json.ts';
import { isJsonObject } from '../json/json-value.ts';
import { isListMethod } from '../protocol/list-methods.ts';
import type { Listing } from '../protocol/list-methods.ts';
import { isMediated } from '../protocol/mediation.ts';
import type { MediatedRequest } from './pending-requests.ts';

/**
 * An allowed operation as text with which any replica can decide on its response: arguments and constraint as `pre` left
 * them, and the labels of `pre` among those that the host gives. Credentials stay behind.
 */
export function writeOperation({ method, operation, decision, scope, upstream }: MediatedRequest): string {
  const { credentials: _credentials, [PROGRESS]: _progress, extensions = {}, ...rest } = operation;
  const labels = [...(extensions.labels ?? []), ...(decision?.taints ?? []).map(({ label }) => label)];
  const portable = {
    ...rest,
    args: decision === undefined ? operation.args : decision.args,
    extensions: { ...extensions, labels },
    constraint: decision?.constraint ?? operation.constraint,
  };
  return stringifyJson({ method, scope, upstream, operation: portable }) ?? '';
}

/** What `writeOperation` wrote; undefined for anything else. */
export function readOperation(text: string): MediatedRequest | undefined {
  const record = parsed(text);
  if (!isJsonObject(record)) return undefined;
  const { method, scope, upstream, operation } = record;
  if (typeof method !== 'string' || !isMediated(method) || typeof scope !== 'string') return undefined;
  if (!isOperation(operation)) return undefined;
  return { method, scope, operation, nested: false, ...(typeof upstream === 'string' ? { upstream } : {}) };
}

/** A request for a list that is to be filtered, as text. */
export function writeListing(listing: Listing): string {
  return stringifyJson(listing) ?? '';
}

/** What `writeListing` wrote; undefined for anything else. */
export function readListing(text: string): Listing | undefined {
  const record = parsed(text);
  if (!isJsonObject(record)) return undefined;
  const { method, extensions } = record;
  const known = typeof method === 'string' && isListMethod(method) && isExtensions(extensions);
  return known ? { method, extensions } : undefined;
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** The text is this gateway's own, so the outline tells it from anything else. */
function isOperation(value: unknown): value is Operation {
  return isJsonObject(value) && isEntity(value['entity']) && isExtensions(value['extensions']);
}

function isEntity(value: unknown): value is Entity {
  return (
    isJsonObject(value) && typeof value['name'] === 'string' && ENTITY_TYPES.some((type) => type === value['type'])
  );
}

function isExtensions(value: unknown): value is Extensions {
  return isJsonObject(value);
}

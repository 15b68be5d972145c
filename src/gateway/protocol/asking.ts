import type { JsonObject } from '../../engine/operation.ts';
import { isJsonObject, ownValue } from '../json/json-value.ts';
import { claimedVersion } from './standard-headers.ts';

/**
 * How the client of a request is asked in its protocol's own way: by an `input_required` result with what its user can be
 * shown (MCP 2026-07-28, multi round-trip requests), or by the error of a URL elicitation (MCP 2025-11-25).
 */
export type Asking =
  | { readonly kind: 'input_required'; readonly form: boolean; readonly url: boolean }
  | { readonly kind: 'url_required' };

/** Revisions whose requests say what their client can do. */
const ROUND_TRIP_VERSIONS: ReadonlySet<string> = new Set(['2026-07-28']);
/** Revisions with the error of a URL elicitation. */
const URL_ERROR_VERSIONS: ReadonlySet<string> = new Set(['2025-11-25']);
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
export const URL_REQUIRED: Asking = { kind: 'url_required' };

/** Undefined when the request declares no elicitation. */
export function askingOf(params: JsonObject | undefined): Asking | undefined {
  const version = claimedVersion(params);
  if (version === undefined || !ROUND_TRIP_VERSIONS.has(version)) return undefined;
  const meta = ownValue(params, '_meta');
  const modes = elicitationIn(isJsonObject(meta) ? ownValue(meta, CAPABILITIES_KEY) : undefined);
  return modes && { kind: 'input_required', form: modes.form, url: modes.url };
}

/** Whether an `initialize` declares that its client opens pages. */
export function opensPages(params: JsonObject | undefined): boolean {
  return elicitationIn(ownValue(params, 'capabilities'))?.url === true;
}

/** Whether a session of this protocol version can be told to open a page. */
export function knowsUrlError(version: string | undefined): boolean {
  return version !== undefined && URL_ERROR_VERSIONS.has(version);
}

/** An empty declaration means forms. */
function elicitationIn(capabilities: unknown): { readonly form: boolean; readonly url: boolean } | undefined {
  const modes = isJsonObject(capabilities) ? ownValue(capabilities, 'elicitation') : undefined;
  if (!isJsonObject(modes)) return undefined;
  const url = isJsonObject(ownValue(modes, 'url'));
  return { form: !url || isJsonObject(ownValue(modes, 'form')), url };
}

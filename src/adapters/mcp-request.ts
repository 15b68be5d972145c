import type { Engine } from '../engine/engine.ts';
import type { Entity, Extensions, HttpRequest } from '../engine/operation.ts';
import type { IdentityInput } from '../engine/plugin.ts';
import { visibleHeaders } from '../gateway/handlers/caller.ts';
import type { Caller } from '../gateway/handlers/caller.ts';
import { isJsonObject } from '../gateway/json/json-value.ts';

/** A verified token, as the bearer authentication of the MCP SDK leaves it. */
export interface McpAuthInfo {
  readonly token: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** What the verifier added, such as claims of the token. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What is known of an MCP request besides its arguments. */
export interface McpRequestInfo {
  readonly entity: Entity;
  /** Of the HTTP request; names in lower case. Empty for other transports. */
  readonly headers: IdentityInput['headers'];
  readonly authInfo: McpAuthInfo | undefined;
  /** The id that the server gave the transport session. */
  readonly sessionId: string | undefined;
}

/** What a transport of either SDK line tells of a message: `request` (a web request), or `requestInfo` (headers alone). */
export function requestInfoOf(entity: Entity, extra: unknown, sessionId: string | undefined): McpRequestInfo {
  const authInfo = authInfoOf(memberOf(extra, 'authInfo'));
  const request = memberOf(extra, 'request');
  const headers: Record<string, string | readonly string[]> = {};
  if (request instanceof Request) {
    for (const [name, value] of request.headers) headers[name] = value;
  } else {
    for (const [name, value] of Object.entries(memberOf(memberOf(extra, 'requestInfo'), 'headers') ?? {})) {
      if (typeof value === 'string' || isTexts(value)) headers[name.toLowerCase()] = value;
    }
  }
  return { entity, headers, authInfo, sessionId };
}

/** The headers for the identity plugins: a token that came beside them counts as presented. */
export function credentialHeadersOf({ headers, authInfo }: McpRequestInfo): IdentityInput['headers'] {
  if (authInfo === undefined || headers['authorization'] !== undefined) return headers;
  return { ...headers, authorization: `Bearer ${authInfo.token}` };
}

/** Whom the SDK authenticated. */
export function authenticatedClient({ authInfo }: McpRequestInfo): Extensions {
  if (authInfo === undefined) return {};
  return { client: { client_id: authInfo.clientId, authorized_scopes: authInfo.scopes } };
}

/** The HTTP request that carried a message; undefined for other transports. `host` is left out: nobody has checked it. */
export function httpOf(extra: unknown, info: McpRequestInfo, caller: Caller, engine: Engine): HttpRequest | undefined {
  const request = memberOf(extra, 'request');
  if (Object.keys(info.headers).length === 0) return undefined;
  const request_headers = visibleHeaders(info.headers, caller, engine);
  if (!(request instanceof Request)) return { request_headers };
  const { pathname, protocol } = new URL(request.url);
  return { method: request.method, path: pathname, scheme: protocol.slice(0, -1), request_headers };
}

function authInfoOf(value: unknown): McpAuthInfo | undefined {
  if (value === undefined) return undefined;
  const token = memberOf(value, 'token');
  const clientId = memberOf(value, 'clientId');
  const scopes = memberOf(value, 'scopes');
  const more = memberOf(value, 'extra');
  if (typeof token !== 'string' || typeof clientId !== 'string' || !isTexts(scopes)) return undefined;
  return { token, clientId, scopes, ...(isJsonObject(more) ? { extra: more } : undefined) };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

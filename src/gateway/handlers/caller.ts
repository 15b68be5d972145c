import type { Entity, Extensions, JsonObject } from '../../engine/operation.ts';
import type { DelegatedToken, Violation } from '../../engine/decision.ts';
import type { Engine, IdentityResult } from '../../engine/engine.ts';
import type { IdentityInput } from '../../engine/plugin.ts';
import { answerError } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import { RPC_CODES } from '../protocol/rpc-error.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** Who sends a request, established for one entity. */
export interface Caller {
  readonly identity: Extract<IdentityResult, { outcome: 'identified' }>;
  /** The principal as one string; empty when nobody was authenticated. */
  readonly principal: string;
}

/** Requests that are no operation of their own are identified by the bundle's global layer. */
export const HTTP_ENTITY: Entity = { type: 'http', name: '*' };

const ALWAYS_WITHHELD: ReadonlySet<string> = new Set(['authorization']);
const NOTHING_WITHHELD: ReadonlySet<string> = new Set();
/** Not shown to policy and plugins, for whom credentials are a capability of their own. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie']);

/** What identifying needs of a gateway. */
export interface Identifying {
  readonly engine: Engine;
  readonly telemetry: Pick<Telemetry, 'error'>;
}

/** Identifies the caller; a failure of the engine counts as denied. */
export async function identifyCaller(
  gateway: Identifying,
  exchange: { readonly id: string; readonly request: Pick<IdentityInput, 'headers'> },
  entity: Entity,
): Promise<Caller | Violation> {
  try {
    const identity = await gateway.engine.identify({ entity, id: exchange.id, headers: exchange.request.headers });
    if (identity.outcome === 'identified') return { identity, principal: principalOf(identity.extensions) };
    return identity.violation;
  } catch (error) {
    gateway.telemetry.error('the engine failed to identify', error);
    return { code: 'gateway.engine_failure', reason: 'authentication failed', details: {} };
  }
}

/** The challenge for who is not authenticated (RFC 6750, 3; RFC 9728, 5.1); `presented`: with credentials that are no good. */
export function challengeOf(resourceMetadata: string | undefined, presented: boolean): string {
  const parts: string[] = [];
  if (resourceMetadata !== undefined) parts.push(`resource_metadata="${resourceMetadata}"`);
  if (presented) parts.push('error="invalid_token"');
  return parts.length === 0 ? 'Bearer' : `Bearer ${parts.join(', ')}`;
}

export function answerUnauthenticated(gateway: GatewayContext, exchange: Exchange, violation: Violation): void {
  const challenge = challengeOf(gateway.resourceMetadata, exchange.request.headers.authorization !== undefined);
  const data = { violation: violation.code, reason: violation.reason, details: {} };
  const error = { code: RPC_CODES.denied, message: 'not authenticated', data };
  exchange.note.outcome = 'unauthenticated';
  answerError(exchange, 401, error, undefined, ['www-authenticate', challenge]);
}

/** What policy knows of the request besides its arguments. */
export function extensionsOf(
  gateway: GatewayContext,
  exchange: Exchange,
  caller: Caller,
  entity: Entity,
  session: GatewaySession | undefined,
): Extensions {
  const { request, target, host } = exchange;
  const http = {
    method: request.method ?? '',
    path: target.path,
    host,
    scheme: gateway.scheme,
    request_headers: visibleHeaders(request.headers, caller, gateway.engine),
  };
  const mcp = mcpSlot(entity);
  return {
    ...caller.identity.extensions,
    http,
    ...(session === undefined ? undefined : { agent: { session_id: session.id } }),
    ...(mcp === undefined ? undefined : { mcp }),
  };
}

/**
 * Headers that stay at the gateway because they authenticate the client to it. A request that takes minted credentials
 * along leaves the client's own behind, whatever is configured.
 */
export function withheldHeaders(
  gateway: GatewayContext,
  callers: readonly Caller[],
  minted: readonly DelegatedToken[],
): ReadonlySet<string> {
  if (gateway.forwardAuthorization && minted.length === 0) return withNames(NOTHING_WITHHELD, [], gateway);
  const credentials = callers.flatMap((caller) => caller.identity.credentials);
  return withNames(ALWAYS_WITHHELD, credentials, gateway);
}

/** The request headers that policy may see: all but those that hold credentials or a session handle. */
export function visibleHeaders(
  headers: IdentityInput['headers'],
  caller: Caller,
  engine: GatewayContext['engine'],
): Record<string, string | readonly string[]> {
  const withheld = withNames(CREDENTIAL_HEADERS, caller.identity.credentials, { engine });
  const visible: Record<string, string | readonly string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !withheld.has(name)) visible[name] = value;
  }
  return visible;
}

/** `names`, those of the credentials, and that of session handles, in lower case. */
function withNames(
  names: ReadonlySet<string>,
  credentials: Caller['identity']['credentials'],
  { engine }: Pick<GatewayContext, 'engine'>,
): ReadonlySet<string> {
  const handle = engine.handleNames?.header.toLowerCase();
  if (credentials.length === 0 && handle === undefined) return names;
  const more = credentials.map(({ header }) => header.toLowerCase());
  if (handle !== undefined) more.push(handle);
  return more.every((name) => names.has(name)) ? names : new Set([...names, ...more]);
}

/** Who stands behind a request, as one string; empty when nobody was authenticated. */
export function principalOf(extensions: Extensions): string {
  const { subject, client, caller_workload: workload } = extensions;
  if (subject?.id !== undefined) return JSON.stringify(['subject', subject.issuer ?? '', subject.id]);
  if (client !== undefined) return JSON.stringify(['client', client.client_id]);
  return workload?.spiffe_id === undefined ? '' : JSON.stringify(['workload', workload.spiffe_id]);
}

/** What policy reads as `mcp`. */
export function mcpSlot(entity: Entity): JsonObject | undefined {
  switch (entity.type) {
    case 'tool':
      return { tool: { name: entity.name } };
    case 'prompt':
      return { prompt: { name: entity.name } };
    case 'resource':
      return { resource: { uri: entity.name } };
    case 'llm':
    case 'http':
      return undefined;
  }
}

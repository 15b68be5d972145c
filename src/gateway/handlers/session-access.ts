import { randomBytes } from 'node:crypto';
import type { Caller } from './caller.ts';
import { answerError } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { OpeningSession } from './relay.ts';
import { RPC_CODES, gatewayError } from '../protocol/rpc-error.ts';
import { scopeDigest } from '../sessions/session-table.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import type { NamedUpstream } from '../upstream/upstream-set.ts';

const NOT_FOUND = gatewayError(RPC_CODES.invalidRequest, 'session_not_found', 'there is no such session');
const OTHER_VERSION = gatewayError(
  RPC_CODES.invalidRequest,
  'protocol_version',
  'the session speaks another protocol version',
);
/** Of the upstream's answer to the end of a session that could not be kept. */
const MAX_ANSWER_BYTES = 65_536;

/**
 * The session that the request names. `refused` when it was answered: 404 for a session of somebody else, or of another
 * gateway, which is as good as none, and alarmed; 400 when the request names another protocol version than its session. A session that nobody in particular opened is anybody's who knows its id.
 * Rejects with `TransportStorageError`.
 */
export async function findSession(
  gateway: GatewayContext,
  exchange: Exchange,
  callers: readonly Caller[],
): Promise<GatewaySession | undefined | 'refused'> {
  const id = exchange.request.headers['mcp-session-id'];
  if (id === undefined) return undefined;
  const session = typeof id === 'string' ? await gateway.sessions.load(id) : undefined;
  const upstream = session && gateway.upstreams.named(session.upstream);
  // A session of an upstream that is no longer configured is lost.
  if (session !== undefined && upstream !== undefined) {
    const foreign = foreignTo(gateway, upstream, session, callers);
    if (foreign === undefined) {
      if (isOfVersion(session, exchange)) return session;
      answerError(exchange, 400, OTHER_VERSION);
      return 'refused';
    }
    gateway.telemetry.alarm({ alarm: 'session_replayed', foreign });
  }
  answerError(exchange, 404, NOT_FOUND);
  return 'refused';
}

/**
 * Whether the request keeps to the version that its session agreed on. Who names none means that one, as clients older
 * than the header do. Source: MCP 2025-11-25, protocol version header.
 */
function isOfVersion({ protocolVersion }: GatewaySession, { request }: Exchange): boolean {
  const version = request.headers['mcp-protocol-version'];
  return version === undefined || protocolVersion === undefined || version === protocolVersion;
}

/** A session that `upstream` opens for `owner` with an `initialize`; `opensPages`: as its client declares there. */
export function openingSession(
  gateway: GatewayContext,
  upstream: NamedUpstream,
  owner: string,
  upstreamId: string,
  opensPages: boolean,
): OpeningSession {
  const id = randomBytes(32).toString('base64url');
  const scope = scopeDigest(gateway.sessionScope, upstream);
  return {
    id,
    async keep(protocolVersion) {
      try {
        const opened = { id, upstream: upstream.name, upstreamId, owner, scope, protocolVersion, opensPages };
        await gateway.sessions.create(opened);
      } catch (error) {
        // Nobody could ever end it at the upstream.
        await endUpstream(gateway, upstream, upstreamId);
        throw error;
      }
    },
  };
}

/** Ends a session here; the upstream is another matter. Rejects with `TransportStorageError`. */
export async function endSession(gateway: GatewayContext, session: GatewaySession): Promise<void> {
  gateway.requests.forget(session.id);
  await gateway.sessions.delete(session.id);
}

function foreignTo(
  gateway: GatewayContext,
  upstream: NamedUpstream,
  session: GatewaySession,
  callers: readonly Caller[],
): 'subject' | 'gateway' | undefined {
  if (session.scope !== scopeDigest(gateway.sessionScope, upstream)) return 'gateway';
  const own = session.owner === '' || callers.every(({ principal }) => principal === session.owner);
  return own ? undefined : 'subject';
}

async function endUpstream(gateway: GatewayContext, upstream: NamedUpstream, upstreamId: string): Promise<void> {
  const headers = ['mcp-session-id', upstreamId];
  const sent = upstream.pool.send({ method: 'DELETE', path: upstream.mcpPath, headers, body: null });
  try {
    const { body } = await sent.response;
    await body.collect(MAX_ANSWER_BYTES, gateway.limits.upstreamBodyMs);
  } catch {
    gateway.telemetry.alarm({ alarm: 'upstream_session_left', upstream: upstream.name });
  }
}

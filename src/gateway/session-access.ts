import type { Caller } from './caller.ts';
import { answerError } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import { RPC_CODES, gatewayError } from './rpc-error.ts';
import type { GatewaySession } from './session-table.ts';

const NOT_FOUND = gatewayError(RPC_CODES.invalidRequest, 'session_not_found', 'there is no such session');

/**
 * The session that the request names. `refused` when it was answered 404: a session of somebody else is as good as none.
 * A session that nobody in particular opened is anybody's who knows its id.
 */
export async function findSession(
  gateway: GatewayContext,
  exchange: Exchange,
  callers: readonly Caller[],
): Promise<GatewaySession | undefined | 'refused'> {
  const id = exchange.request.headers['mcp-session-id'];
  if (id === undefined) return undefined;
  const session = typeof id === 'string' ? await gateway.sessions.load(id) : undefined;
  if (session !== undefined && isKept(gateway, session) && callers.every((caller) => mayUse(caller, session)))
    return session;
  answerError(exchange, 404, NOT_FOUND);
  return 'refused';
}

/** Ends a session here; the upstream is another matter. */
export async function endSession(gateway: GatewayContext, session: GatewaySession): Promise<void> {
  gateway.ledger.forget(session.id);
  await gateway.sessions.delete(session.id);
}

/** A session of an upstream that is no longer configured is lost. */
function isKept(gateway: GatewayContext, { upstream }: GatewaySession): boolean {
  return gateway.upstreams.named(upstream) !== undefined;
}

function mayUse(caller: Caller, session: GatewaySession): boolean {
  return session.owner === '' || session.owner === caller.principal;
}

import type { Exchange } from '../http/exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import { sendInSpan } from '../upstream/upstream-span.ts';
import type { NamedUpstream } from '../upstream/upstream-set.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { UpstreamExchange, UpstreamRequest, UpstreamResponse } from '../upstream/upstream.ts';

/** A response that began to arrive, and who gives it. */
export interface Answered {
  readonly upstream: NamedUpstream;
  readonly response: UpstreamResponse;
}

/**
 * Sends to the first of `upstreams` that a connection can be made to. Once a request may have reached one, no other gets
 * it. Given up when the client goes. Rejects with `UpstreamError`.
 */
export async function sendUpstream(
  gateway: GatewayContext,
  exchange: Exchange,
  upstreams: readonly NamedUpstream[],
  { method, headers, body }: Omit<UpstreamRequest, 'path'>,
): Promise<Answered> {
  let sent: UpstreamExchange | undefined;
  exchange.response.on('close', () => sent?.cancel());
  for (const [place, upstream] of upstreams.entries()) {
    if (exchange.response.destroyed) throw new UpstreamError('cancelled', false);
    exchange.note.upstream = upstream.name;
    gateway.telemetry.upstreamRequest(upstream.name);
    const given = { method, path: pathAt(upstream, gateway.mcpPath, exchange), headers, body };
    sent = gateway.tracer === undefined ? upstream.pool.send(given) : sendInSpan(gateway.tracer, upstream, given);
    try {
      return { upstream, response: await sent.response };
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.sent || error.failure !== 'unreachable') throw error;
      upstream.avoid();
      if (place === upstreams.length - 1) throw error;
      gateway.telemetry.upstreamError(upstream.name, error.failure);
    }
  }
  throw new UpstreamError('unreachable', false);
}

/** The MCP endpoint has the path that each upstream gives it; any other path is the same on all. */
function pathAt(upstream: NamedUpstream, mcpPath: string, { target }: Exchange): string {
  return target.path === mcpPath ? upstream.mcpPath + target.raw.slice(target.path.length) : target.raw;
}
